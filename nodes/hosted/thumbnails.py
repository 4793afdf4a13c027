"""Small pictures for the editor's panel."""

from __future__ import annotations

import numpy as np
from PIL import Image

from .. import pictures

_QUALITY = 80


def thumbnail(data: bytes, side: int) -> bytes:
    """An encoded picture as a small WebP whose longer side has at most ``side`` pixels. Raises NotAPicture."""
    whole = Image.fromarray(pictures.decode(data).array)
    whole.thumbnail((side, side))
    return pictures.Pixels(np.asarray(whole)).encoded(pictures.WEBP, quality=_QUALITY)
