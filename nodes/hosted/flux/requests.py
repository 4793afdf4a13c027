"""What may be asked of FLUX: one typed request an operation, checked against the row of the model and the route.

Source of the fields: BFL's OpenAPI of April 2026 with the revision of 2026-09-19, and the FLUX 3 launch pages.
"""

from __future__ import annotations

import secrets
from typing import Any, ClassVar, Literal

from pydantic import Field, ValidationInfo, field_validator, model_validator
from typing_extensions import Self

from ..engine.request import RANDOM_SEED, Request
from .models import OFFERS, Offer, Operation
from .sizes import nearest_ratio

MAX_SEED = 2**32 - 1
USUAL_SAFETY = 2

Format = Literal["png", "jpeg", "webp"]

_OPTIONAL = ("aspect_ratio", "resolution", "steps", "guidance", "prompt_upsampling", "raw", "grounding", "user")
"""What another model may simply do without."""


class FluxRequest(Request):
    """What every operation shares. A field that is None is left to the model."""

    provider: ClassVar[str] = "bfl"
    max_seed: ClassVar[int | None] = MAX_SEED

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

    @property
    def offer(self) -> Offer:
        """The row of this model on this route."""
        return OFFERS[self.provider][self.model]

    @classmethod
    def offers(cls) -> dict[str, Offer]:
        """The rows of this route that can be asked for this operation."""
        return {name: offer for name, offer in OFFERS[cls.provider].items() if cls.operation in offer.does}

    @classmethod
    def build(cls, **values: Any) -> Self:
        """As :meth:`Request.build`; the seed of a model that has none tells one take from another instead."""
        offer = cls.offers().get(values.get("model", ""))
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
        """The same wish for another model: what that one does not take is left out, the size becomes the nearest."""
        offer = self.offers().get(model)
        fields = {name: getattr(self, name) for name in type(self).model_fields if name not in ("model", "take")}
        if self.seed is None:
            fields["seed"] = self.take
        if offer is None:
            return self.build(**{**fields, "model": model})
        unfit = [name for name in _OPTIONAL if fields.get(name) is not None and offer.problem(name, fields[name])]
        if fields.get("width") and (
            offer.problem("width", fields["width"]) or offer.problem("height", fields["height"])
        ):
            fields["aspect_ratio"] = nearest_ratio(fields["width"], fields["height"])
            unfit += ["width", "height"]
        fields["safety_tolerance"] = min(self.safety_tolerance, offer.safety)
        fields["output_format"] = self.output_format if offer.formats else "png"
        return self.build(**{**fields, **dict.fromkeys(unfit), "model": model})

    @field_validator("model")
    @classmethod
    def _is_offered(cls, model: str) -> str:
        if model not in cls.offers():
            raise ValueError(f"the models for this are {', '.join(cls.offers())}")
        return model

    @field_validator("prompt")
    @classmethod
    def _says_something(cls, prompt: str) -> str:
        if not prompt.strip():
            raise ValueError("it is empty: say what the picture should show")
        return prompt

    @field_validator("*")
    @classmethod
    def _model_takes_it(cls, value: Any, info: ValidationInfo) -> Any:
        # A wrong model is told of already.
        if value is None or info.field_name is None or "model" not in info.data:
            return value
        if problem := cls.offers()[info.data["model"]].problem(info.field_name, value):
            raise ValueError(problem)
        return value


class FluxGenerate(FluxRequest):
    """A picture from words: POST /v1/<model>."""

    operation: ClassVar[Operation] = "generate"

    aspect_ratio: str | None = None
    width: int | None = None
    height: int | None = None
    """Pixels; given together, in place of the aspect ratio, where the model takes them."""
    resolution: str | None = None
    raw: bool | None = None
    grounding: bool | None = None

    @field_validator("height")
    @classmethod
    def _area_is_taken(cls, height: int | None, info: ValidationInfo) -> int | None:
        width, offer = info.data.get("width"), cls.offers().get(info.data.get("model", ""))
        if height and width and offer and offer.sides and (problem := offer.sides.area_problem(width, height)):
            raise ValueError(f"for {offer.model} {problem}")
        return height

    @model_validator(mode="after")
    def _has_one_size(self) -> Self:
        if (self.aspect_ratio is None) == (self.width is None) or (self.width is None) != (self.height is None):
            raise ValueError("a size is either an aspect_ratio, or a width and a height")
        return self
