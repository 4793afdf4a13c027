"""How large a picture's canvas gets, where the picture lies on it, and the mask of what is to be painted anew."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from fractions import Fraction

import numpy as np

from ...hosted.engine.errors import InputRefused
from ...pictures import MAX_PIXELS
from .choices import ANCHORS, CUSTOM, EXTEND_BY, MAX_SIDE, MULTIPLES, PERCENT, PIXELS, RATIO, RATIOS, SIZE
from .tensors import Array, one_of


@dataclass(frozen=True)
class Wish:
    """What is asked of a canvas; ``left`` to ``bottom`` are pixels or percent, as ``extend_by`` says."""

    extend_by: str = PIXELS
    left: int = 0
    top: int = 0
    right: int = 0
    bottom: int = 0
    aspect_ratio: str = "1:1"
    width: int = 1
    height: int = 1
    anchor: str = "centre"
    multiple_of: str = "1"

    def __post_init__(self) -> None:
        one_of("extend_by", self.extend_by, EXTEND_BY)
        one_of("aspect_ratio", self.aspect_ratio, RATIOS)
        one_of("anchor", self.anchor, list(ANCHORS))
        one_of("multiple_of", self.multiple_of, MULTIPLES)

    @property
    def ratio(self) -> Fraction:
        """Width to height."""
        width, height = self.aspect_ratio.split(":") if self.aspect_ratio != CUSTOM else (self.width, self.height)
        return Fraction(int(width), int(height))


@dataclass(frozen=True)
class Layout:
    """A picture of ``width`` x ``height`` and the pixels added at each side of it."""

    width: int
    height: int
    left: int
    top: int
    right: int
    bottom: int

    @property
    def canvas_width(self) -> int:
        return self.left + self.width + self.right

    @property
    def canvas_height(self) -> int:
        return self.top + self.height + self.bottom

    @property
    def grows(self) -> bool:
        return (self.canvas_width, self.canvas_height) != (self.width, self.height)

    @property
    def inside(self) -> tuple[slice, slice]:
        """The picture's rows and columns on the canvas."""
        return slice(self.top, self.top + self.height), slice(self.left, self.left + self.width)


def lay_out(wish: Wish, width: int, height: int) -> Layout:
    """The canvas for a picture of that size. Its sides are rounded to the multiple, never into the picture.

    A size in pixels is taken as it is. What rounding adds goes to the sides that grow; where none of an axis does, the
    anchor shares it out. Raises ``InputRefused`` where the picture is larger than the size asked, and for a canvas above
    ``MAX_SIDE`` or ``MAX_PIXELS``.
    """
    wanted_width, wanted_height = _wanted_size(wish, width, height)
    if wanted_width > MAX_SIDE or wanted_height > MAX_SIDE or wanted_width * wanted_height > MAX_PIXELS:
        raise InputRefused(
            f"The canvas would be {wanted_width}x{wanted_height} pixels; at most {MAX_SIDE} a side and "
            f"{MAX_PIXELS // 10**6} megapixels are made: ask for less, or scale the picture down before."
        )
    before, above = ANCHORS[wish.anchor]
    left, top, right, bottom = _sides(wish, width, height)
    left, right = _shared_out(wanted_width - width, left, right, before)
    top, bottom = _shared_out(wanted_height - height, top, bottom, above)
    return Layout(width, height, left, top, right, bottom)


def _sides(wish: Wish, width: int, height: int) -> tuple[int, int, int, int]:
    asked = (wish.left, wish.top, wish.right, wish.bottom)
    if wish.extend_by == PIXELS:
        return asked
    if wish.extend_by == PERCENT:
        left, top, right, bottom = (
            round(share * side / 100) for share, side in zip(asked, (width, height, width, height), strict=True)
        )
        return left, top, right, bottom
    return 0, 0, 0, 0


def _wanted_size(wish: Wish, width: int, height: int) -> tuple[int, int]:
    step = int(wish.multiple_of)
    if wish.extend_by == RATIO:
        return _shaped(wish.ratio, width, height, step)
    if wish.extend_by == SIZE:
        if wish.width < width or wish.height < height:
            raise InputRefused(
                f"The picture is {width}x{height} pixels and does not fit on a canvas of {wish.width}x{wish.height}: "
                "choose a larger size, or scale the picture down before.",
                input_name="width" if wish.width < width else "height",
            )
        return wish.width, wish.height
    left, top, right, bottom = _sides(wish, width, height)
    return _up(left + width + right, step), _up(top + height + bottom, step)


def _shaped(ratio: Fraction, width: int, height: int, step: int) -> tuple[int, int]:
    if Fraction(width, height) < ratio:
        tall = _up(height, step)
        return max(_up(width, step), _near(tall * ratio, step)), tall
    wide = _up(width, step)
    return wide, max(_up(height, step), _near(wide / ratio, step))


def _up(side: int, step: int) -> int:
    return -(-side // step) * step


def _near(side: Fraction, step: int) -> int:
    return math.floor(side / step + Fraction(1, 2)) * step


def _shared_out(added: int, before: int, after: int, share: float) -> tuple[int, int]:
    """``added`` pixels of one axis, of which ``before`` and ``after`` are asked for, on its two sides."""
    rest = added - before - after
    if before or after:
        share = 0.5 if before and after else float(not after)
    first = before + math.floor(rest * share)
    return first, added - first


def described(wish: Wish, layout: Layout) -> str:
    """The canvas in words: its size, what was added where, and what rounding did."""
    size = f"{layout.canvas_width}x{layout.canvas_height}"
    if not layout.grows:
        return f"{size}: nothing had to be added."
    sides = {"left": layout.left, "top": layout.top, "right": layout.right, "bottom": layout.bottom}
    added = ", ".join(f"{side} {pixels}" for side, pixels in sides.items() if pixels)
    said = f"{layout.width}x{layout.height} became {size}. Pixels added: {added}."
    exact_width, exact_height = _wanted_size(replace(wish, multiple_of="1"), layout.width, layout.height)
    if (exact_width, exact_height) != (layout.canvas_width, layout.canvas_height):
        said += f" Rounded to multiples of {wish.multiple_of} from {exact_width}x{exact_height}."
    return said


def fill_mask(layout: Layout, overlap: int, feather: int) -> Array:
    """(H, W) of the canvas: 1 where it is new and ``overlap`` pixels into the picture, fading over ``feather`` more.

    Only sides that grow have a seam. Raises ``InputRefused`` where nothing of the picture would be kept.
    """
    reach = overlap + feather
    seams_across, seams_down = bool(layout.left) + bool(layout.right), bool(layout.top) + bool(layout.bottom)
    kept = min(layout.width - reach * seams_across, layout.height - reach * seams_down)
    if kept < 1:
        raise InputRefused(
            f"overlap and feather reach {reach} pixels into a picture of {layout.width}x{layout.height}: nothing of it would "
            "be kept. Make them smaller.",
            input_name="overlap",
        )
    columns = _fading(layout.left, layout.width, layout.right, overlap, feather)
    rows = _fading(layout.top, layout.height, layout.bottom, overlap, feather)
    return np.maximum(rows[:, None], columns[None, :])


def _fading(before: int, kept: int, after: int, overlap: int, feather: int) -> Array:
    """The mask along one axis."""
    depth = np.arange(kept)
    to_seam = np.full(kept, np.inf)
    if before:
        to_seam = np.minimum(to_seam, depth)
    if after:
        to_seam = np.minimum(to_seam, depth[::-1])
    inside = np.clip(1 - (to_seam - overlap + 1) / (feather + 1), 0, 1)
    return np.concatenate([np.ones(before), inside, np.ones(after)]).astype(np.float32)
