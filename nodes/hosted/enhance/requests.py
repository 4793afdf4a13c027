"""What may be asked: one typed request an operation, checked against the row of its model."""

from __future__ import annotations

import re
import secrets
from collections.abc import Mapping
from typing import Any, ClassVar

from pydantic import Field, ValidationInfo, field_validator, model_validator
from typing_extensions import Self

from ..engine.inputs import Picture
from ..engine.request import RANDOM_SEED, Request
from .lengths import check_margin, check_place, check_region
from .models import CUTTERS, MAX_SEED, UPSCALERS, Row, listed

MOST_MADE = 40_000_000
"""Pixels of a result at most: a larger one would be a file too large to fetch."""

_COLOR = re.compile(r"#?([0-9a-fA-F]{3,4}|[0-9a-fA-F]{6}|[0-9a-fA-F]{8})|[a-zA-Z]+")
_PNG_AREA = 10_000_000
"""The largest picture that remove.bg gives as PNG, in pixels; as ZIP, WebP or JPEG 25 million, 50 at the size 50MP."""
_WHOLE = (None, "full", "50MP")
"""Sizes that may be larger than a PNG reaches."""
MASK = "alpha"
"""The channels of which only the mask is made."""
_NOT_WITH_MASK = ("crop", "scale", "position", "add_shadow", "background_color", "background")


class EnhanceRequest(Request):
    """What both operations share. A field that is None is left to the model."""

    rows: ClassVar[Mapping[str, Row]]
    options: ClassVar[tuple[str, ...]]
    """The fields that are a model's options."""

    image: Picture

    @property
    def row(self) -> Row:
        return self.rows[self.model]

    @property
    def provider(self) -> str:
        """The account of the model's route."""
        return self.row.route

    def asked(self) -> dict[str, Any]:
        """The options that are set, by the names of the inputs."""
        return {name: value for name in self.options if (value := getattr(self, name)) is not None}

    @field_validator("model")
    @classmethod
    def _is_known(cls, model: str) -> str:
        if model not in cls.rows:
            raise ValueError(f"the models for this are {', '.join(cls.rows)}")
        return model

    @field_validator("*")
    @classmethod
    def _model_takes_it(cls, value: Any, info: ValidationInfo) -> Any:
        # A wrong model is told of already.
        if value is None or info.field_name not in cls.options or "model" not in info.data:
            return value
        if problem := cls.rows[info.data["model"]].problem(info.field_name, value, cls.rows):
            raise ValueError(problem)
        return value

    @field_validator("image")
    @classmethod
    def _picture_is_taken(cls, image: Any, info: ValidationInfo) -> Any:
        row = cls.rows.get(info.data.get("model", ""))
        if row is not None and (problem := row.picture_problem(image.width, image.height)):
            raise ValueError(problem)
        return image


class Upscale(EnhanceRequest):
    """A picture made larger. Its transparency is no part of it: the models lose it."""

    operation: ClassVar[str] = "upscale"
    rows: ClassVar[Mapping[str, Row]] = UPSCALERS
    options: ClassVar[tuple[str, ...]] = (
        "scale",
        "face_enhancement",
        "prompt",
        "creativity",
        "resemblance",
        "variant",
        "overlapping_tiles",
        "seed",
    )
    max_seed: ClassVar[int | None] = MAX_SEED

    scale: float
    """How many times as wide and high."""
    face_enhancement: bool | None = None
    prompt: str | None = None
    creativity: float | None = None
    """How much the model may invent."""
    resemblance: float | None = None
    """How closely it keeps to the picture."""
    variant: str | None = None
    overlapping_tiles: bool | None = None
    seed: int | None = Field(default=None, ge=RANDOM_SEED, le=MAX_SEED)

    @property
    def made(self) -> tuple[int, int]:
        """Width and height of the result in pixels, give or take what a model rounds."""
        return round(self.image.width * self.scale), round(self.image.height * self.scale)

    @classmethod
    def build(cls, **values: Any) -> Self:
        """As :meth:`Request.build`; the seed of a model that has none tells one take from another instead."""
        row = cls.rows.get(values.get("model", ""))
        if row is not None and "seed" not in row.options:
            values = {"take": values.get("seed") or 0, **values, "seed": None}
        return super().build(**values)

    def with_seed(self) -> Self:
        """A drawn seed; a drawn take where the model has no seed."""
        if self.take != RANDOM_SEED:
            return super().with_seed()
        return self.model_copy(update={"take": secrets.randbelow(MAX_SEED + 1)})

    @model_validator(mode="after")
    def _result_can_be_kept(self) -> Self:
        width, height = self.made
        if width * height > MOST_MADE:
            raise ValueError(
                f"{self.image.width}x{self.image.height} times {self.scale:g} makes {width}x{height}, and {MOST_MADE:,} "
                f"pixels are the most: choose a smaller scale"
            )
        return self


class RemoveBackground(EnhanceRequest):
    """A picture cut out from its background."""

    operation: ClassVar[str] = "remove_background"
    rows: ClassVar[Mapping[str, Row]] = CUTTERS
    options: ClassVar[tuple[str, ...]] = (
        "variant",
        "threshold",
        "reverse",
        "crop",
        "crop_margin",
        "size",
        "format",
        "subject_type",
        "background_color",
        "background",
        "channels",
        "roi",
        "scale",
        "position",
        "add_shadow",
        "shadow_type",
        "shadow_opacity",
        "semitransparency",
    )

    variant: str | None = None
    threshold: float | None = None
    """From which opacity, 0-1, a pixel belongs to the subject wholly; None keeps soft edges."""
    reverse: bool | None = None
    """Remove the subject, and keep the background."""
    crop: bool | None = None
    crop_margin: str | None = None
    """What stays around a cropped subject: one to four lengths in px or %."""
    size: str | None = None
    format: str | None = None
    subject_type: str | None = None
    background_color: str | None = None
    background: Picture | None = None
    channels: str | None = None
    """``alpha`` asks for the mask alone."""
    roi: str | None = None
    """The region in which the subject stands: left, top, right and bottom in px or %. What is outside is removed."""
    scale: int | None = None
    """How much of the picture the subject fills, in percent."""
    position: str | None = None
    add_shadow: bool | None = None
    shadow_type: str | None = None
    shadow_opacity: int | None = None
    """In percent."""
    semitransparency: bool | None = None
    """Whether panes of cars are half transparent."""

    @property
    def is_mask(self) -> bool:
        """Whether what comes back is the mask and no picture."""
        return self.channels == MASK

    @property
    def has_background(self) -> bool:
        """Whether a new background is laid behind, so that nothing stays transparent."""
        return self.background_color is not None or self.background is not None

    @property
    def file_format(self) -> str:
        """The format asked of remove.bg: PNG as far as it reaches, beyond it what keeps the size."""
        if self.format is not None:
            return self.format
        is_large = self.size in _WHOLE and self.image.width * self.image.height > _PNG_AREA
        if not is_large:
            return "png"
        return "jpg" if self.has_background or self.is_mask else "zip"

    @field_validator("background_color")
    @classmethod
    def _is_a_color(cls, color: str | None) -> str | None:
        if color is not None and not _COLOR.fullmatch(color):
            raise ValueError("a colour is written like #81d4fa, 81d4fa77 (the last two for its opacity) or white")
        return color

    @field_validator("crop_margin")
    @classmethod
    def _is_a_margin(cls, margin: str | None) -> str | None:
        return None if margin is None else check_margin(margin)

    @field_validator("position")
    @classmethod
    def _is_a_place(cls, position: str | None) -> str | None:
        return None if position is None else check_place(position)

    @field_validator("roi")
    @classmethod
    def _is_a_region(cls, roi: str | None, info: ValidationInfo) -> str | None:
        picture = info.data.get("image")
        return roi if roi is None or picture is None else check_region(roi, picture.width, picture.height)

    @model_validator(mode="after")
    def _fits_together(self) -> Self:
        if self.crop_margin is not None and not self.crop:
            raise ValueError("crop_margin is for a cropped subject: switch crop on, or leave the margin empty")
        if self.background_color is not None and self.background is not None:
            raise ValueError(
                "the new background is a colour or a picture: leave background_color empty, or take the picture off"
            )
        if self.format == "zip" and self.has_background:
            raise ValueError(
                "format zip is for transparency, and there is none with a new background: choose png or jpg"
            )
        if self.shadow_type is not None and not self.add_shadow:
            raise ValueError("shadow_type is for a shadow: switch add_shadow on, or leave the type at its default")
        if self.shadow_opacity is not None and not self.add_shadow:
            raise ValueError("shadow_opacity is for a shadow: switch add_shadow on, or leave the opacity at -1")
        if self.size == "50MP" and self.format == "png" and self.image.width * self.image.height > _PNG_AREA:
            raise ValueError("format png reaches 10 megapixels: with size 50MP choose zip, webp, jpg or auto")
        return self

    @model_validator(mode="after")
    def _is_a_whole_mask(self) -> Self:
        """A mask is laid on the picture that was sent, so that it must show all of it and nothing else."""
        if not self.is_mask:
            return self
        if unfit := [name for name in _NOT_WITH_MASK if getattr(self, name)]:
            raise ValueError(
                f"with channels alpha only the mask of your own picture is made: leave {listed(unfit)} away"
            )
        if self.format == "zip":
            raise ValueError("format zip is colours and mask, and channels alpha is the mask alone: choose png or jpg")
        return self
