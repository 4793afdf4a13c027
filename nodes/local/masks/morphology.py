"""Masks grown, shrunk, filled and sorted out, on float32 arrays (H, W) from 0 to 1. scipy is imported on first use.

A pixel counts as marked from 0.5 on. Soft masks stay soft: growing is grey dilation, and what is dropped or filled takes its
soft rim with it. The border of the picture is no edge: nothing shrinks away from it, and a gap that reaches it is no hole.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import numpy.typing as npt

from .tensors import Array

Marks = npt.NDArray[np.bool_]
Labels = npt.NDArray[np.int32]

MARKED = 0.5
"""From this value on a pixel counts as marked."""

_AT_CORNERS_TOO = np.ones((3, 3), bool)
_SIDEWAYS = np.array([[0, 1, 0], [1, 1, 1], [0, 1, 0]], bool)
# Rims are followed down in steps: each level, and what is left of a dropped piece that stands on something fainter.
_RIM_LEVELS = ((0.375, 0.25), (0.25, 0.125), (0.125, 0.0), (float(np.finfo(np.float32).tiny), 0.0))

Rule = Callable[[Labels, int], Marks]
"""Which of ``count`` labelled pieces go: (count + 1,), where label 0 stands for what is no piece."""


def is_hard(mask: Array) -> bool:
    """Whether there is nothing between 0 and 1."""
    return bool(((mask == 0) | (mask == 1)).all())


def grow(mask: Array, radius: float, check: Callable[[], None] = lambda: None) -> Array:
    """Grey dilation by a disk of ``radius`` pixels: dx*dx + dy*dy <= radius*radius. ``check`` may raise to stop it."""
    rows, columns = _around(mask != 0, math.ceil(radius))
    grown = mask.copy()
    if radius >= 1 and rows.start < rows.stop:
        part = mask[rows, columns]
        grown[rows, columns] = _near_marks(part == 1, radius) if is_hard(part) else _grow_soft(part, radius, check)
    return grown


def shrink(mask: Array, radius: float, check: Callable[[], None] = lambda: None) -> Array:
    """Grey erosion by the disk of :func:`grow`."""
    return 1 - grow(1 - mask, radius, check)


def _around(marks: Marks, margin: int) -> tuple[slice, slice]:
    """Rows and columns of what is marked, with a margin; empty where nothing is."""
    rows, columns = np.flatnonzero(marks.any(1)), np.flatnonzero(marks.any(0))
    if not len(rows):
        return slice(0, 0), slice(0, 0)
    top, left = max(0, rows[0] - margin), max(0, columns[0] - margin)
    return slice(top, rows[-1] + margin + 1), slice(left, columns[-1] + margin + 1)


def _near_marks(marks: Marks, radius: float) -> Marks:
    """What is at most ``radius`` from a marked pixel: as long for a large radius as for a small one."""
    nearest = _nearest(marks)
    # In place, because a distance for each pixel of an 8k mask would take gigabytes.
    nearest[0] -= np.arange(marks.shape[0], dtype=np.int32)[:, None]
    nearest[1] -= np.arange(marks.shape[1], dtype=np.int32)
    nearest *= nearest
    nearest[0] += nearest[1]
    near: Marks = nearest[0] <= radius * radius
    return near


def _nearest(marks: Marks) -> Labels:
    """For each pixel, row and column of the marked one nearest to it: (2, H, W)."""
    from scipy import ndimage

    found: Labels = ndimage.distance_transform_edt(~marks, return_distances=False, return_indices=True)
    return found


def _grow_soft(mask: Array, radius: float, check: Callable[[], None]) -> Array:
    """Row by row of the disk: the running maximum over a row's width, then the maximum over rows shifted up and down."""
    from scipy import ndimage

    grown, height = np.zeros_like(mask), len(mask)
    for shift in range(min(int(radius), height - 1) + 1):
        check()
        width = 2 * math.isqrt(int(radius * radius) - shift * shift) + 1
        widened = ndimage.maximum_filter1d(mask, width, axis=1, mode="constant", cval=0)
        np.maximum(grown[shift:], widened[: height - shift], out=grown[shift:])
        np.maximum(grown[: height - shift], widened[shift:], out=grown[: height - shift])
    return grown


def soften(mask: Array, sigma: float) -> Array:
    """A gaussian of that standard deviation in pixels; beyond the border the mask goes on as it ends there."""
    from scipy import ndimage

    soft: Array = ndimage.gaussian_filter(mask, sigma, mode="nearest")
    return soft


def drop_pieces(mask: Array, smallest: int | None, check: Callable[[], None] = lambda: None) -> tuple[Array, int]:
    """Pieces of fewer than ``smallest`` pixels (None: all but the largest) taken away, and how many there were.

    A piece is what is marked and touches, at corners too. Of equally large ones the topmost is kept.
    """
    if smallest is None:
        return _dropped(mask, _AT_CORNERS_TOO, _all_but_the_largest, _all, check)
    least = smallest

    def small(labels: Labels, count: int) -> Marks:
        return _sizes(labels, count) < least

    return _dropped(mask, _AT_CORNERS_TOO, small, small, check)


def _all_but_the_largest(labels: Labels, count: int) -> Marks:
    sizes = _sizes(labels, count)
    sizes[0] = 0
    return np.arange(count + 1) != sizes.argmax()


def _all(_labels: Labels, count: int) -> Marks:
    return np.ones(count + 1, bool)


def fill_holes(mask: Array, largest: int | None, check: Callable[[], None] = lambda: None) -> tuple[Array, int]:
    """Holes of at most ``largest`` pixels (None: any) filled, and how many there were.

    A hole is what is not marked and has no way to the border by steps sideways, up and down.
    """

    def closed(labels: Labels, count: int) -> Marks:
        fills = np.ones(count + 1, bool) if largest is None else _sizes(labels, count) <= largest
        for border in (labels[0], labels[-1], labels[:, 0], labels[:, -1]):
            fills[border] = False
        return fills

    gaps = 1 - mask
    left, count = _dropped(gaps, _SIDEWAYS, closed, closed, check)
    return np.where(left < gaps, 1 - left, mask), count


def _sizes(labels: Labels, count: int) -> npt.NDArray[np.int64]:
    return np.bincount(labels.ravel(), minlength=count + 1)


def _dropped(
    mask: Array, structure: Marks, goes: Rule, faint_goes: Rule, check: Callable[[], None]
) -> tuple[Array, int]:
    """``mask`` without the pieces that go, and how many did. What is faint and hangs on a piece goes or stays with it;
    what is faint and hangs on none follows a rule of its own.
    """
    from scipy import ndimage

    labels, count = ndimage.label(mask >= MARKED, structure)
    drops = goes(labels, count)
    drops[0] = False
    dropped = drops[labels]
    number = int(drops.sum())
    if is_hard(mask):
        return np.where(dropped, np.float32(0), mask), number
    stays = (labels != 0) & ~dropped
    left = np.where(dropped, np.minimum(mask, np.float32(_RIM_LEVELS[0][0])), mask)
    for level, floor in _RIM_LEVELS:
        check()
        labels, count = ndimage.label(mask >= level, structure)
        drops = faint_goes(labels, count)
        drops[labels[dropped]] = True
        drops[labels[stays]] = False
        drops[0] = False
        np.minimum(left, floor, out=left, where=drops[labels])
    return left, number
