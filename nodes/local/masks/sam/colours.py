"""Masks laid over their picture in colours, to look at."""

from __future__ import annotations

import colorsys
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from ....pictures import Pixels

if TYPE_CHECKING:
    from torch import Tensor

TINT = (40, 140, 255)
_GOLDEN = 0.61803398875
_STRENGTH = 0.6
_VEIL = 140
_STRIP = 256
_SHOWN_SIDE = 1536


def overview(picture: Pixels, masks: Sequence[Tensor], out: npt.NDArray[np.float32]) -> None:
    """Writes the picture, each mask (H, W) over it in a colour of its own, the smallest on top, into ``out``.

    ``out`` is (H, W, 3), 0 to 1.
    """
    largest_first = sorted(range(len(masks)), key=lambda one: -float(masks[one].sum()))
    colours = _colours(len(masks))
    # In strips: what is worked with would else be several times the size of a large picture.
    for top in range(0, picture.height, _STRIP):
        rows = slice(top, top + _STRIP)
        shown = out[rows]
        np.divide(picture.array[rows, :, :3], 255, out=shown)
        belongs = np.zeros(shown.shape[:2], np.int32)
        for place in largest_first:
            belongs[masks[place][rows].numpy() > 0.5] = place + 1
        marked = belongs > 0
        shown[marked] = shown[marked] * (1 - _STRENGTH) + colours[belongs[marked] - 1] * _STRENGTH
        # Bright colours stand out from what nobody has claimed.
        shown[~marked] *= 0.5


def _colours(count: int) -> npt.NDArray[np.float32]:
    """Colours that differ from their neighbours in the list, the same ones every time."""
    hues: Iterable[float] = ((place * _GOLDEN) % 1 for place in range(count))
    return np.array([colorsys.hsv_to_rgb(hue, 0.85, 1.0) for hue in hues], np.float32).reshape(-1, 3)


def small(picture: Pixels) -> Pixels:
    """The picture without alpha, no larger than it is shown on a node."""
    return Pixels(_shrunk(picture.array[..., :3]))


def veil(mask: Tensor) -> Pixels:
    """A mask (H, W) as a tinted, half transparent sheet to lay over :func:`small` of its picture."""
    alpha = _shrunk((mask.numpy() > 0.5).astype(np.uint8) * _VEIL)
    sheet = np.empty((*alpha.shape, 4), np.uint8)
    sheet[..., :3] = TINT
    sheet[..., 3] = alpha
    return Pixels(sheet)


def _shrunk(array: npt.NDArray[np.uint8]) -> npt.NDArray[np.uint8]:
    from PIL import Image

    image = Image.fromarray(array)
    # Reduces before it resamples, so that the largest pictures cost little.
    image.thumbnail((_SHOWN_SIDE, _SHOWN_SIDE), Image.Resampling.BILINEAR, reducing_gap=2.0)
    return np.array(image)
