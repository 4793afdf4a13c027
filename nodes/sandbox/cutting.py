"""Cut-outs: what stands out from the colour along a picture's edges."""

from __future__ import annotations

import numpy as np
from PIL import Image

from .lettering import tag

CLEAR, SOLID = 36, 72
"""Distance from the edges' colour, in 8-bit steps over three channels, up to which a pixel is clear, and solid from."""


def alpha_of(picture: Image.Image, threshold: float = 0.0, *, reverse: bool = False) -> Image.Image:
    """The opacity of what stands in front, as mode L; a threshold above 0 (to 1) makes its edge hard."""
    pixels = np.asarray(picture.convert("RGBA")).astype(np.int32)
    rim = np.concatenate([pixels[0], pixels[-1], pixels[:, 0], pixels[:, -1]])[:, :3]
    distance = np.abs(pixels[..., :3] - np.median(rim, axis=0)).sum(axis=-1)
    share = np.clip((distance - CLEAR) / (SOLID - CLEAR), 0, 1)
    if threshold > 0:
        share = (share >= threshold).astype(np.float64)
    if reverse:
        share = 1 - share
    return Image.fromarray((share * pixels[..., 3]).round().astype(np.uint8))


def cut_out(picture: Image.Image, alpha: Image.Image, serial: int) -> Image.Image:
    """The picture with that opacity. Its label is painted before, so that the opacity is left as it is."""
    cut = picture.convert("RGB")
    tag(cut, alpha.getbbox() or (0, 0, *cut.size), f"#{serial}")
    cut.putalpha(alpha)
    return cut
