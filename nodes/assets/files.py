"""Writes files under names that nobody else has, whole or not at all."""

from __future__ import annotations

import os
import secrets
from pathlib import Path


def write_numbered(folder: Path, stem: str, number: int, suffix: str, data: bytes) -> Path:
    """``stem_00001_.png`` or the next free number; two writers at once never get the same one."""
    while not write_new(path := folder / f"{stem}_{number:05}_{suffix}", data):
        number += 1
    return path


def write_new(path: Path, data: bytes) -> bool:
    """Write a file that was not there; False, and nothing changed, where there is one of that name."""
    try:
        # The empty file claims the name; the rename below replaces it by the whole picture.
        path.open("xb").close()
    except FileExistsError:
        return False
    try:
        write_whole(path, data)
    except BaseException:
        path.unlink(missing_ok=True)
        raise
    return True


def write_whole(path: Path, data: bytes) -> None:
    """Put ``data`` at ``path`` in one step, in place of what is there."""
    # Not named after the file: that name may be as long as a name can be.
    temporary = path.with_name(f".{secrets.token_hex(8)}.part")
    try:
        with temporary.open("wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
