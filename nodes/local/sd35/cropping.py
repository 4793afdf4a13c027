"""Where a picture is cut for inpainting, at which size the cut is painted, and how it is put back."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from ..masks.refine import INSIDE, Refining, refine
from ..masks.tensors import Array

if TYPE_CHECKING:
    from torch import Tensor

SIDES_BY = 16
"""Sides that the model draws are multiples of this."""

_LEAST_CONTEXT = 32
# Beyond this a cut shows the model little but its own blur.
_LARGEST_SCALE = 4
# No member of the family was trained on longer shapes.
_LONGEST_SHAPE = 2


@dataclass(frozen=True)
class Room:
    """At what sizes a model paints, in pixels: the area it is best at, the area up to which it is as good, the longest side."""

    best_area: int
    largest_area: int
    longest_side: int


@dataclass(frozen=True)
class Box:
    """A part of a picture, in pixels."""

    left: int
    top: int
    width: int
    height: int

    @property
    def corners(self) -> tuple[int, int, int, int]:
        """Left, top, right, bottom."""
        return self.left, self.top, self.left + self.width, self.top + self.height

    @property
    def inside(self) -> tuple[slice, slice]:
        """Its rows and columns."""
        return slice(self.top, self.top + self.height), slice(self.left, self.left + self.width)


@dataclass(frozen=True)
class Cut:
    """A box for each picture, all of one size, and the size at which what is in them is painted."""

    boxes: tuple[Box, ...]
    width: int
    height: int


def prepared(mask: Array, grow: int, feather: int) -> tuple[Array, Array]:
    """Where to paint, and how much of what was painted to keep: both 0 wherever the grown mask (H, W) is.

    The edge fades inwards over ``feather`` pixels, less where the mask is too narrow for that: its middle stays at 1. The
    picture's border is no edge.
    """
    paint = refine(mask, Refining(grow=grow)).mask
    kept = refine(paint, Refining(feather=min(feather, _depth(paint)), feather_side=INSIDE)).mask
    return paint, kept


def _depth(mask: Array) -> int:
    """How many pixels the middle of what is marked lies from its edge; without an edge, more than any feather."""
    from scipy import ndimage

    if mask.all():
        return max(mask.shape)
    return int(ndimage.distance_transform_edt(mask).max())


def cut_for(masks: Array, context: int, room: Room) -> Cut:
    """The cut round what is marked in each of the masks (B, H, W), as large as the largest of them needs.

    ``context`` percent of a mask's longer side is added all round, 32 pixels at least; a mask that is empty has its box in the
    middle. Small cuts are painted enlarged, at the size the model is best at; only those beyond what it can are made smaller.
    """
    height, width = masks.shape[1:]
    marked = [_bounds(mask) for mask in masks]
    needs = [_needed(bounds, context) for bounds in marked if bounds] or [(width, height)]
    wide, tall = (min(side, max(need)) for side, need in zip((width, height), zip(*needs, strict=True), strict=True))
    # At first the shape, then the size: what the picture's border allows.
    wide, tall = min(width, max(wide, tall // _LONGEST_SHAPE)), min(height, max(tall, wide // _LONGEST_SHAPE))
    enlarged = math.sqrt(room.best_area / (wide * tall)) / _LARGEST_SCALE
    if enlarged > 1:
        wide, tall = min(width, math.ceil(wide * enlarged)), min(height, math.ceil(tall * enlarged))
    if room.best_area <= wide * tall <= room.largest_area:
        wide, tall = min(width, _up(wide)), min(height, _up(tall))
    painted = _painted_size(wide, tall, room)
    wide, tall = _shaped(wide, tall, painted, (width, height))
    return Cut(tuple(_placed(bounds, wide, tall, width, height) for bounds in marked), *painted)


def _bounds(mask: Array) -> tuple[int, int, int, int] | None:
    """Left, top, right and bottom of what is marked at all."""
    rows, columns = np.flatnonzero(mask.any(1)), np.flatnonzero(mask.any(0))
    if not len(rows):
        return None
    return int(columns[0]), int(rows[0]), int(columns[-1]) + 1, int(rows[-1]) + 1


def _needed(bounds: tuple[int, int, int, int], context: int) -> tuple[int, int]:
    left, top, right, bottom = bounds
    around = max(_LEAST_CONTEXT, math.ceil(max(right - left, bottom - top) * context / 100))
    return right - left + 2 * around, bottom - top + 2 * around


def _painted_size(width: int, height: int, room: Room) -> tuple[int, int]:
    area = min(max(width * height, room.best_area), max(room.best_area, room.largest_area))
    scale = min(math.sqrt(area / (width * height)), room.longest_side / max(width, height))
    longest = room.longest_side // SIDES_BY * SIDES_BY
    found = [min(longest, max(4 * SIDES_BY, round(side * scale / SIDES_BY) * SIDES_BY)) for side in (width, height)]
    return found[0], found[1]


def _shaped(width: int, height: int, painted: tuple[int, int], most: tuple[int, int]) -> tuple[int, int]:
    """The box grown to the proportions it is painted in, so that nothing is stretched; as far as the picture goes."""
    across, down = painted
    if width * down < height * across:
        return min(most[0], round(height * across / down)), height
    return width, min(most[1], round(width * down / across))


def _placed(bounds: tuple[int, int, int, int] | None, wide: int, tall: int, width: int, height: int) -> Box:
    left, top, right, bottom = bounds or (0, 0, width, height)
    return Box(_around(left, right, wide, width), _around(top, bottom, tall, height), wide, tall)


def _around(start: int, end: int, side: int, whole: int) -> int:
    return min(max(0, (start + end - side) // 2), whole - side)


def _up(side: int) -> int:
    return -(-side // SIDES_BY) * SIDES_BY


def cut_out_of(images: Tensor, cut: Cut) -> Tensor:
    """What lies in the boxes of pictures (B, H, W, C), at the size at which it is painted."""
    import torch

    return resized(
        torch.stack([image[box.inside] for image, box in zip(images, cut.boxes, strict=True)]), cut.width, cut.height
    )


def latent_mask(masks: Array, cut: Cut) -> Tensor:
    """(B, 1, H/8, W/8) of the cut: a cell of the latents is painted as much as the most marked of its pixels."""
    import torch
    from torch.nn.functional import adaptive_max_pool2d

    boxes = [torch.from_numpy(mask[box.inside]) for mask, box in zip(masks, cut.boxes, strict=True)]
    return adaptive_max_pool2d(torch.stack(boxes)[:, None], (cut.height // 8, cut.width // 8))


def stitched(images: Tensor, painted: Tensor, keep: Array, cut: Cut) -> Tensor:
    """Pictures (B, H, W, 3 or 4) with what was painted in their boxes, as much as ``keep`` (B, H, W) says.

    Where that is 0, every bit is the picture's. Paint is opaque.
    """
    import torch

    done = images.clone()
    for image, new, mask, box in zip(done, painted, keep, cut.boxes, strict=True):
        part, weight = image[box.inside], torch.from_numpy(mask[box.inside])[..., None].to(image)
        paint = torch.ones_like(part)
        paint[..., :3] = resized(new[None], box.width, box.height)[0].to(image)
        mixed = torch.where(weight == 1, paint, part + (paint - part) * weight)
        image[box.inside] = torch.where(weight > 0, mixed, part)
    return done


def resized(images: Tensor, width: int, height: int) -> Tensor:
    """Pictures (B, H, W, C) stretched to a size; as they are where they have it."""
    from torch.nn.functional import interpolate

    if images.shape[1:3] == (height, width):
        return images
    moved = interpolate(images.movedim(-1, 1), (height, width), mode="bicubic", antialias=True)
    return moved.movedim(1, -1).clamp(0, 1)
