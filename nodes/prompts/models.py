"""The models that can be recommended, from ``models.toml``."""

from __future__ import annotations

import datetime as dt
import functools
import math
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from .choices import HOSTED, OWN_MACHINE
from .data import read

_USUAL_POINTS = 2


@dataclass(frozen=True)
class Model:
    """One model; the fields are explained in ``models.toml``."""

    name: str
    family: str
    node: str
    price: Mapping[str, Decimal]
    licence: str
    text: int
    takes: frozenset[str]
    uses: Mapping[str, tuple[int, str]]
    choice: str = ""
    per_call: int = 1
    unsure: str = ""
    places: tuple[str, ...] = (HOSTED,)
    needs: str = ""
    sold: tuple[str, ...] = (HOSTED, OWN_MACHINE)
    open: bool = False

    @property
    def value(self) -> str:
        """What the model is called in the list of its node."""
        return self.choice or self.name

    def use(self, name: str) -> tuple[int, str]:
        """Points from 1 to 5 for a use, and why."""
        return self.uses.get(name, (_USUAL_POINTS, "can do it, but is not made for it"))

    def cost(self, pictures: int, quality: str, place: str) -> Decimal:
        """US dollars for that many pictures; nothing on a machine of one's own."""
        if place == OWN_MACHINE:
            return Decimal(0)
        return self.price[quality] * math.ceil(pictures / self.per_call)


@dataclass(frozen=True)
class Retired:
    """A model that is gone, or will be from that day on."""

    name: str
    retires: dt.date
    successor: str

    def told(self, today: dt.date) -> str:
        verb = "was" if self.retires <= today else "will be"
        return f"{self.name} {verb} switched off on {self.retires}; {self.successor} replaces it."


def models() -> tuple[Model, ...]:
    return _models()


def retired() -> tuple[Retired, ...]:
    return tuple(Retired(**row) for row in _tables()["retired"])


def use_names() -> dict[str, str]:
    """What a model can be chosen for: the key by the name that the editor shows."""
    return {shown: key for key, shown in _tables()["uses"].items()}


def control_names() -> dict[str, str]:
    """What can be asked of a model: the key by the name that the editor shows."""
    return {shown: key for key, shown in _tables()["controls"].items()}


def as_of() -> dt.date:
    """The day of the table."""
    day: dt.date = _tables()["as_of"]
    return day


@functools.lru_cache(maxsize=1)
def _models() -> tuple[Model, ...]:
    return tuple(_model(row) for row in _tables()["models"])


def _model(row: dict[str, Any]) -> Model:
    read_as = {
        "price": {quality: Decimal(str(usd)) for quality, usd in row["price"].items()},
        "takes": frozenset(row["takes"]),
        "uses": {use: (points, why) for use, (points, why) in row["uses"].items()},
        "places": tuple(row.get("places", (HOSTED,))),
        "sold": tuple(row.get("sold", (HOSTED, OWN_MACHINE))),
    }
    return Model(**row | read_as)


@functools.lru_cache(maxsize=1)
def _tables() -> dict[str, Any]:
    return read("models.toml")
