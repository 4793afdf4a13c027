"""A mask as Midjourney's gateways take one: white where it should change, black where it stays, nothing between.

Source: PiAPI's and EvoLink's pages on inpainting, and the modal call of trueai-org/midjourney-proxy (2026).
"""

from __future__ import annotations

import base64
import io
from typing import TYPE_CHECKING

from ..engine.inputs import InputMask

if TYPE_CHECKING:
    from PIL.Image import Image as Grey

_HALF = 128


def check_region(mask: InputMask) -> None:
    """Raises ``ValueError`` for a mask that marks nothing, or everything."""
    darkest, brightest = _hard(mask).getextrema()
    if not brightest:
        raise ValueError("it marks nothing: paint where the picture should change")
    if darkest:
        raise ValueError("it marks the whole picture: paint less, or take Midjourney Vary")


def encoded(mask: InputMask) -> str:
    """A PNG of one bit a pixel, in base64: small enough to be written down with the task."""
    from PIL import Image

    file = io.BytesIO()
    _hard(mask).convert("1", dither=Image.Dither.NONE).save(file, "PNG", optimize=True)
    return base64.b64encode(file.getvalue()).decode()


def _hard(mask: InputMask) -> Grey:
    from PIL import Image

    with Image.open(io.BytesIO(mask.as_white())) as grey:
        return grey.convert("L").point([0] * _HALF + [255] * (256 - _HALF))
