"""Small pictures for the editor's panel."""

from __future__ import annotations

import numpy as np
from PIL import Image

from .. import pictures

_QUALITY = 80


def thumbnail(data: bytes, side: int) -> bytes:
    """An encoded picture as a small WebP whose longer side has at most ``side`` pixels. Raises NotAPicture."""
    return small(pictures.decode(data), side)


def small(picture: pictures.Pixels, side: int) -> bytes:
    """The same of a decoded picture."""
    whole = Image.fromarray(picture.array)
    whole.thumbnail((side, side))
    return pictures.Pixels(np.asarray(whole)).encoded(pictures.WEBP, quality=_QUALITY)
