"""One JSON line a saved picture, beside the pictures: what it is and how it came to be."""

from __future__ import annotations

import functools
import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from .problems import AssetProblem

NAME = "manifest.jsonl"
SCHEMA = Path(__file__).with_name("manifest.schema.json")
_PATIENCE = 60.0
"""Seconds to wait for other processes that are writing."""


def append(folder: Path, line: dict[str, Any], name: str = NAME) -> None:
    """Add one line to a manifest in ``folder``; lines of several runs and processes never mix, and none is lost.

    Raises :class:`AssetProblem` where others keep it locked for a minute, or the disk does not take it.
    """
    from filelock import FileLock, Timeout

    data = json.dumps(line, ensure_ascii=False, sort_keys=True).encode() + b"\n"
    path = folder / name
    try:
        # Not every file system appends in one step (network shares, Windows), nor any so many bytes.
        with FileLock(folder / f".{name}.lock", timeout=_PATIENCE):
            _append(path, data)
    except Timeout as error:
        raise AssetProblem(
            f"{name} stayed locked by another program for a minute, so the picture was saved and its line was not written."
        ) from error
    except OSError as error:
        raise AssetProblem(f"The picture was saved, but its line could not be written to {name}: {error}.") from error


def _append(path: Path, data: bytes) -> None:
    with path.open("ab+") as file:
        end = file.seek(0, os.SEEK_END)
        if end:
            file.seek(end - 1)
            # A process that died in the middle of its line must not spoil this one.
            data = data if file.read(1) == b"\n" else b"\n" + data
        file.write(data)
        file.flush()
        os.fsync(file.fileno())


def lines(path: Path) -> Iterator[tuple[int, dict[str, Any]]]:
    """Number (from 1) and content of every line that can be read; what a dead process left half-written is passed over."""
    with path.open("rb") as file:
        for number, text in enumerate(file, 1):
            try:
                line = json.loads(text)
            except (ValueError, RecursionError):
                continue
            if isinstance(line, dict):
                yield number, line


@functools.lru_cache(maxsize=1)
def schema() -> dict[str, Any]:
    """JSON Schema (2020-12) of a line."""
    loaded: dict[str, Any] = json.loads(SCHEMA.read_text(encoding="utf-8"))
    return loaded
