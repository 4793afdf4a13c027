"""Opening a model's file for its weights alone, whatever it is called: what could run a program is refused unopened."""

from __future__ import annotations

import re
import zipfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .errors import ModelRefused

if TYPE_CHECKING:
    from torch import Tensor

HEAD = 512
"""Bytes at a file's beginning that tell what it is."""

_HOSTILE = (
    "holds more than weights: opening it the usual way could run a program hidden in it. It was not opened, and nothing of it "
    "ran."
)
# What torch says of a pickle that names a function or a class beside the few that weights need.
_CODE = re.compile("unsupported (global|class)|unrecognized", re.IGNORECASE)
_LARGEST_HEADER = 100 * 2**20
_PICKLE = 0x80
_LATE_PROTOCOLS = range(3, 6)
"""Of pickles that torch never writes: of anything but weights."""


def refuse_no_model(head: bytes) -> None:
    """Raises :class:`ModelRefused` for what often lies where a model should be; ``head`` is the file's beginning."""
    if not head.strip():
        raise ModelRefused("is empty: the download did not work.")
    if head.lstrip()[:1] == b"<":
        raise ModelRefused("is a web page, not a model: the download did not work.")
    if head.startswith(b"version https://git-lfs"):
        raise ModelRefused("is only the note that git keeps in place of a large file: download the file itself.")
    if head.startswith(b"GGUF"):
        raise ModelRefused("is a GGUF file: the nodes of the ComfyUI-GGUF pack open it, or take the .safetensors file.")


def header_length(head: bytes) -> int | None:
    """Bytes of the table of contents, where this is the beginning of a safetensors file."""
    length = int.from_bytes(head[:8], "little")
    return length if head[8:9] == b"{" and length <= _LARGEST_HEADER else None


def open_pickle(path: Path) -> dict[str, Tensor]:
    """The tensors of a pickle that holds weights only, by name, on the CPU; mapped from the file where its form allows it.

    Raises :class:`ModelRefused` for what is damaged, is no model, or could run a program.
    """
    import torch

    with path.open("rb") as file:
        head = file.read(2)
    if len(head) == 2 and head[0] == _PICKLE and head[1] in _LATE_PROTOCOLS:
        raise ModelRefused(_HOSTILE)
    try:
        # A file in the older form cannot be mapped.
        found: Any = torch.load(path, map_location="cpu", weights_only=True, mmap=zipfile.is_zipfile(path))
    except Exception as error:
        if _CODE.search(str(error)):
            raise ModelRefused(_HOSTILE) from error
        raise ModelRefused("cannot be read: it is damaged, was cut short, or is no model at all.") from error
    if isinstance(found, dict):
        found = next((found[key] for key in ("model", "state_dict") if isinstance(found.get(key), dict)), found)
    if not isinstance(found, dict):
        raise ModelRefused("holds no weights of a model.")
    return {name: value for name, value in found.items() if isinstance(name, str) and isinstance(value, torch.Tensor)}
