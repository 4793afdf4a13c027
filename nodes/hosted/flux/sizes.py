"""Sizes and aspect ratios: what a model takes, and one turned into the other."""

from __future__ import annotations

import math
from collections.abc import Sequence

from pydantic import BaseModel, ConfigDict

RATIOS = (
    "1:1", "5:4", "4:3", "7:5", "3:2", "16:9", "2:1", "21:9", "4:5", "3:4", "5:7", "2:3", "9:16", "1:2", "9:21",
)  # fmt: skip
"""The aspect ratios (width:height) that the editor offers: all that FLUX 3 knows, and every other model can make."""

AUTO = "auto"
"""The aspect ratio of the first input picture."""

_USUAL_AREA = 1024 * 1024
_WIDEST = 21 / 9


class Sides(BaseModel):
    """Widths and heights that a model takes, in pixels."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    step: int
    least: int
    most: int | None = None
    area: int | None = None
    """The most pixels, where the model bounds them."""

    def problem(self, side: int) -> str | None:
        """What is wrong with one side, and what would be right."""
        if side % self.step:
            near = max(self.least, round(side / self.step) * self.step)
            return f"it must be a multiple of {self.step}; the nearest is {near}"
        if side < self.least or (self.most is not None and side > self.most):
            upto = f" to {self.most}" if self.most is not None else " or more"
            return f"it must be {self.least}{upto}"
        return None

    def area_problem(self, width: int, height: int) -> str | None:
        """What is wrong with both sides together."""
        if self.area is None or width * height <= self.area:
            return None
        return f"{width}x{height} has {width * height:,} pixels, and {self.area:,} are the most"

    def of_ratio(self, ratio: str) -> tuple[int, int]:
        """The size nearest to ``ratio`` of at most one megapixel: beyond that a model may cost more."""
        return self._of_number(number_of(ratio))

    def of_picture(self, width: int, height: int) -> tuple[int, int]:
        """The size nearest to the shape of a picture of that many pixels, of at most one megapixel."""
        return self._of_number(min(_WIDEST, max(1 / _WIDEST, width / height)))

    def _of_number(self, wide: float) -> tuple[int, int]:
        longest, shortest = self._landscape(max(wide, 1 / wide))
        return (longest, shortest) if wide >= 1 else (shortest, longest)

    def _landscape(self, wide: float) -> tuple[int, int]:
        height = math.sqrt(_USUAL_AREA / wide)
        if self.most is not None:
            height = min(height, self.most / wide)
        # A hair more, so that 767.9999 still counts as 768.
        short = math.floor(height / self.step + 1e-6) * self.step
        most = min(_USUAL_AREA // short, self.most or _USUAL_AREA)
        return min(round(short * wide / self.step), most // self.step) * self.step, short


def number_of(ratio: str) -> float:
    """``16:9`` as a number. Raises ValueError for what is no aspect ratio from 21:9 to 9:21."""
    width, colon, height = ratio.partition(":")
    if not (colon and width.isdecimal() and height.isdecimal() and int(width) and int(height)):
        raise ValueError("an aspect ratio is written as width:height, such as 16:9")
    number = int(width) / int(height)
    if not 1 / _WIDEST <= number <= _WIDEST:
        raise ValueError("aspect ratios go from 21:9 to 9:21")
    return number


def nearest_ratio(width: int, height: int, among: Sequence[str] = ()) -> str:
    """The ratio that comes nearest to a size, of these or of all."""
    return min(among or RATIOS, key=lambda ratio: abs(math.log(number_of(ratio) * height / width)))
