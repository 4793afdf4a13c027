"""Prices that Ideogram itself named, where they are above the table: the user's limits are checked against these."""

from __future__ import annotations

from decimal import Decimal

from ..engine.errors import EaselError
from ..engine.money import dollars
from . import prices
from .account import LABEL
from .requests import IdeogramRequest

_MICROS = Decimal(1_000_000)
_Kind = tuple[str, str, str | None, int, int]


class Requoted(EaselError):
    """Ideogram wants more for this than was checked against the user's limits. Nothing was sent; its price is known now."""


class Quotes:
    """What Ideogram wants for each kind of request, for as long as this process runs."""

    def __init__(self) -> None:
        self._known: dict[_Kind, Decimal] = {}

    def estimate(self, request: IdeogramRequest) -> Decimal | None:
        """US dollars: what Ideogram named for such a request, else the table's price."""
        return self._known.get(_kind(request), prices.estimate(request))

    def learn(self, request: IdeogramRequest, micros: int) -> None:
        """Take in a price in micro-dollars. Raises :class:`Requoted` where it is above what was counted with."""
        counted, named = self.estimate(request), micros / _MICROS
        if counted is not None and named > counted:
            self._known[_kind(request)] = named
            raise Requoted(
                f"{LABEL} wants {dollars(named)} for this, and {dollars(counted)} were counted against your limits. Nothing was "
                f"sent; run again to buy it at that price."
            )


def _kind(request: IdeogramRequest) -> _Kind:
    """What a price goes by, as far as the tables tell."""
    pictures = len(getattr(request, "references", None) or ())
    return request.operation, request.model, request.quality, request.num_images, pictures
