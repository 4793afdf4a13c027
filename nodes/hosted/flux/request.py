"""What every operation of FLUX shares: a typed request, checked against the row of its model on its route."""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from typing import Any, ClassVar, Literal

from pydantic import Field, InstanceOf, ValidationInfo, field_validator, model_validator
from typing_extensions import Self

from ..engine.errors import InputRefused
from ..engine.inputs import Picture
from ..engine.request import RANDOM_SEED, Request
from .loras import Lora
from .models import MAX_SEED, OFFERS, ROUTES, USUAL_SAFETY, Offer, Operation, listed, models_that, routes_of
from .sizes import AUTO, nearest_ratio

Format = Literal["png", "jpeg", "webp"]

AS_LARGE = "match_input"
"""The choice of megapixels that keeps the size of the input picture."""

_OPTIONAL = (
    "resolution", "steps", "guidance", "count", "prompt_upsampling", "raw", "grounding", "user",
    "strength", "control_strength", "prepared", "grow", "output_quality", "go_fast", "acceleration", "megapixels",
    "safety_checker", "interval", "loras", "mode",
)  # fmt: skip
"""What another model may simply do without."""


class FluxRequest(Request):
    """What every operation shares. A field that is None is left to the model."""

    operation: ClassVar[Operation]
    max_seed: ClassVar[int | None] = MAX_SEED

    route: str = Field(default="bfl", exclude=True, validate_default=True)
    """Whose account it is bought from; told apart in the fingerprint by the provider's name."""
    other_routes: tuple[str, ...] = Field(default=(), exclude=True)
    """Where else it may be bought, should another model take this one's place."""
    same_wish: tuple[InstanceOf[FluxRequest], ...] = Field(default=(), exclude=True)
    """This request on the other routes that can do it, where the route was left open."""
    choice: str = Field(default="", exclude=True)
    """Why this route was chosen, where it was, for people."""
    keys_wanted: str = Field(default="", exclude=True)
    """What to say where no route that can do this has a key."""

    prompt: str
    seed: int | None = Field(default=0, ge=RANDOM_SEED, le=MAX_SEED)
    output_format: Format = "png"
    safety_tolerance: int = USUAL_SAFETY
    prompt_upsampling: bool | None = None
    """Whether the provider rewrites the prompt; each model has its own habit."""
    steps: int | None = None
    guidance: float | None = None
    user: str | None = Field(default=None, min_length=1, max_length=256)
    """The provider's name for the end user on whose behalf this is asked."""
    count: int | None = None
    """How many pictures are asked for at once."""
    output_quality: int | None = None
    """0-100, of a jpeg or webp."""
    go_fast: bool | None = None
    """Whether the quicker, slightly coarser build of the model draws."""
    acceleration: str | None = None
    """How many shortcuts the model takes for speed."""
    megapixels: str | None = None
    """About how large the picture is made, in the provider's steps."""
    safety_checker: bool | None = None
    """Whether the provider's own checker looks at the result."""
    interval: float | None = None
    """1-4: how much a picture may differ from others of the same prompt."""
    loras: tuple[Lora, ...] | None = None

    @property
    def provider(self) -> str:
        return self.route

    @property
    def elsewhere(self) -> tuple[Request, ...]:
        return self.same_wish

    @property
    def without_key(self) -> str:
        return self.keys_wanted

    @property
    def offer(self) -> Offer:
        """The row of this model on this route."""
        return self.offers(self.route)[self.model]

    @property
    def pictures(self) -> tuple[Picture, ...]:
        """The input pictures, the one whose shape counts before the others."""
        return ()

    @property
    def path(self) -> str:
        """The model's name on the route's wire."""
        offer = self.offer
        return offer.several if offer.several and len(self.pictures) > 1 else offer.path

    @property
    def size(self) -> tuple[int, int] | None:
        """Width and height of the result in pixels, where they are known before; None where the model decides."""
        return None

    @property
    def keeps_size(self) -> bool:
        """Whether a result that is as large as its input picture stays so."""
        return self.megapixels in (None, AS_LARGE)

    @classmethod
    def offers(cls, route: str) -> dict[str, Offer]:
        """The rows of a route that can be asked for this operation."""
        return OFFERS[cls.operation].get(route, {})

    @classmethod
    def build(cls, **values: Any) -> Self:
        """As :meth:`Request.build`; the seed of a model that has none tells one take from another instead."""
        offer = cls.offers(values.get("route", "bfl")).get(values.get("model", ""))
        if offer is not None and not offer.seed:
            seed = values.get("seed")
            values = {"take": 0 if seed is None else seed, **values, "seed": None}
        return super().build(**values)

    def with_seed(self) -> Self:
        """A drawn seed; a drawn take where the model has no seed."""
        if self.offer.seed:
            return super().with_seed()
        return self if self.take != RANDOM_SEED else self.model_copy(update={"take": secrets.randbelow(MAX_SEED + 1)})

    def with_model(self, model: str) -> Request:
        """The same wish for another model: what that one does not take is left out, the size becomes the nearest.

        It stays with its route where that can do it, else it goes to the first of the others that can. Where the route
        was left open, what any route has delivered for the other model is as good.
        """
        fields = {
            name: getattr(self, name) for name in type(self).model_fields if name not in ("model", "take", "same_wish")
        }
        fields["model"] = model
        if self.seed is None:
            fields["seed"] = self.take
        made: dict[str, FluxRequest] = {}
        refusals: dict[str, InputRefused] = {}
        for route in routes_of(self.operation, model):
            try:
                made[route] = self.build(**{**fields, **_fitted(fields, self.offers(route)[model]), "route": route})
            except InputRefused as refusal:
                refusals[route] = refusal
        may_go_to = (self.route, *self.other_routes)
        chosen = next((made[route] for route in may_go_to if route in made), None)
        if chosen is None:
            refused = next((refusals[route] for route in may_go_to if route in refusals), None)
            if refused is not None:
                raise refused
            # Refused as well, for its route.
            return self.build(**fields)
        if not self.choice:
            return chosen
        asked = chosen.parameters()
        same = tuple(one for one in made.values() if one is not chosen and one.parameters() == asked)
        return chosen.model_copy(update={"same_wish": same})

    @field_validator("model")
    @classmethod
    def _is_known(cls, model: str) -> str:
        if model not in models_that(cls.operation):
            raise ValueError(f"the models for this are {', '.join(models_that(cls.operation))}")
        return model

    @field_validator("route")
    @classmethod
    def _serves_the_model(cls, route: str, info: ValidationInfo) -> str:
        model = info.data.get("model")
        if model is not None and model not in cls.offers(route):
            served = listed([ROUTES[one] for one in routes_of(cls.operation, model)], "or")
            raise ValueError(f"{ROUTES.get(route, route)} does not serve {model} for this; choose {served}")
        return route

    @field_validator("*")
    @classmethod
    def _model_takes_it(cls, value: Any, info: ValidationInfo) -> Any:
        # A wrong model or route is told of already.
        offer = cls._offer_of(info.data)
        if value is None or info.field_name is None or offer is None:
            return value
        if problem := offer.problem(info.field_name, value):
            raise ValueError(problem)
        return value

    @field_validator("output_quality")
    @classmethod
    def _something_is_lost(cls, quality: int | None, info: ValidationInfo) -> int | None:
        if quality is not None and info.data.get("output_format") == "png":
            raise ValueError("png loses nothing, so that it has no quality: choose jpeg or webp in output_format")
        return quality

    @field_validator("images", "image", check_fields=False)
    @classmethod
    def _pictures_are_taken(cls, value: Any, info: ValidationInfo) -> Any:
        offer = cls._offer_of(info.data)
        pictures = value if isinstance(value, tuple) else (value,)
        if offer is None:
            return value
        if not 1 <= len(pictures) <= offer.references:
            most = "one picture" if offer.references == 1 else f"1 to {offer.references} pictures"
            others = offer.elsewhere(lambda one: one.references >= len(pictures))
            raise ValueError(f"{offer.label} takes {most}, and these are {len(pictures)}{others}")
        for picture in pictures:
            if problem := offer.picture_problem(picture.width, picture.height):
                raise ValueError(problem)
        return value

    @classmethod
    def _offer_of(cls, data: Mapping[str, Any]) -> Offer | None:
        return cls.offers(data.get("route", "")).get(data.get("model", ""))


class FluxSized(FluxRequest):
    """What comes in a size of one's choice."""

    needs_words: ClassVar[bool] = True

    aspect_ratio: str | None = None
    width: int | None = None
    height: int | None = None
    """Pixels; given together, in place of the aspect ratio, where the model takes them."""
    resolution: str | None = None
    grounding: bool | None = None
    """Whether the model looks things up on the web before it draws."""

    @property
    def size(self) -> tuple[int, int] | None:
        return self.offer.size(self.aspect_ratio, self.width, self.height, self.first)

    @property
    def first(self) -> tuple[int, int] | None:
        """Width and height of the first input picture."""
        pictures = self.pictures
        return (pictures[0].width, pictures[0].height) if pictures else None

    @field_validator("prompt")
    @classmethod
    def _says_something(cls, prompt: str) -> str:
        if cls.needs_words and not prompt.strip():
            raise ValueError("it is empty: say what the picture should show")
        return prompt

    @field_validator("height")
    @classmethod
    def _area_is_taken(cls, height: int | None, info: ValidationInfo) -> int | None:
        width, offer = info.data.get("width"), cls._offer_of(info.data)
        if height and width and offer and offer.sides and (problem := offer.sides.area_problem(width, height)):
            raise ValueError(f"for {offer.label} {problem}")
        return height

    @model_validator(mode="after")
    def _has_one_size(self) -> Self:
        if (self.aspect_ratio is None) == (self.width is None) or (self.width is None) != (self.height is None):
            raise ValueError("a size is either an aspect_ratio, or a width and a height")
        return self


def _fitted(fields: Mapping[str, Any], offer: Offer) -> dict[str, Any]:
    """What changes in ``fields`` for another model: left out, or brought into its range."""
    changed: dict[str, Any] = {
        name: None for name in _OPTIONAL if fields.get(name) is not None and offer.problem(name, fields[name])
    }
    width, height, ratio = fields.get("width"), fields.get("height"), fields.get("aspect_ratio")
    if width and height and (offer.problem("width", width) or offer.problem("height", height)):
        changed |= {"width": None, "height": None, "aspect_ratio": _nearest(offer, width / height)}
    elif ratio and offer.problem("aspect_ratio", ratio):
        wide, _, high = ratio.partition(":")
        changed["aspect_ratio"] = _nearest(offer, int(wide) / int(high))
    if not offer.prompt:
        changed["prompt"] = ""
    low, high_safety = offer.safety_tolerance or (USUAL_SAFETY, USUAL_SAFETY)
    changed["safety_tolerance"] = max(low, min(fields["safety_tolerance"], high_safety))
    if offer.problem("output_format", fields["output_format"]):
        changed |= {"output_format": "png", "output_quality": None}
    return changed


def _nearest(offer: Offer, wide: float) -> str:
    if offer.sides is None and not offer.ratios:
        return AUTO
    return nearest_ratio(round(wide * 10_000), 10_000, among=offer.ratios if isinstance(offer.ratios, tuple) else ())
