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
from .models import CUTTERS, UPSCALERS, Row

MAX_SEED = 2**31 - 1
MOST_MADE = 40_000_000
"""Pixels of a result at most: a larger one would be a file too large to fetch."""

_COLOR = re.compile(r"#?([0-9a-fA-F]{3,4}|[0-9a-fA-F]{6}|[0-9a-fA-F]{8})|[a-zA-Z]+")
_MARGIN = re.compile(r"(\d+(?:\.\d+)?)(px|%)")
_MOST_MARGIN = {"px": 500.0, "%": 50.0}
_PNG_AREA = 10_000_000
"""The largest picture that remove.bg gives as PNG, in pixels; as ZIP or JPEG 25 million."""


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

    @property
    def has_background(self) -> bool:
        """Whether a new background is laid behind, so that nothing stays transparent."""
        return self.background_color is not None or self.background is not None

    @property
    def file_format(self) -> str:
        """The format asked of remove.bg: PNG as far as it reaches, beyond it what keeps the size."""
        if self.format is not None:
            return self.format
        is_large = self.size in (None, "full") and self.image.width * self.image.height > _PNG_AREA
        if not is_large:
            return "png"
        return "jpg" if self.has_background else "zip"

    @field_validator("background_color")
    @classmethod
    def _is_a_color(cls, color: str | None) -> str | None:
        if color is not None and not _COLOR.fullmatch(color):
            raise ValueError("a colour is written like #81d4fa, 81d4fa77 (the last two for its opacity) or white")
        return color

    @field_validator("crop_margin")
    @classmethod
    def _is_a_margin(cls, margin: str | None) -> str | None:
        if margin is None:
            return None
        lengths = [_MARGIN.fullmatch(part) for part in margin.split()]
        if not 1 <= len(lengths) <= 4 or not all(
            length and float(length[1]) <= _MOST_MARGIN[length[2]] for length in lengths
        ):
            raise ValueError("a margin is written like 30px or 10%, one to four of them, at most 500px or 50%")
        return margin

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
        return self
