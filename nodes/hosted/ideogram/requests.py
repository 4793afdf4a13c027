"""What may be asked of Ideogram: one typed request an operation, checked against the row of the model.

Source of the fields: Ideogram's OpenAPI of April 2026 (legacy, v1) and its v2 reference of September to November 2026.
Values are written as the editor shows them, in small letters; ``fields.py`` writes them as each generation wants them.
"""

from __future__ import annotations

import datetime as dt
import re
import secrets
from typing import Any, ClassVar

from pydantic import Field, ValidationInfo, field_validator, model_validator
from typing_extensions import Self

from ..engine.inputs import Mask, Picture
from ..engine.request import RANDOM_SEED, Request
from .models import MAX_SEED, MOST_AT_ONCE, Offer, listed, nearest_ratio, offers_for
from .styling import PALETTES, PRESETS, Colour, codes_of, colours_of

_CUSTOM_MODEL = re.compile(r"model/[^/\s]+/version/[^/\s]+")
CHARACTER_STYLES = ("auto", "realistic", "fiction")

_KEPT = ("model", "take", "prompt", "image", "mask", "resemblance", "detail")
"""What is never left out when another model is asked instead."""


class IdeogramRequest(Request):
    """What the operations share. A setting that is None is left to the model."""

    PURPOSE: ClassVar[str] = "this"
    NO_PROMPT: ClassVar[str] = "it is empty: say what the picture should show"
    provider: ClassVar[str] = "ideogram"
    max_seed: ClassVar[int | None] = MAX_SEED

    prompt: str = ""
    seed: int | None = Field(default=0, ge=RANDOM_SEED, le=MAX_SEED)
    num_images: int = Field(default=1, ge=1, le=MOST_AT_ONCE)
    aspect_ratio: str | None = None
    width: int | None = None
    height: int | None = None
    """Pixels; given together, in place of the aspect ratio."""
    quality: str | None = None
    rendering_speed: str | None = None
    magic_prompt: str | None = Field(default=None, pattern="^(on|off)$")
    """Whether Ideogram rewrites the prompt; None lets it decide."""
    negative_prompt: str | None = None
    style_type: str | None = None
    style_preset: str | None = None
    style_codes: tuple[str, ...] | None = None
    color_palette: str | None = None
    colors: tuple[Colour, ...] | None = None
    style_images: tuple[Picture, ...] | None = None
    character_image: Picture | None = None
    character_mask: Mask | None = None
    custom_model: str | None = None
    """A model of one's own, trained at Ideogram: ``model/<name>/version/<version>``."""

    @property
    def offer(self) -> Offer:
        """The row of this model for this operation."""
        return offers_for(self.operation)[self.model]

    @classmethod
    def build(cls, **values: Any) -> Self:
        """As :meth:`Request.build`; the seed of a model that has none tells one take from another instead."""
        offer = offers_for(cls.operation).get(values.get("model", ""))
        if offer is not None and not offer.seed:
            seed = values.get("seed")
            values = {"take": 0 if seed is None else seed, **values, "seed": None}
        return super().build(**values)

    def with_seed(self) -> Self:
        """A drawn seed; a drawn take where the model has no seed."""
        if self.offer.seed:
            return super().with_seed()
        return self if self.take != RANDOM_SEED else self.model_copy(update={"take": secrets.randbelow(MAX_SEED + 1)})

    def retired_since(self, today: dt.date) -> dt.date | None:
        """The day on which Ideogram switched this model off; None while it lives."""
        day = self.offer.retires
        return day if day is not None and day <= today else None

    def successor(self) -> Request | None:
        """The same wish for the model that takes this one's place."""
        return self.with_model(self.offer.successor) if self.offer.successor else None

    def with_model(self, model: str) -> Request:
        """The same wish for another model: what that one does not take is left out, the size becomes the nearest."""
        offer = offers_for(self.operation).get(model)
        fields = {name: getattr(self, name) for name in type(self).model_fields if name not in ("model", "take")}
        if self.seed is None:
            fields["seed"] = self.take
        if offer is None:
            return self.build(**{**fields, "model": model})
        if self.width and self.height and (not offer.sizes or offer.size_problem(self.width, self.height)):
            fields |= {
                "width": None,
                "height": None,
                "aspect_ratio": nearest_ratio(self.width, self.height, offer.ratios),
            }
        elif self.aspect_ratio is not None and offer.problem("aspect_ratio", self.aspect_ratio):
            fields["aspect_ratio"] = offer.nearest_ratio(self.aspect_ratio)
        unfit = [
            name
            for name, value in fields.items()
            if value is not None and name not in _KEPT and offer.problem(name, value)
        ]
        if offer.exclusive_preset and (fields["style_codes"] or fields["style_images"]):
            unfit.append("style_preset")
        return self.build(**{**fields, **dict.fromkeys(unfit), "model": model})

    @field_validator("style_codes", mode="before")
    @classmethod
    def _reads_codes(cls, value: Any) -> Any:
        return (codes_of(value) or None) if isinstance(value, str) else value

    @field_validator("colors", mode="before")
    @classmethod
    def _reads_colours(cls, value: Any) -> Any:
        return (colours_of(value) or None) if isinstance(value, str) else value

    @field_validator("model")
    @classmethod
    def _is_offered(cls, model: str) -> str:
        offers = offers_for(cls.operation)
        if model not in offers:
            raise ValueError(f"for {cls.PURPOSE} take {' or '.join(offers)}")
        return model

    @field_validator("*")
    @classmethod
    def _model_takes_it(cls, value: Any, info: ValidationInfo) -> Any:
        # A wrong model is told of already.
        if value is None or info.field_name is None or "model" not in info.data:
            return value
        if problem := offers_for(cls.operation)[info.data["model"]].problem(info.field_name, value):
            raise ValueError(problem)
        return value

    @field_validator("prompt")
    @classmethod
    def _is_a_prompt(cls, prompt: str, info: ValidationInfo) -> str:
        if cls.needs_prompt() and not prompt.strip():
            raise ValueError(cls.NO_PROMPT)
        offer = offers_for(cls.operation).get(info.data.get("model", ""))
        if offer is not None and offer.prompt is not None and len(prompt) > offer.prompt:
            raise ValueError(f"{offer.model} takes {offer.prompt:,} characters, and these are {len(prompt):,}")
        return prompt

    @field_validator("custom_model")
    @classmethod
    def _is_an_address(cls, custom: str | None) -> str | None:
        if custom is not None and not _CUSTOM_MODEL.fullmatch(custom):
            raise ValueError("a model of your own is written like model/my-model/version/1, as Ideogram shows it")
        return custom

    @field_validator("height")
    @classmethod
    def _is_a_size(cls, height: int | None, info: ValidationInfo) -> int | None:
        width, offer = info.data.get("width"), offers_for(cls.operation).get(info.data.get("model", ""))
        if height and width and offer and offer.sizes and (problem := offer.size_problem(width, height)):
            raise ValueError(problem)
        return height

    @field_validator("style_preset", "color_palette")
    @classmethod
    def _is_known(cls, value: str | None, info: ValidationInfo) -> str | None:
        known = PRESETS if info.field_name == "style_preset" else PALETTES
        if value is not None and value not in known:
            raise ValueError(f"it is one of {listed(known)}")
        return value

    @field_validator("image", "character_image", check_fields=False)
    @classmethod
    def _picture_is_taken(cls, picture: Any, info: ValidationInfo) -> Any:
        offer = offers_for(cls.operation).get(info.data.get("model", ""))
        if picture is not None and offer and (problem := offer.shape_problem(picture.width, picture.height)):
            raise ValueError(problem)
        return picture

    @field_validator("style_images", "references", check_fields=False)
    @classmethod
    def _pictures_are_taken(cls, several: Any, info: ValidationInfo) -> Any:
        for picture in several or ():
            cls._picture_is_taken(picture, info)
        return several

    @field_validator("mask", "character_mask", check_fields=False)
    @classmethod
    def _fits_its_picture(cls, mask: Any, info: ValidationInfo) -> Any:
        name = "image" if info.field_name == "mask" else "character_image"
        picture = info.data.get(name)
        if mask is None:
            return None
        if picture is None:
            raise ValueError(f"there is no {name} that it could belong to")
        if (mask.width, mask.height) != (picture.width, picture.height):
            raise ValueError(
                f"it is {mask.width}x{mask.height}, and the picture {picture.width}x{picture.height}: make them one size"
            )
        if mask.is_empty:
            raise ValueError("it marks nothing: paint where the picture should change, or take it off")
        return mask

    @model_validator(mode="after")
    def _goes_together(self) -> Self:
        if self.width is not None and self.aspect_ratio is not None:
            raise ValueError("a size is either an aspect_ratio, or a width and a height")
        if (self.width is None) != (self.height is None):
            raise ValueError("a size of one's own has a width and a height")
        if self.color_palette and self.colors:
            raise ValueError("colours are either a ready color_palette or your own colors, not both")
        if self.style_codes and (self.style_type or self.style_images):
            raise ValueError("style_codes go with neither a style_type nor style_images: leave one of them out")
        if self.custom_model and self.style_type:
            raise ValueError("a custom_model brings its own style: leave style_type at its default")
        if self.offer.exclusive_preset and self.style_preset and (self.style_codes or self.style_images):
            raise ValueError(f"with {self.model} a style_preset goes with neither style_codes nor style_images")
        if self.character_image is not None and self.style_type not in (None, *CHARACTER_STYLES):
            raise ValueError(f"with a character_image the style_type is {listed(CHARACTER_STYLES)}")
        return self

    @classmethod
    def needs_prompt(cls) -> bool:
        """Whether this cannot be asked without words."""
        return True


class IdeogramGenerate(IdeogramRequest):
    """Pictures from words."""

    operation: ClassVar[str] = "generate"


class IdeogramTransparent(IdeogramRequest):
    """Pictures from words on a transparent background."""

    operation: ClassVar[str] = "generate-transparent"
    PURPOSE: ClassVar[str] = "a transparent background"

    upscale_factor: str | None = None


class IdeogramDesign(IdeogramRequest):
    """A layout from words: a picture without its lettering, and the lettering as text."""

    operation: ClassVar[str] = "generate-design"

    font_h1: str | None = Field(default=None, min_length=1)
    font_h2: str | None = Field(default=None, min_length=1)
    font_body: str | None = Field(default=None, min_length=1)
    font_small: str | None = Field(default=None, min_length=1)


class IdeogramEdit(IdeogramRequest):
    """A picture changed by words, within a mask where there is one."""

    operation: ClassVar[str] = "edit"
    NO_PROMPT: ClassVar[str] = "it is empty: say what should be different"

    image: Picture
    mask: Mask | None = None
    references: tuple[Picture, ...] | None = None

    @model_validator(mode="after")
    def _has_its_mask(self) -> Self:
        if self.offer.mask == "must" and self.mask is None:
            free = tuple(name for name, offer in offers_for(self.operation).items() if offer.mask != "must")
            raise ValueError(f"{self.model} edits only inside a mask: connect one, or take {listed(free)}")
        return self


class IdeogramRemix(IdeogramRequest):
    """A new picture after another one and words."""

    operation: ClassVar[str] = "remix"

    image: Picture
    image_weight: int | None = Field(default=None, ge=1, le=100)
    """How closely the result follows the picture; None lets the model decide."""


class IdeogramReframe(IdeogramRequest):
    """A picture continued to another shape."""

    operation: ClassVar[str] = "reframe"

    image: Picture

    @classmethod
    def needs_prompt(cls) -> bool:
        return False

    @model_validator(mode="after")
    def _has_a_shape(self) -> Self:
        if self.aspect_ratio is None and self.width is None:
            raise ValueError("say in aspect_ratio, or in width and height, which shape the picture should get")
        return self


class IdeogramReplaceBackground(IdeogramRequest):
    """What stands in front is kept, and the rest becomes another place."""

    operation: ClassVar[str] = "replace-background"
    NO_PROMPT: ClassVar[str] = "it is empty: say what the new background should be"

    image: Picture


class IdeogramUpscale(IdeogramRequest):
    """A picture made larger, with more detail."""

    operation: ClassVar[str] = "upscale"

    image: Picture
    resemblance: int = Field(default=50, ge=1, le=100)
    detail: int = Field(default=50, ge=1, le=100)

    @classmethod
    def needs_prompt(cls) -> bool:
        return False


class IdeogramDescribe(IdeogramRequest):
    """A picture put into words."""

    operation: ClassVar[str] = "describe"

    image: Picture

    @classmethod
    def needs_prompt(cls) -> bool:
        return False
