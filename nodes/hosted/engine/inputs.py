"""What a request may carry besides numbers and words: pictures and masks, known by a digest of their pixels.

The engine and the providers see only these protocols; who makes them decides about tensors and encodings.
"""

from __future__ import annotations

from typing import Annotated, Any, Protocol, runtime_checkable

from pydantic import InstanceOf, PlainSerializer


@runtime_checkable
class InputPicture(Protocol):
    """An input picture, encoded only when a provider asks for it."""

    @property
    def digest(self) -> str:
        """SHA-256 (hex) of size and pixels, never of an encoding."""
        ...

    @property
    def width(self) -> int: ...

    @property
    def height(self) -> int: ...

    @property
    def has_alpha(self) -> bool: ...

    def encoded(self, media_type: str = "image/png") -> bytes:
        """The picture as a file of that media type."""
        ...


@runtime_checkable
class InputMask(Protocol):
    """A mask in one convention (marked = change here), given out in whatever polarity a provider wants."""

    @property
    def digest(self) -> str: ...

    @property
    def width(self) -> int: ...

    @property
    def height(self) -> int: ...

    @property
    def is_empty(self) -> bool:
        """Whether nothing at all is marked."""
        ...

    def as_alpha(self) -> bytes:
        """PNG, RGBA: alpha 0 where to change."""
        ...

    def as_white(self) -> bytes:
        """PNG, greyscale: white where to change."""
        ...

    def as_black(self) -> bytes:
        """PNG, greyscale: black where to change."""
        ...


def _digest(value: Any) -> str:
    return f"pixels:{value.digest}"


Picture = Annotated[InstanceOf[InputPicture], PlainSerializer(_digest, return_type=str)]
"""A picture as a field of a request; in journals and fingerprints only its digest stands."""

Mask = Annotated[InstanceOf[InputMask], PlainSerializer(_digest, return_type=str)]
"""A mask as a field of a request; in journals and fingerprints only its digest stands."""
