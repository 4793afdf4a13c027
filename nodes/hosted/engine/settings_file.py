"""``settings.json``, in which the operator decides: read whole, or not at all."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any, NamedTuple

FILE = "settings.json"

_LOOKS, _PAUSE = 6, 0.05
"""How often, and seconds between two looks. Editors empty a file, or move it away, before they write it anew: who buys at
that moment must not miss a limit of the budget, or leave the sandbox."""

_believed: dict[Path, bytes | None] = {}
"""What was taken for true at the end of a reading; None where there was no file."""


class Told(NamedTuple):
    """The bytes of the file, and what they say; neither where there is none."""

    written: bytes
    values: dict[str, Any]


def told(folder: Path) -> Told:
    """What ``settings.json`` in ``folder`` says now.

    Raises ValueError where it holds no JSON object, and OSError where it cannot be read.
    """
    path = folder / FILE
    for look in range(_LOOKS):
        if look:
            time.sleep(_PAUSE)
        written = _bytes_of(path)
        values = _object_in(written)
        if values is not None or written == _believed.get(path):
            break
    _believed[path] = written
    if written is None:
        return Told(b"", {})
    if values is not None:
        return Told(written, values)
    if not written.strip():
        raise ValueError(f"{path} is empty: write {{}} into it, or delete it")
    json.loads(written)
    raise ValueError(f"{path} is no JSON object")


def _bytes_of(path: Path) -> bytes | None:
    try:
        return path.read_bytes()
    except FileNotFoundError:
        return None


def _object_in(written: bytes | None) -> dict[str, Any] | None:
    try:
        values = json.loads(written or b"")
    except ValueError:
        return None
    return values if isinstance(values, dict) else None
