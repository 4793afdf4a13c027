"""Writes pictures under names that nobody else has, whole or not at all."""

from __future__ import annotations

import os
import secrets
from pathlib import Path


def write_numbered(folder: Path, stem: str, number: int, suffix: str, data: bytes) -> Path:
    """``stem_00001_.png`` or the next free number; two writers at once never get the same one."""
    while True:
        path = folder / f"{stem}_{number:05}_{suffix}"
        try:
            # The empty file claims the name; the rename below replaces it by the whole picture.
            path.open("xb").close()
        except FileExistsError:
            number += 1
            continue
        _fill(path, data)
        return path


def _fill(path: Path, data: bytes) -> None:
    temporary = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    try:
        with temporary.open("wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        path.unlink(missing_ok=True)
        raise
