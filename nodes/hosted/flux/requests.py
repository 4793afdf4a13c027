"""What may be asked of FLUX: one typed request an operation.

Source of the fields: BFL's OpenAPI of April 2026 with the revision of 2026-09-19 and the FLUX 3 launch pages, Replicate's
model pages of 2026, the types of fal's client 1.10.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from pydantic import Field, ValidationInfo, field_validator, model_validator
from typing_extensions import Self

from ..engine.inputs import Mask, Picture
from .models import MOST_MARGIN, Operation
from .request import FluxRequest, FluxSized
from .sizes import AUTO


class FluxGenerate(FluxSized):
    """A picture from words."""

    operation: ClassVar[Operation] = "generate"

    raw: bool | None = None

    @field_validator("aspect_ratio")
    @classmethod
    def _has_no_picture_to_follow(cls, ratio: str | None) -> str | None:
        if ratio == AUTO:
            raise ValueError("there is no input picture whose shape the result could take")
        return ratio


class FluxEdit(FluxSized):
    """A picture changed by words, or made from several; the first one's shape is kept unless another is asked."""

    operation: ClassVar[Operation] = "edit"

    images: tuple[Picture, ...]

    @property
    def pictures(self) -> tuple[Picture, ...]:
        return self.images


class _OfOnePicture(FluxRequest):
    """What begins with one picture."""

    image: Picture

    @property
    def pictures(self) -> tuple[Picture, ...]:
        return (self.image,)

    @property
    def whole(self) -> tuple[int, int]:
        """Width and height of the picture with all that is added to it."""
        return self.image.width, self.image.height

    @property
    def size(self) -> tuple[int, int] | None:
        return self.whole if self.keeps_size else None


class _Masked(_OfOnePicture):
    """What changes the marked part of a picture."""

    mask: Mask

    @field_validator("mask")
    @classmethod
    def _fits_the_image(cls, mask: Any, info: ValidationInfo) -> Any:
        image = info.data.get("image")
        if image is not None and (mask.width, mask.height) != (image.width, image.height):
            raise ValueError(
                f"it is {mask.width}x{mask.height}, and the image {image.width}x{image.height}: make them one size"
            )
        if mask.is_empty:
            raise ValueError("nothing is marked in it, so that nothing would change: paint white (1) where it should")
        return mask


class FluxFill(_Masked):
    """The marked part of a picture, painted anew. The prompt may be empty."""

    operation: ClassVar[Operation] = "fill"


class FluxErase(_Masked):
    """What is marked is taken away, and what is around it carries on. There is no prompt."""

    operation: ClassVar[Operation] = "erase"

    prompt: str = ""
    grow: int | None = None
    """Pixels by which the mask is made larger first."""


class FluxExpand(_OfOnePicture):
    """A picture continued beyond its edges, by so many pixels at each. The prompt may be empty."""

    operation: ClassVar[Operation] = "expand"

    top: int = Field(default=0, ge=0, le=MOST_MARGIN)
    bottom: int = Field(default=0, ge=0, le=MOST_MARGIN)
    left: int = Field(default=0, ge=0, le=MOST_MARGIN)
    right: int = Field(default=0, ge=0, le=MOST_MARGIN)
    mode: str | None = None
    """With how much care it is drawn."""

    @property
    def whole(self) -> tuple[int, int]:
        return self.left + self.image.width + self.right, self.top + self.image.height + self.bottom

    @model_validator(mode="after")
    def _grows(self) -> Self:
        if not (self.top or self.bottom or self.left or self.right):
            raise ValueError("nothing is to be added: say at top, bottom, left or right how many pixels")
        if self.offer.margins_in == "canvas" and (problem := self.offer.picture_problem(*self.whole)):
            raise ValueError(f"with these margins, {problem}")
        return self


class _Drawn(FluxSized):
    """What is drawn from one picture, in a size of one's choice."""

    image: Picture

    @property
    def pictures(self) -> tuple[Picture, ...]:
        return (self.image,)


class FluxRedux(_Drawn):
    """Another picture like this one. The prompt may be empty, and some models take none."""

    operation: ClassVar[Operation] = "redux"
    needs_words: ClassVar[bool] = False


class FluxReimagine(_Drawn):
    """A picture from words and a picture, mixed as strongly as is asked. The prompt may be empty."""

    operation: ClassVar[Operation] = "reimagine"
    needs_words: ClassVar[bool] = False

    strength: float | None = None
    """0-1: how much of the picture is in the result; what others call strength counts the other way round."""
    raw: bool | None = None


class FluxControl(_Drawn):
    """A picture from words that keeps the outlines or the depth of another."""

    operation: ClassVar[Operation] = "control"

    control_strength: float | None = None
    """0-2: how closely the control picture is followed."""
    prepared: bool | None = None
    """Whether the picture is a depth map already."""

    @property
    def size(self) -> tuple[int, int] | None:
        # Without sides, the result has the control picture's size.
        return super().size or (self.first if self.keeps_size else None)


REQUESTS: Mapping[Operation, type[FluxRequest]] = {
    kind.operation: kind
    for kind in (FluxGenerate, FluxEdit, FluxFill, FluxErase, FluxExpand, FluxRedux, FluxReimagine, FluxControl)
}
"""The request of each operation."""
