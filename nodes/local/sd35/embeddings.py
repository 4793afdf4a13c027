"""What the text encoders have said before: kept between runs, prompts and changes of the graph, within bounds."""

from __future__ import annotations

import hashlib
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from torch import Tensor

MOST = 256 * 2**20
"""Bytes of memory (not of the graphics card's): about a hundred prompts."""

Said = Mapping[str, Any]
"""What the encoders said of a prompt: tensors, and little beside them, by their names."""


class Embeddings:
    """The last prompts, as many as ``most`` bytes hold."""

    def __init__(self, most: int = MOST) -> None:
        self.most = most
        self._kept: OrderedDict[str, Said] = OrderedDict()

    @property
    def held(self) -> int:
        """Bytes kept now."""
        return sum(_bytes(said) for said in self._kept.values())

    def recall(self, key: str) -> Said | None:
        """What was said under ``key``, as the receiver's own; None where it was not, or too long ago."""
        if key not in self._kept:
            return None
        self._kept.move_to_end(key)
        return _copied(self._kept[key])

    def keep(self, key: str, said: Said) -> None:
        """Keep it until there is no room for it any more; what has not been asked for longest goes first."""
        if _bytes(said) > self.most:
            return
        self._kept[key] = _copied(said)
        while self.held > self.most:
            self._kept.popitem(last=False)

    def forget(self) -> None:
        """Keep nothing."""
        self._kept.clear()


EMBEDDINGS = Embeddings()
"""Of this process: the host's own cache forgets a prompt as soon as a node before it has changed."""


def key_of(tokens: Mapping[str, Sequence[Sequence[Sequence[Any]]]], *circumstances: object) -> str | None:
    """A name for these tokens in these circumstances; None where a token is of a kind that cannot be compared."""
    told = hashlib.sha256(repr(circumstances).encode())
    for name, rows in sorted(tokens.items()):
        told.update(name.encode())
        for row in rows:
            told.update(b"|")
            for token, weight, *_more in row:
                read = _read(token)
                if read is None:
                    return None
                told.update(read + repr(weight).encode() + b",")
    return told.hexdigest()


def _read(token: Any) -> bytes | None:
    import torch

    if isinstance(token, int):
        return str(token).encode()
    if isinstance(token, torch.Tensor):
        # Of a textual inversion, known by its numbers.
        return hashlib.sha256(token.detach().float().cpu().numpy().tobytes()).digest()
    return None


def _bytes(said: Said) -> int:
    return sum(int(value.nbytes) for value in said.values() if hasattr(value, "nbytes"))


def _copied(said: Said) -> dict[str, Any]:
    return {name: _own(value) if hasattr(value, "nbytes") else value for name, value in said.items()}


def _own(tensor: Tensor) -> Tensor:
    return tensor.detach().to("cpu", copy=True)
