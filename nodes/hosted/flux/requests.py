"""What may be asked of FLUX: one typed request an operation, checked against the row of the model and the route.

Source of the fields: BFL's OpenAPI of April 2026 with the revision of 2026-09-19, and the FLUX 3 launch pages.
"""

from __future__ import annotations

import secrets
from typing import Any, ClassVar, Literal

from pydantic import Field, ValidationInfo, field_validator, model_validator
from typing_extensions import Self

from ..engine.inputs import Mask, Picture
from ..engine.request import RANDOM_SEED, Request
from .models import OFFERS, Offer
from .sizes import AUTO, nearest_ratio

MAX_SEED = 2**32 - 1
USUAL_SAFETY = 2
MOST_MARGIN = 2048

Format = Literal["png", "jpeg", "webp"]

_OPTIONAL = ("resolution", "steps", "guidance", "prompt_upsampling", "raw", "grounding", "user")
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
        width, height = fields.get("width"), fields.get("height")
        if width and height and (offer.problem("width", width) or offer.problem("height", height)):
            fields["aspect_ratio"] = nearest_ratio(width, height)
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

    @field_validator("*")
    @classmethod
    def _model_takes_it(cls, value: Any, info: ValidationInfo) -> Any:
        # A wrong model is told of already.
        if value is None or info.field_name is None or "model" not in info.data:
            return value
        if problem := cls.offers()[info.data["model"]].problem(info.field_name, value):
            raise ValueError(problem)
        return value

    @field_validator("images", "image", check_fields=False)
    @classmethod
    def _pictures_are_taken(cls, value: Any, info: ValidationInfo) -> Any:
        offer = cls.offers().get(info.data.get("model", ""))
        pictures = value if isinstance(value, tuple) else (value,)
        if offer is None:
            return value
        if not 1 <= len(pictures) <= offer.references:
            raise ValueError(f"{offer.model} takes 1 to {offer.references} pictures, and these are {len(pictures)}")
        for picture in pictures:
            if problem := offer.picture_problem(picture.width, picture.height):
                raise ValueError(problem)
        return value


class FluxSized(FluxRequest):
    """What is asked with words, and comes in a size of one's choice."""

    aspect_ratio: str | None = None
    width: int | None = None
    height: int | None = None
    """Pixels; given together, in place of the aspect ratio, where the model takes them."""
    resolution: str | None = None
    grounding: bool | None = None
    """Whether the model looks things up on the web before it draws."""

    @field_validator("prompt")
    @classmethod
    def _says_something(cls, prompt: str) -> str:
        if not prompt.strip():
            raise ValueError("it is empty: say what the picture should show")
        return prompt

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


class FluxGenerate(FluxSized):
    """A picture from words."""

    operation: ClassVar[str] = "generate"

    raw: bool | None = None

    @field_validator("aspect_ratio")
    @classmethod
    def _has_no_picture_to_follow(cls, ratio: str | None) -> str | None:
        if ratio == AUTO:
            raise ValueError("there is no input picture whose shape the result could take")
        return ratio


class FluxEdit(FluxSized):
    """A picture changed by words, or made from several; the first one's shape is kept unless another is asked."""

    operation: ClassVar[str] = "edit"

    images: tuple[Picture, ...]


class FluxFill(FluxRequest):
    """The marked part of a picture, painted anew. The prompt may be empty."""

    operation: ClassVar[str] = "fill"

    image: Picture
    mask: Mask

    @field_validator("mask")
    @classmethod
    def _fits_the_image(cls, mask: Any, info: ValidationInfo) -> Any:
        image = info.data.get("image")
        if image is not None and (mask.width, mask.height) != (image.width, image.height):
            raise ValueError(
                f"it is {mask.width}x{mask.height}, and the image {image.width}x{image.height}: make them one size"
            )
        return mask


class FluxExpand(FluxRequest):
    """A picture continued beyond its edges, by so many pixels at each. The prompt may be empty."""

    operation: ClassVar[str] = "expand"

    image: Picture
    top: int = Field(default=0, ge=0, le=MOST_MARGIN)
    bottom: int = Field(default=0, ge=0, le=MOST_MARGIN)
    left: int = Field(default=0, ge=0, le=MOST_MARGIN)
    right: int = Field(default=0, ge=0, le=MOST_MARGIN)

    @model_validator(mode="after")
    def _grows(self) -> Self:
        if not (self.top or self.bottom or self.left or self.right):
            raise ValueError("nothing is to be added: say at top, bottom, left or right how many pixels")
        return self
