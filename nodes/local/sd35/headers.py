"""What a model's file says of itself, without reading its weights."""

from __future__ import annotations

import json
import re
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .errors import ModelRefused

if TYPE_CHECKING:
    from torch import Tensor

_LARGEST_HEADER = 100 * 2**20
_HOSTILE = (
    "holds more than weights: opening it the usual way could run a program hidden in it. It was not opened, and nothing of it "
    "ran."
)
# What torch says of a pickle that names a function or a class beside the few that weights need.
_CODE = re.compile("unsupported (global|class)|unrecognized", re.IGNORECASE)


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
        head = file.read(512)
        if not head.strip():
            raise ModelRefused("is empty: the download did not work.")
        if head.lstrip()[:1] == b"<":
            raise ModelRefused("is a web page, not a model: the download did not work.")
        if head.startswith(b"version https://git-lfs"):
            raise ModelRefused("is only the note that git keeps in place of a large file: download the file itself.")
        if head.startswith(b"GGUF"):
            raise ModelRefused(
                "is a GGUF file: the nodes of the ComfyUI-GGUF pack open it, or take the .safetensors file."
            )
        length = int.from_bytes(head[:8], "little")
        if head[8:9] != b"{" or length > _LARGEST_HEADER:
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
    import torch

    try:
        # A file in the older form cannot be mapped.
        found = torch.load(path, map_location="cpu", weights_only=True, mmap=zipfile.is_zipfile(path))
    except Exception as error:
        if _CODE.search(str(error)):
            raise ModelRefused(_HOSTILE) from error
        raise ModelRefused("cannot be read: it is damaged, was cut short, or is no model at all.") from error
    if isinstance(found, dict) and isinstance(found.get("state_dict"), dict):
        found = found["state_dict"]
    if not isinstance(found, dict):
        raise ModelRefused("holds no weights of a model.")
    opened = {str(name): value for name, value in found.items() if isinstance(value, torch.Tensor)}
    if not opened:
        raise ModelRefused("holds no weights.")
    return Header(path, {name: tuple(value.shape) for name, value in opened.items()}, opened=opened)
