"""The rows of the folder ``rows``: which model each route serves for what, and what it takes there."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, Literal, get_args

from pydantic import BaseModel, ConfigDict

from ..engine.toml import read_toml
from .loras import Lora
from .sizes import AUTO, Sides, nearest_ratio, number_of

Operation = Literal["generate", "edit", "fill", "expand", "redux", "control", "reimagine", "erase"]
Range = tuple[float, float]

ROUTES = {"bfl": "BFL", "replicate": "Replicate", "fal": "fal"}
"""The routes by the name of their account, with what the editor calls them; where prices are equal, the first is taken."""

USUAL_SAFETY = 2
MAX_SEED = 2**32 - 1
MOST_MARGIN = 2048
"""Pixels that are added on one side at most."""

_MOST_NAMED = 6
_RANGES = ("steps", "guidance", "count", "strength", "control_strength", "grow", "interval", "output_quality")
_SWITCHES = ("prompt_upsampling", "raw", "grounding", "user", "prepared", "go_fast", "safety_checker")
_FILES = ("flux-2.toml", "flux-1.toml", "flux-1-tools.toml")
_OPERATIONS: tuple[Operation, ...] = get_args(Operation)


class Offer(BaseModel):
    """One model as one route serves it for one operation; what is not named here it does not take."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    route: str
    model: str
    operation: Operation
    path: str
    several: str = ""
    sides: Sides | None = None
    size_in: Literal["sides", "custom", "image_size"] = "sides"
    ratios: Literal["any"] | tuple[str, ...] = ()
    auto: dict[str, str] | None = None
    resolutions: tuple[str, ...] = ()
    references: int = 0
    pictures_in: str = "input_image"
    links: bool = True
    mask_in: str = "mask"
    picture_least: int = 1
    picture_area: int = 20_000_000
    margins_in: Literal["sides", "frame", "canvas"] = "sides"
    formats: tuple[str, ...] = ()
    safety_tolerance: tuple[int, int] | None = None
    steps: Range | None = None
    guidance: Range | None = None
    count: Range | None = None
    strength: Range | None = None
    control_strength: Range | None = None
    grow: Range | None = None
    interval: Range | None = None
    output_quality: Range | None = None
    loras: Range | None = None
    acceleration: tuple[str, ...] = ()
    megapixels: tuple[str, ...] = ()
    mode: tuple[str, ...] = ()
    prompt: bool = True
    seed: bool = True
    prompt_upsampling: bool = False
    raw: bool = False
    grounding: bool = False
    user: bool = False
    prepared: bool = False
    go_fast: bool = False
    safety_checker: bool = False
    always: dict[str, Any] = {}
    names: dict[str, str] = {}
    values: dict[str, dict[str, str]] = {}
    as_text: tuple[str, ...] = ()

    @property
    def label(self) -> str:
        """The model and who serves it, for people."""
        return f"{self.model} at {ROUTES[self.route]}"

    def problem(self, name: str, value: Any) -> str | None:
        """Why this model does not take ``value`` for the input ``name``, and who does; None where it takes it."""
        reason = self._reason(name, value)
        if reason is None:
            return None
        return reason + self.elsewhere(lambda one: one._reason(name, value) is None)

    def picture_problem(self, width: int, height: int) -> str | None:
        """Why this model does not take an input picture of that size; None where it does."""
        if width * height > self.picture_area:
            return f"a picture of {width}x{height} is too large for {self.model}: at most {self.picture_area:,} pixels"
        if min(width, height) < self.picture_least:
            least = self.picture_least
            return f"a picture of {width}x{height} is too small for {self.model}: at least {least}x{least}"
        return None

    def size(
        self, ratio: str | None, width: int | None, height: int | None, first: tuple[int, int] | None = None
    ) -> tuple[int, int] | None:
        """Width and height in pixels of what is asked; None where the model or the input picture decides.

        ``first`` is the size of the first input picture, whose shape is taken where the ratio says so.
        """
        if self.sides is None:
            return None
        if width is not None and height is not None:
            return width, height
        if ratio != AUTO:
            return None if ratio is None else self.sides.of_ratio(ratio)
        return None if self.auto is not None or first is None else self.sides.of_picture(*first)

    def ratio(self, ratio: str, first: tuple[int, int] | None) -> str:
        """The aspect ratio to ask for; the first input picture's nearest where its shape is wanted."""
        if ratio != AUTO or first is None:
            return ratio
        return nearest_ratio(*first, among=self.ratios if isinstance(self.ratios, tuple) else ())

    def _reason(self, name: str, value: Any) -> str | None:
        check = _CHECKS.get(name)
        return None if check is None else check(self, value)

    def elsewhere(self, takes: Callable[[Offer], bool]) -> str:
        """Which route takes this of the same model; where none does, which models of this route, then which at all."""
        takers = [one for one in every_offer(self.operation) if takes(one)]
        routes = [ROUTES[one.route] for one in takers if one.model == self.model]
        if routes:
            return f"; {self.model} at {listed(routes, 'or')} takes it"
        found = [one.model for one in takers if one.route == self.route] or [one.label for one in takers]
        return f"; {some(found)} {'does' if len(found) == 1 else 'do'}" if found else ""


def _prompt(offer: Offer, prompt: str) -> str | None:
    return None if offer.prompt or not prompt.strip() else f"{offer.model} draws from the picture alone: leave it empty"


def _ratio(offer: Offer, ratio: str) -> str | None:
    if ratio == AUTO or (offer.sides is None and not offer.ratios):
        return None if ratio == AUTO else f"{offer.label} keeps the shape of the picture"
    if isinstance(offer.ratios, tuple) and offer.ratios:
        return None if ratio in offer.ratios else f"{offer.label} makes {listed(offer.ratios)}"
    try:
        number_of(ratio)
    except ValueError as error:
        return str(error)
    return None


def _side(offer: Offer, side: int) -> str | None:
    if offer.sides is None:
        if not offer.ratios:
            return f"{offer.label} keeps the size of the picture"
        return f"{offer.label} is asked for an aspect ratio, not for width and height: choose one in aspect_ratio"
    problem = offer.sides.problem(side)
    return f"for {offer.label} {problem}" if problem else None


def _format(offer: Offer, value: str) -> str | None:
    if not offer.formats:
        return None if value == "png" else f"{offer.label} always makes png"
    return None if value in offer.formats else f"{offer.label} makes {listed(offer.formats)}"


def _safety(offer: Offer, value: int) -> str | None:
    if offer.safety_tolerance is None:
        return None if value == USUAL_SAFETY else f"{offer.label} has a content filter without steps: leave it at 2"
    low, high = offer.safety_tolerance
    return None if low <= value <= high else f"{offer.label} takes {low} (strict) to {high} (tolerant)"


def _range(name: str) -> Callable[[Offer, float], str | None]:
    def check(offer: Offer, value: float) -> str | None:
        bounds = getattr(offer, name)
        if bounds is None:
            return _no_such(offer)
        low, high = bounds
        return None if low <= value <= high else f"{offer.label} takes {low:g} to {high:g}"

    return check


def _choice(name: str) -> Callable[[Offer, str], str | None]:
    def check(offer: Offer, value: str) -> str | None:
        choices = getattr(offer, name)
        if not choices:
            return _no_such(offer)
        return None if value in choices else f"{offer.label} takes {listed(choices)}"

    return check


def _loras(offer: Offer, loras: Sequence[Lora]) -> str | None:
    if offer.loras is None:
        return f"{offer.label} takes no LoRAs"
    low, high = offer.loras
    wrong = next((one for one in loras if not low <= one.scale <= high), None)
    return f"the weight {wrong.scale:g} is not one of {low:g} to {high:g}" if wrong else None


def _switch(name: str) -> Callable[[Offer, Any], str | None]:
    def check(offer: Offer, _value: Any) -> str | None:
        return None if getattr(offer, name) else _no_such(offer)

    return check


def _no_such(offer: Offer) -> str:
    return f"{offer.label} has no such setting"


def listed(names: Iterable[str], last: str = "and") -> str:
    """``a, b and c``."""
    found = list(dict.fromkeys(names))
    return ", ".join(found[:-1]) + f" {last} {found[-1]}" if len(found) > 1 else found[0]


def some(names: Sequence[str]) -> str:
    """``a, b and c``; of many only the first."""
    found = list(dict.fromkeys(names))
    return listed(found if len(found) <= _MOST_NAMED else [*found[: _MOST_NAMED - 1], "others"])


_CHECKS: dict[str, Callable[[Offer, Any], str | None]] = {
    "prompt": _prompt,
    "aspect_ratio": _ratio,
    "width": _side,
    "height": _side,
    "resolution": _choice("resolutions"),
    "acceleration": _choice("acceleration"),
    "megapixels": _choice("megapixels"),
    "mode": _choice("mode"),
    "loras": _loras,
    "output_format": _format,
    "safety_tolerance": _safety,
    **{name: _range(name) for name in _RANGES},
    **{name: _switch(name) for name in _SWITCHES},
}


def _rows() -> Iterator[Offer]:
    folder = Path(__file__).parent
    usual = read_toml(folder / "routes.toml")
    for file in _FILES:
        for model, routes in read_toml(folder / "rows" / file).items():
            for route, row in routes.items():
                own = {name: row.pop(name) for name in _OPERATIONS if name in row}
                for operation in (*row.pop("does"), *own):
                    tables = (usual[route], row, own.get(operation, {}))
                    names = {name: told for table in tables for name, told in table.get("names", {}).items()}
                    merged = {name: value for table in tables for name, value in table.items()}
                    yield Offer(**{**merged, "names": names}, route=route, model=model, operation=operation)


_ALL = tuple(_rows())


def _offers() -> dict[Operation, dict[str, dict[str, Offer]]]:
    found: dict[Operation, dict[str, dict[str, Offer]]] = {
        operation: {route: {} for route in ROUTES} for operation in _OPERATIONS
    }
    for offer in _ALL:
        found[offer.operation][offer.route][offer.model] = offer
    return found


OFFERS = _offers()
"""Every offer, by operation, route and model."""


def every_offer(operation: Operation) -> list[Offer]:
    """Every offer of an operation, route by route."""
    return [offer for offers in OFFERS[operation].values() for offer in offers.values()]


def models_that(operation: Operation) -> list[str]:
    """Every model that some route serves for this operation, in the order of the editor's list, the default first."""
    return list(dict.fromkeys(offer.model for offer in _ALL if offer.operation == operation))


def routes_of(operation: Operation, model: str) -> list[str]:
    """The routes that serve the model for this operation, in the order in which they are preferred."""
    return [route for route, offers in OFFERS[operation].items() if model in offers]
