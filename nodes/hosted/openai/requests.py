"""What may be asked of OpenAI: every parameter, its range and its default, per model.

Source of the fields: OpenAI's images, chat and moderation API as of 2026-11-21 (openai-python 3.52.0 types).
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, Literal

from pydantic import Field, ValidationInfo, field_validator, model_validator
from typing_extensions import Self

from ..engine.inputs import Mask, Picture
from ..engine.request import Request
from .models import ImageModel, row_of, sides

MAX_PICTURES = 16
LEGACY_UPLOAD_BYTES = 4 * 1024 * 1024
_VARIATION = "A variation of this image: the same subject, style and colours, composed a little differently."
_STYLES = {
    "vivid": "Style: vivid, with dramatic light and intense colours.",
    "natural": "Style: natural and restrained, as in an unprocessed photograph.",
}
_QUALITIES = {"standard": "medium", "hd": "high"}

Quality = Literal["auto", "low", "medium", "high", "xhigh", "max"]


class OpenAIRequest(Request):
    """Base of the family's requests."""

    provider: ClassVar[str] = "openai"


class ImageRequest(OpenAIRequest):
    """What all image requests share: checks against the model's row, and what replaces a retired model."""

    prompt: str
    n: int = Field(default=1, ge=1, le=10)
    size: str

    @property
    def row(self) -> ImageModel | None:
        return row_of(self.model)

    def retired_since(self, today: dt.date) -> dt.date | None:
        retires = self.row.retires if self.row else None
        return retires if retires and retires <= today else None

    def successor(self) -> Request | None:
        row = self.row
        return self.with_model(row.successor) if row and row.successor else None

    @field_validator("size")
    @classmethod
    def _can_be_made(cls, size: str, known: ValidationInfo) -> str:
        if size != "auto":
            sides(size)
        row = row_of(known.data.get("model", ""))
        if row and (problem := row.size_problem(size)):
            raise ValueError(problem)
        return size

    @model_validator(mode="after")
    def _fits_the_model(self) -> Self:
        if not self.prompt.strip():
            raise ValueError("the prompt is empty: say what the picture should show")
        row = self.row
        longest = row.prompt if row else 32_000
        if len(self.prompt) > longest:
            raise ValueError(f"the prompt has {len(self.prompt):,} characters, and {self.model} takes {longest:,}")
        quality = getattr(self, "quality", None)
        if row and quality is not None and quality not in row.qualities:
            raise ValueError(f"the quality {quality} is not one of {self.model}: it has {', '.join(row.qualities)}")
        return self


class GptImageRequest(ImageRequest):
    """The fields that GPT Image takes in generation and in editing."""

    size: str = "auto"
    quality: Quality = "auto"
    background: Literal["auto", "opaque", "transparent"] = "auto"
    output_format: Literal["png", "jpeg", "webp"] = "png"
    output_compression: int | None = Field(default=None, ge=0, le=100)
    complexity: Literal["low", "medium", "high"] | None = None
    partial_images: int | None = Field(default=None, ge=1, le=3)
    """Unfinished pictures to show on the way (streaming); each may cost extra tokens."""
    safety_identifier: str | None = None

    @model_validator(mode="after")
    def _fields_agree(self) -> Self:
        row = self.row
        if self.background == "transparent" and self.output_format == "jpeg":
            raise ValueError("a transparent background needs the output_format png or webp, and this is jpeg")
        if self.background == "transparent" and row and not row.transparent:
            raise ValueError(f"{self.model} makes no transparent background; gpt-image-2.5 and later do")
        if self.output_compression is not None and self.output_format == "png":
            raise ValueError("output_compression works with the output_format jpeg or webp, and this is png")
        if self.complexity is not None and row and not row.complexity:
            raise ValueError(f"complexity is for gpt-image-2.6 and later, and the model is {self.model}")
        return self


class GptImageGenerate(GptImageRequest):
    """POST /images/generations with a GPT Image model."""

    operation: ClassVar[str] = "generate"

    moderation: Literal["auto", "low"] = "auto"


class GptImageEdit(GptImageRequest):
    """POST /images/edits with a GPT Image model: 1 to 16 pictures, a mask or a markup for the first."""

    operation: ClassVar[str] = "edit"

    images: tuple[Picture, ...]
    mask: Mask | None = None
    markup: Picture | None = None
    input_fidelity: Literal["low", "high"] | None = None

    def with_model(self, model: str) -> Request:
        """Only some models know input_fidelity; it is dropped for those that do not."""
        row = row_of(model)
        if row is None or self.input_fidelity in (None, *row.input_fidelity):
            return super().with_model(model)
        return self.model_copy(update={"input_fidelity": None}).with_model(model)

    @model_validator(mode="after")
    def _pictures_agree(self) -> Self:
        if not 1 <= len(self.images) <= MAX_PICTURES:
            raise ValueError(f"between 1 and {MAX_PICTURES} pictures can be sent, and these are {len(self.images)}")
        if self.mask is not None and self.markup is not None:
            raise ValueError("a mask and a markup cannot be sent together: disconnect one of them")
        for name in ("mask", "markup"):
            _check_same_size(name, getattr(self, name), self.images[0])
        row = self.row
        if self.markup is not None and row and not row.markup:
            raise ValueError(f"markup is for gpt-image-2 and later, and the model is {self.model}")
        if self.input_fidelity is not None and row and self.input_fidelity not in row.input_fidelity:
            allowed = f"takes only {row.input_fidelity[0]}" if row.input_fidelity else "has no such input"
            raise ValueError(f"the input_fidelity {self.input_fidelity} is not for {self.model}, which {allowed}")
        return self


class DallE3(ImageRequest):
    """POST /images/generations with dall-e-3, which OpenAI has retired and compatible servers keep."""

    operation: ClassVar[str] = "generate"

    model: str = "dall-e-3"
    n: int = Field(default=1, ge=1, le=1)
    size: str = "1024x1024"
    quality: Literal["standard", "hd"] = "standard"
    style: Literal["vivid", "natural"] = "vivid"
    response_format: Literal["url", "b64_json"] = "b64_json"

    def with_model(self, model: str) -> Request:
        """The GPT Image request that comes nearest: the quality renamed, the style said in the prompt."""
        return GptImageGenerate.build(
            model=model,
            prompt=f"{self.prompt}\n\n{_STYLES[self.style]}",
            size=self.size,
            quality=_QUALITIES[self.quality],
            take=self.take,
        )


class DallE2Request(ImageRequest):
    """What the three DALL·E 2 operations share."""

    model: str = "dall-e-2"
    size: str = "1024x1024"
    response_format: Literal["url", "b64_json"] = "b64_json"


class DallE2Generate(DallE2Request):
    """POST /images/generations with dall-e-2."""

    operation: ClassVar[str] = "generate"

    def with_model(self, model: str) -> Request:
        """GPT Image makes nothing smaller than about 0.65 megapixels: small sizes become 1024x1024."""
        return GptImageGenerate.build(
            model=model, prompt=self.prompt, n=self.n, size="1024x1024", quality="medium", take=self.take
        )


class DallE2Edit(DallE2Request):
    """POST /images/edits with dall-e-2: one square PNG and a mask."""

    operation: ClassVar[str] = "edit"

    image: Picture
    mask: Mask

    @model_validator(mode="after")
    def _picture_is_square(self) -> Self:
        _check_square(self.image)
        _check_same_size("mask", self.mask, self.image)
        return self

    def with_model(self, model: str) -> Request:
        return GptImageEdit.build(
            model=model,
            prompt=self.prompt,
            images=(self.image,),
            mask=self.mask,
            n=self.n,
            size="1024x1024",
            quality="medium",
            take=self.take,
        )


class DallE2Variations(DallE2Request):
    """POST /images/variations with dall-e-2, gone from OpenAI's own API together with the model."""

    operation: ClassVar[str] = "variations"

    prompt: str = _VARIATION
    """Never sent: there is no such field. It is what the replacing model is told."""
    image: Picture

    @model_validator(mode="after")
    def _picture_is_square(self) -> Self:
        _check_square(self.image)
        return self

    def with_model(self, model: str) -> Request:
        return GptImageEdit.build(
            model=model,
            prompt=self.prompt,
            images=(self.image,),
            n=self.n,
            size="1024x1024",
            quality="medium",
            take=self.take,
        )


class Describe(OpenAIRequest):
    """POST /chat/completions with a picture: words for it."""

    operation: ClassVar[str] = "describe"

    model: str = "gpt-4o"
    prompt: str
    image: Picture
    detail: Literal["auto", "low", "high"] = "auto"
    max_tokens: int = Field(default=500, ge=16, le=16_384)

    @model_validator(mode="after")
    def _asks_something(self) -> Self:
        if not self.prompt.strip():
            raise ValueError("the instruction is empty: say what the description is for")
        return self


class Moderate(OpenAIRequest):
    """POST /moderations with a text, a picture, or both. Free."""

    operation: ClassVar[str] = "moderate"

    model: str = "omni-moderation-latest"
    text: str = ""
    image: Picture | None = None

    @model_validator(mode="after")
    def _has_something(self) -> Self:
        if not self.text.strip() and self.image is None:
            raise ValueError("there is nothing to judge: connect a text, a picture, or both")
        return self

    @staticmethod
    def joined(verdicts: Sequence[Mapping[str, Any]], threshold: float) -> tuple[dict[str, float], list[str]]:
        """The highest score of each category over several verdicts, and the categories that are flagged.

        A category is flagged where OpenAI says so, or where it scores ``threshold`` (0-1) or more; 1 leaves it to OpenAI.
        """
        scores: dict[str, float] = {}
        flagged: set[str] = set()
        for verdict in verdicts:
            for category, score in verdict["scores"].items():
                scores[category] = max(score, scores.get(category, 0.0))
            flagged.update(verdict["categories"])
        flagged.update(category for category, score in scores.items() if threshold < 1 and score >= threshold)
        return scores, sorted(flagged)


def _check_square(image: Picture) -> None:
    if image.width != image.height:
        raise ValueError(
            f"the image is {image.width}x{image.height}, and dall-e-2 takes square pictures only: crop or pad it first"
        )


def _check_same_size(name: str, other: Mask | Picture | None, image: Picture) -> None:
    if other is not None and (other.width, other.height) != (image.width, image.height):
        raise ValueError(
            f"the {name} is {other.width}x{other.height} and the first picture {image.width}x{image.height}: they must be "
            f"of one size"
        )
