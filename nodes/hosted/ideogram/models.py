"""The rows of ``models.toml``: what each model can be asked for, on which generation of the API, and what it takes there."""

from __future__ import annotations

import datetime as dt
import math
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, field_validator

from ..engine.toml import read_toml

Operation = Literal[
    "generate",
    "generate-transparent",
    "generate-design",
    "edit",
    "remix",
    "reframe",
    "replace-background",
    "upscale",
    "describe",
]
AUTO = "auto"
"""The aspect ratio that is left to the model, or to the input picture."""
MAX_SEED = 2**31 - 1
MOST_AT_ONCE = 8
"""Pictures of one request."""

_WIDEST = 6
_LISTS = read_toml(Path(__file__).with_name("sizes.toml"))


class Offer(BaseModel):
    """One model asked for one thing; what is not named here it does not take."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    model: str
    api: Literal["legacy", "v1", "v2"]
    name: str = ""
    released: dt.date | None = None
    retires: dt.date | None = None
    successor: str = ""
    operation: Operation
    path: str
    ratios: tuple[str, ...] = ()
    ratio_field: bool = False
    sizes: tuple[str, ...] = ()
    size_field: str = "resolution"
    keeps_shape: bool = False
    qualities: tuple[str, ...] = ()
    speeds: tuple[str, ...] = ()
    styles: tuple[str, ...] = ()
    factors: tuple[str, ...] = ()
    takes: tuple[str, ...] = ()
    style_images: int = 0
    references: int = 0
    image_field: str = "image"
    references_field: str = ""
    mask: Literal["", "may", "must"] = ""
    seed: bool = True
    prompt: int | None = None
    exclusive_preset: bool = False

    @field_validator("ratios", "sizes", mode="before")
    @classmethod
    def _named(cls, value: Any, info: Any) -> Any:
        return _LISTS[info.field_name][value] if isinstance(value, str) else value

    def has(self, name: str) -> bool:
        """Whether the model takes the input ``name`` at all for this."""
        lists = {
            "aspect_ratio": self.ratios,
            "quality": self.qualities,
            "rendering_speed": self.speeds,
            "style_type": self.styles,
            "upscale_factor": self.factors,
            "style_images": self.style_images,
            "references": self.references,
            "mask": self.mask,
            "width": self.sizes,
            "height": self.sizes,
        }
        if name in lists:
            return bool(lists[name])
        return _TAKEN_WITH.get(name, name) in self.takes

    def problem(self, name: str, value: Any) -> str | None:
        """Why this model does not take ``value`` for the input ``name``; None where it does."""
        if name not in _CHECKED:
            return None
        if not self.has(name):
            return self._not_taken(name)
        if name in ("style_images", "references"):
            most: int = getattr(self, name)
            return (
                None if len(value) <= most else f"{self.model} takes {most} of them at most, and these are {len(value)}"
            )
        choices = self._choices(name)
        return None if choices is None or value in choices else f"{self.model} takes {listed(choices)}"

    def size_problem(self, width: int, height: int) -> str | None:
        """Why this model does not make that size; None where it does."""
        if f"{width}x{height}" in self.sizes:
            return None
        near = nearest_size(width / height, self.sizes, area=width * height)
        return f"{self.model} does not make {width}x{height}; the nearest that it makes is {near}"

    def shape_problem(self, width: int, height: int) -> str | None:
        """Why this model does not take an input picture of that size; None where it does."""
        if self.api == "v2" and max(width, height) > _WIDEST * min(width, height):
            return f"a picture of {width}x{height} is too narrow for {self.model}: 1:{_WIDEST} to {_WIDEST}:1 are taken"
        return None

    def size_of(self, ratio: str) -> str:
        """The exact size that comes nearest to an aspect ratio, the largest of those."""
        return nearest_size(number_of(ratio), self.sizes)

    def nearest_ratio(self, ratio: str) -> str | None:
        """The aspect ratio that comes nearest to one that this model does not make; None where it takes none."""
        if ratio == AUTO or not self.ratios:
            return self.ratios[0] if self.ratios else None
        width, _, height = ratio.partition(":")
        return nearest_ratio(int(width), int(height), self.ratios)

    def _choices(self, name: str) -> tuple[str, ...] | None:
        return {
            "aspect_ratio": self.ratios,
            "quality": self.qualities,
            "rendering_speed": self.speeds,
            "style_type": self.styles,
            "upscale_factor": self.factors,
        }.get(name)

    def _not_taken(self, name: str) -> str:
        if name in ("width", "height") and self.ratios:
            return (
                f"{self.model} is asked for an aspect ratio here, not for width and height: choose one in aspect_ratio"
            )
        takers = tuple(other.model for other in offers_for(self.operation).values() if other.has(name))
        hint = f"; {listed(takers)} {'does' if len(takers) == 1 else 'do'}" if takers else ""
        return f"{self.model} takes none here{hint}"


_TAKEN_WITH = {
    "colors": "color_palette",
    "character_mask": "character_image",
    **dict.fromkeys(("font_h1", "font_h2", "font_body", "font_small"), "fonts"),
}
"""Inputs that come with another one."""

_CHECKED = frozenset(
    {
        *("aspect_ratio", "width", "height", "quality", "rendering_speed", "style_type", "upscale_factor"),
        *("style_images", "references", "mask", "image_weight", "magic_prompt", "negative_prompt", "style_preset"),
        *("style_codes", "color_palette", "character_image", "custom_model"),
        *_TAKEN_WITH,
    }
)
"""Inputs that not every model takes."""


def listed(names: tuple[str, ...]) -> str:
    """``a, b and c``."""
    return ", ".join(names[:-1]) + f" and {names[-1]}" if len(names) > 1 else names[0]


def number_of(ratio: str) -> float:
    """``16:9`` as a number."""
    width, _, height = ratio.partition(":")
    return int(width) / int(height)


def nearest_ratio(width: int, height: int, ratios: tuple[str, ...]) -> str:
    """The one of ``ratios`` that comes nearest to the shape of a size."""
    return min((one for one in ratios if one != AUTO), key=lambda one: abs(math.log(number_of(one) * height / width)))


def nearest_size(shape: float, sizes: tuple[str, ...], area: int | None = None) -> str:
    """The size (``WxH``) nearest to a shape (width by height); of equals the largest, or the nearest to ``area`` pixels."""

    def distance(size: str) -> tuple[float, float]:
        width, height = sides(size)
        pixels = width * height
        return round(abs(math.log(shape * height / width)), 2), -pixels if area is None else abs(pixels - area)

    return min(sizes, key=distance)


def sides(size: str) -> tuple[int, int]:
    """Width and height of ``WxH``."""
    width, _, height = size.partition("x")
    return int(width), int(height)


def offers_for(operation: str) -> dict[str, Offer]:
    """Every model that can be asked for this, by name, the default first."""
    return OFFERS.get(operation, {})


def _offers() -> dict[str, dict[str, Offer]]:
    found: dict[str, dict[str, Offer]] = {}
    for model, row in read_toml(Path(__file__).with_name("models.toml")).items():
        own = {name: value for name, value in row.items() if not isinstance(value, dict)}
        for operation, offer in row.items():
            if isinstance(offer, dict):
                made = Offer(model=model, operation=operation, **own, **offer)
                found.setdefault(operation, {})[model] = made
    return found


OFFERS = _offers()
"""Every offer, by operation and model, in the order in which the editor shows them."""
