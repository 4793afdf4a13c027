"""The rows of ``models.toml``: which model each route serves, and what it takes there."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict

from ..engine.toml import read_toml
from .sizes import AUTO, Sides, number_of

Operation = Literal["generate", "edit", "fill", "expand"]


class Offer(BaseModel):
    """One model as one route serves it; what is not named here it does not take."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    route: str
    model: str
    path: str
    does: tuple[Operation, ...]
    sides: Sides | None = None
    ratios: Literal["any"] | tuple[str, ...] = ()
    resolutions: tuple[str, ...] = ()
    references: int = 0
    pictures_in: str = "input_image"
    picture_least: int = 1
    picture_area: int = 20_000_000
    formats: tuple[str, ...] = ()
    safety: int
    rewriting: Literal["", "prompt_upsampling", "disable_pup"] = ""
    steps: tuple[int, int] | None = None
    guidance: tuple[float, float] | None = None
    seed: bool = True
    raw: bool = False
    grounding: bool = False
    user: bool = True

    def problem(self, name: str, value: Any) -> str | None:
        """Why this model does not take ``value`` for the input ``name``; None where it does."""
        check = _CHECKS.get(name)
        return None if check is None else check(self, value)

    def picture_problem(self, width: int, height: int) -> str | None:
        """Why this model does not take an input picture of that size; None where it does."""
        if width * height > self.picture_area:
            return f"a picture of {width}x{height} is too large for {self.model}: at most {self.picture_area:,} pixels"
        if min(width, height) < self.picture_least:
            least = self.picture_least
            return f"a picture of {width}x{height} is too small for {self.model}: at least {least}x{least}"
        return None

    def has(self, name: str) -> bool:
        """Whether the model has a field for this switch or range (raw, grounding, steps, guidance, …)."""
        return bool(getattr(self, {"prompt_upsampling": "rewriting", "resolution": "resolutions"}.get(name, name)))

    def size(self, ratio: str | None, width: int | None, height: int | None) -> tuple[int, int] | None:
        """Width and height in pixels of what is asked; None where the model or the input picture decides."""
        if self.sides is None or ratio == AUTO:
            return None
        if width is not None and height is not None:
            return width, height
        return None if ratio is None else self.sides.of_ratio(ratio)


def _ratio(offer: Offer, ratio: str) -> str | None:
    if ratio == AUTO:
        return None
    if isinstance(offer.ratios, tuple) and offer.ratios:
        return None if ratio in offer.ratios else f"{offer.model} makes {_listed(offer.ratios)}"
    try:
        number_of(ratio)
    except ValueError as error:
        return str(error)
    return None


def _side(offer: Offer, side: int) -> str | None:
    if offer.sides is None:
        return f"{offer.model} is asked for an aspect ratio, not for width and height: choose one in aspect_ratio"
    problem = offer.sides.problem(side)
    return f"for {offer.model} {problem}" if problem else None


def _range(name: str) -> Any:
    def check(offer: Offer, value: float) -> str | None:
        bounds = getattr(offer, name)
        if bounds is None:
            return _not_taken(offer, name)
        low, high = bounds
        return None if low <= value <= high else f"{offer.model} takes {low:g} to {high:g}"

    return check


def _switch(name: str) -> Any:
    def check(offer: Offer, _value: Any) -> str | None:
        return None if offer.has(name) else _not_taken(offer, name)

    return check


def _resolution(offer: Offer, value: str) -> str | None:
    if not offer.resolutions:
        return _not_taken(offer, "resolution")
    return None if value in offer.resolutions else f"{offer.model} makes {_listed(offer.resolutions)}"


def _format(offer: Offer, value: str) -> str | None:
    if not offer.formats:
        return None if value == "png" else f"{offer.model} always makes png"
    return None if value in offer.formats else f"{offer.model} makes {_listed(offer.formats)}"


def _safety(offer: Offer, value: int) -> str | None:
    return None if 0 <= value <= offer.safety else f"{offer.model} takes 0 (strict) to {offer.safety} (tolerant)"


def _not_taken(offer: Offer, name: str) -> str:
    same = set(offer.does)
    takers = [other.model for other in OFFERS[offer.route].values() if other.has(name) and same & set(other.does)]
    hint = f"; {_listed(tuple(takers))} {'does' if len(takers) == 1 else 'do'}" if takers else ""
    return f"{offer.model} has no such setting{hint}"


def _listed(names: tuple[str, ...]) -> str:
    return ", ".join(names[:-1]) + f" and {names[-1]}" if len(names) > 1 else names[0]


_CHECKS: dict[str, Any] = {
    "aspect_ratio": _ratio,
    "width": _side,
    "height": _side,
    "resolution": _resolution,
    "output_format": _format,
    "safety_tolerance": _safety,
    "steps": _range("steps"),
    "guidance": _range("guidance"),
    "prompt_upsampling": _switch("prompt_upsampling"),
    "raw": _switch("raw"),
    "grounding": _switch("grounding"),
    "user": _switch("user"),
}


def _offers() -> dict[str, dict[str, Offer]]:
    found: dict[str, dict[str, Offer]] = {}
    for model, routes in read_toml(Path(__file__).with_name("models.toml")).items():
        for route, row in routes.items():
            found.setdefault(route, {})[model] = Offer(route=route, model=model, **row)
    return found


OFFERS = _offers()
"""Every offer, by route and model, in the order in which the editor shows them."""


def models_that(operation: Operation) -> list[str]:
    """Every model that some route serves for this operation, the default first."""
    return list(
        dict.fromkeys(model for offers in OFFERS.values() for model, offer in offers.items() if operation in offer.does)
    )
