"""A grid of four and its pictures: the one cut into the others to the pixel, the others laid together.

Pictures are arrays (height, width, channels) of 8-bit samples.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[np.uint8]

_WHITE = 255


def cut(grid: Array) -> list[Array]:
    """The four pictures of a grid, by rows. Of an odd side the middle line belongs to none, so that all are one size."""
    height, width = grid.shape[0] // 2, grid.shape[1] // 2
    if not height or not width:
        return [grid]
    rows, columns = (0, grid.shape[0] - height), (0, grid.shape[1] - width)
    return [grid[top : top + height, left : left + width] for top in rows for left in columns]


def laid(pictures: Sequence[Array]) -> Array:
    """Pictures that came one by one, as the grid that they would have been: two in a row, white where one is missing."""
    height, width = _largest(pictures)
    rows = math.ceil(len(pictures) / 2)
    grid = np.full((rows * height, 2 * width, 3), _WHITE, np.uint8)
    for place, picture in enumerate(pictures):
        top, left = place // 2 * height, place % 2 * width
        grid[top : top + picture.shape[0], left : left + picture.shape[1]] = picture[..., :3]
    return grid


def both(delivered: Sequence[Array]) -> tuple[Array, list[Array]]:
    """Grid and pictures of a delivery: one grid, or pictures one by one, as gateways differ.

    The pictures are all one size, white where one is smaller, so that they are one batch and none is lost.
    """
    if len(delivered) == 1:
        return delivered[0], cut(delivered[0])
    grid, height, width = laid(delivered), *_largest(delivered)
    places = [(place // 2 * height, place % 2 * width) for place in range(len(delivered))]
    return grid, [grid[top : top + height, left : left + width] for top, left in places]


def _largest(pictures: Sequence[Array]) -> tuple[int, int]:
    return max(picture.shape[0] for picture in pictures), max(picture.shape[1] for picture in pictures)
