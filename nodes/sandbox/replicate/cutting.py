"""Cut-outs: what stands out from the colour along a picture's edges."""

from __future__ import annotations

import json
from collections.abc import Mapping

import numpy as np
from PIL import Image, ImageFilter

from ..colours import RGB
from ..lettering import tag
from .refusals import ModelFailure

CLEAR, SOLID = 36, 72
"""Distance from the edges' colour, in 8-bit steps over three channels, up to which a pixel is clear, and solid from."""
COLOURS: Mapping[str, RGB] = {"green": (120, 255, 155), "white": (255, 255, 255)}


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


def on_background(cut: Image.Image, kind: str) -> Image.Image:
    """The cut-out as `background_type` wants it: clear, a map of its opacity, or before a colour or a blur."""
    if kind == "rgba":
        return cut
    if kind == "map":
        return cut.getchannel("A").convert("RGB")
    if kind == "blur":
        ground = cut.convert("RGB").filter(ImageFilter.GaussianBlur(15))
    elif kind == "overlay":
        ground = Image.blend(cut.convert("RGB"), Image.new("RGB", cut.size, COLOURS["green"]), 0.5)
    else:
        ground = Image.new("RGB", cut.size, colour_of(kind))
    ground.paste(cut.convert("RGB"), mask=cut.getchannel("A"))
    return ground


def check_background(kind: str) -> None:
    """Raises ModelFailure for anything else, such as a path: there is no such file."""
    if kind not in ("rgba", "map", "blur", "overlay"):
        colour_of(kind)


def colour_of(text: str) -> RGB:
    """A colour by its name or as [R, G, B]. Raises ModelFailure."""
    if text in COLOURS:
        return COLOURS[text]
    try:
        red, green, blue = (min(255, max(0, int(step))) for step in json.loads(text))
    except (ValueError, TypeError) as problem:
        raise ModelFailure(f"[Errno 2] No such file or directory: '{text[:200]}'") from problem
    return red, green, blue
