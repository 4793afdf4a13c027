"""What travels along the links of a graph while it is estimated: real values, and stand-ins for what is yet to be made."""

from __future__ import annotations

import functools
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from .. import host

USUAL_SIZE = (1024, 1024)
"""Width and height of a picture that nobody knows yet."""
_WORDS = "…"
_SIMPLE: dict[str, Any] = {"INT": 1, "FLOAT": 1.0, "BOOLEAN": False}


@dataclass(frozen=True, eq=False)
class Value:
    """One value on a link; ``is_real`` is False for a stand-in, and for what was made of one."""

    value: Any
    is_real: bool


@dataclass(frozen=True)
class Values:
    """The list on a link; ``is_counted`` is False where its length is known only once it is made."""

    items: tuple[Value, ...]
    is_counted: bool = True

    def at(self, place: int) -> Value:
        """As the host does: the last one again where the list is too short."""
        return self.items[min(place, len(self.items) - 1)]


@dataclass(frozen=True)
class Sight:
    """What a stand-in for pictures looks like: how many in a batch, and their width and height."""

    pictures: int = 1
    size: tuple[int, int] = USUAL_SIZE


def real(value: Any) -> Value:
    return Value(value, True)


def sight_of(values: Sequence[Any], batch: int | None = None) -> Sight:
    """That of the first picture or mask among a node's inputs: what it makes of them mostly has the same size."""
    for value in values:
        shape = getattr(value, "shape", None)
        if shape is not None and len(shape) in (3, 4):
            return Sight(int(shape[0]) if batch is None else batch, (int(shape[2]), int(shape[1])))
    return Sight(1 if batch is None else batch)


def stand_in(kind: str, sight: Sight) -> Value:
    """Something of the socket type ``kind`` that a node can be asked with; the same object for the same wish."""
    return _stand_in(str(kind), sight)


@functools.lru_cache(maxsize=256)
def _stand_in(kind: str, sight: Sight) -> Value:
    if kind == "IMAGE":
        return Value(_flat(sight, 3), False)
    if kind == "MASK":
        return Value(_flat(sight, 0), False)
    if kind in _SIMPLE:
        return Value(_SIMPLE[kind], False)
    return Value(_WORDS if "STRING" in kind else None, False)


def _flat(sight: Sight, channels: int) -> Any:
    """A grey picture, or a mask that marks half: one number in memory, however large it looks."""
    import torch

    width, height = sight.size
    shape = (sight.pictures, height, width, *([channels] if channels else []))
    return torch.full((1,) * len(shape), 0.5).expand(shape)


def is_blocker(value: Any) -> bool:
    """Whether the host would let rest what gets this value."""
    return isinstance(value, type(host.blocker()))
