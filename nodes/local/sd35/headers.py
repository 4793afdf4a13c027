"""What a model's file says of itself, without reading its weights."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .. import weights
from ..errors import ModelRefused

if TYPE_CHECKING:
    from torch import Tensor


@dataclass(frozen=True)
class Header:
    """The shapes of a file's tensors by their names, and the words that its maker has added."""

    path: Path
    shapes: Mapping[str, tuple[int, ...]]
    words: Mapping[str, str] = field(default_factory=dict)
    opened: Mapping[str, Tensor] | None = None
    """What a file that is no safetensors file holds: it has to be opened to be read at all."""
    prefix: str = ""
    """What stands before each of these names in the file."""

    def below(self, prefix: str) -> Header:
        """The part of the file whose names begin with ``prefix``, without that."""
        shapes = {name[len(prefix) :]: shape for name, shape in self.shapes.items() if name.startswith(prefix)}
        return Header(self.path, shapes, self.words, self.opened, self.prefix + prefix)

    def tensors(self) -> dict[str, Tensor]:
        """The weights on the CPU: views of the file, of which nothing is read before it is used."""
        from safetensors import safe_open

        if self.opened is not None:
            return {name: self.opened[self.prefix + name] for name in self.shapes}
        with safe_open(self.path, framework="pt") as file:
            return {name: file.get_tensor(self.prefix + name) for name in self.shapes}


def read_header(path: Path) -> Header:
    """The header of a safetensors file, or of a pickle that holds weights only.

    Raises ``ModelRefused`` for what is damaged, cut short or could run a program; by content, as files are renamed.
    """
    size = path.stat().st_size
    with path.open("rb") as file:
        head = file.read(weights.HEAD)
        weights.refuse_no_model(head)
        length = weights.header_length(head)
        if length is None:
            return _of_pickle(path)
        file.seek(8)
        text = file.read(length)
    if len(text) < length:
        raise ModelRefused("was cut short: not even its table of contents is whole. Download it again.")
    return _of_safetensors(path, text, size - 8 - length)


def _of_safetensors(path: Path, text: bytes, held: int) -> Header:
    try:
        table: dict[str, dict[str, Any]] = json.loads(text)
        words = {str(name): str(word) for name, word in table.pop("__metadata__", {}).items()}
        shapes = {name: tuple(entry["shape"]) for name, entry in table.items()}
        promised = max((entry["data_offsets"][1] for entry in table.values()), default=0)
    except (ValueError, LookupError, TypeError, AttributeError) as error:
        raise ModelRefused("is damaged: its table of contents cannot be read. Download it again.") from error
    if held < promised:
        percent = 100 * held // promised
        raise ModelRefused(f"was cut short: {percent} % of its weights are there. Download it again.")
    if not shapes:
        raise ModelRefused("holds no weights.")
    return Header(path, shapes, words)


def _of_pickle(path: Path) -> Header:
    opened = weights.open_pickle(path)
    if not opened:
        raise ModelRefused("holds no weights.")
    return Header(path, {name: tuple(value.shape) for name, value in opened.items()}, opened=opened)
