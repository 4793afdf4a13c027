"""The rows of ``models.toml``: which model takes what, and until when."""

from __future__ import annotations

import datetime as dt
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict

from ..engine.toml import read_toml

_STEP = 16
_LONGEST = 3840
_WIDEST = 3
_FEWEST_PIXELS, _MOST_PIXELS = 655_360, 8_294_400


class ImageModel(BaseModel):
    """One row: a model, its limits, and its dates."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str
    sizes: Literal["free"] | tuple[str, ...] = "free"
    qualities: tuple[str, ...]
    prompt: int = 32_000
    """The longest prompt, in characters."""
    transparent: bool = True
    complexity: bool = False
    markup: bool = True
    input_fidelity: tuple[str, ...] = ()
    retires: dt.date | None = None
    successor: str = ""

    def size_problem(self, size: str) -> str | None:
        """What is wrong with ``size`` for this model, and what would be right; None where nothing is."""
        if self.sizes != "free":
            return None if size in self.sizes else f"{self.name} makes {_listed(self.sizes)}"
        if size == "auto":
            return None
        width, height = sides(size)
        if width % _STEP or height % _STEP:
            near = f"{_nearest(width)}x{_nearest(height)}"
            return f"{self.name} wants both sides divisible by {_STEP} (the nearest is {near})"
        if max(width, height) > _LONGEST:
            return f"{self.name} makes {_LONGEST} pixels at the longest edge"
        if max(width, height) > _WIDEST * min(width, height):
            return f"{self.name} makes pictures from 1:{_WIDEST} to {_WIDEST}:1"
        if not _FEWEST_PIXELS <= width * height <= _MOST_PIXELS:
            return f"{self.name} makes {_FEWEST_PIXELS:,} to {_MOST_PIXELS:,} pixels, and this is {width * height:,}"
        return None


IMAGE_MODELS = {
    name: ImageModel(name=name, **row) for name, row in read_toml(Path(__file__).with_name("models.toml")).items()
}
"""Every row, by name, in the order in which the editor offers them."""


def row_of(model: str) -> ImageModel | None:
    """The row of ``model``, dated snapshots included; None for a name that only an operator's own server knows."""
    if model in IMAGE_MODELS:
        return IMAGE_MODELS[model]
    # Snapshots are named after their model: gpt-image-2-2026-04-21.
    return next((row for name, row in IMAGE_MODELS.items() if model.startswith(f"{name}-20")), None)


def sides(size: str) -> tuple[int, int]:
    """Width and height of ``WxH``; raises ValueError where it is something else."""
    width, cross, height = size.partition("x")
    if not (cross and width.isdecimal() and height.isdecimal() and int(width) and int(height)):
        raise ValueError('a size is written as "auto" or as width x height, such as 1024x1024')
    return int(width), int(height)


def _nearest(side: int) -> int:
    return max(_STEP, round(side / _STEP) * _STEP)


def _listed(names: tuple[str, ...]) -> str:
    return ", ".join(names[:-1]) + f" and {names[-1]}" if len(names) > 1 else names[0]
