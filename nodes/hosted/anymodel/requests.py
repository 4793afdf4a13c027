"""What may be asked of any model: its inputs as they are, with the files beside them."""

from __future__ import annotations

from decimal import Decimal
from typing import Any, ClassVar

from pydantic import Field

from ..engine.inputs import InputMask, InputPicture, Mask, Picture
from ..engine.request import Request
from ..platforms.orders import Attached, Order
from .inputs import Filled, replaced


class AnyModel(Request):
    """``model`` is what is ordered; ``inputs`` name their files by tokens, which the files' digests stand for."""

    operation: ClassVar[str] = "run"

    inputs: dict[str, Any]
    pictures: tuple[Picture, ...] = ()
    masks: tuple[Mask, ...] = ()
    price: Decimal | None = Field(default=None, exclude=True)
    """US dollars as far as anybody knows; what it costs does not make it another request."""

    @property
    def prompt(self) -> str:
        """What was asked in words, for messages."""
        return str(self.inputs.get("prompt", ""))

    @classmethod
    def of(cls, model: str, filled: Filled, price: Decimal | None, take: int) -> AnyModel:
        return cls.build(
            model=model,
            inputs=filled.values,
            pictures=tuple(filled.pictures),
            masks=tuple(filled.masks),
            price=price,
            take=take,
        )

    def order(self) -> Order:
        """The same as an order at a marketplace."""
        inputs: dict[str, Any] = replaced(self.inputs, self._file)
        return Order(self.model, inputs, self.price, wants="anything")

    def _file(self, kind: str, number: int) -> InputPicture | Attached:
        if kind == "picture":
            return self.pictures[number]
        mask: InputMask = self.masks[number]
        return Attached(mask.as_white if kind == "white" else mask.as_black)


class AnyReplicate(AnyModel):
    """A model at Replicate: ``owner/name``, or ``owner/name:version``."""

    provider: ClassVar[str] = "replicate"


class AnyFal(AnyModel):
    """An endpoint at fal, by its id."""

    provider: ClassVar[str] = "fal"
