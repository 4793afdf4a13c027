"""Table files in a folder that nothing may lead out of."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterable
from pathlib import Path

from .data import PromptProblem

_LARGEST = 64 * 1024 * 1024
_MOST_NAMED = 8


def listed(folder: Path, endings: Iterable[str]) -> list[str]:
    """The files with such endings that lie directly in the folder, sorted; those in folders below are named by hand."""
    if not folder.is_dir():
        return []
    wanted = tuple(endings)
    with os.scandir(folder) as entries:
        return sorted(entry.name for entry in entries if entry.name.lower().endswith(wanted) and entry.is_file())


def found(folder: Path, name: str, endings: Iterable[str]) -> Path:
    """The file of that name in the folder or below it, its links followed.

    Raises :class:`PromptProblem` for other endings, for what leads out of the folder, and for a file that is not there.
    """
    wanted = tuple(endings)
    if not name.lower().endswith(wanted):
        raise PromptProblem(f"{name} cannot be read: the file's name must end in {', '.join(wanted)}.")
    try:
        path = (folder / name).resolve()
        is_inside = path.is_relative_to(folder.resolve())
    except (OSError, RuntimeError, ValueError) as error:
        raise PromptProblem(f"{name!r} is no name of a file: {error}.") from error
    if not is_inside:
        raise PromptProblem(f"{name} leads out of ComfyUI's input folder, and only files in there are read.")
    if not path.is_file():
        there = listed(folder, wanted)
        more = " and others" if len(there) > _MOST_NAMED else ""
        told = f"There are: {', '.join(there[:_MOST_NAMED])}{more}." if there else "There is none of this kind."
        raise PromptProblem(f"There is no {name} in ComfyUI's input folder. {told}")
    return path


def contents(path: Path) -> bytes:
    """The bytes of a file. Raises :class:`PromptProblem` above 64 MB."""
    size = path.stat().st_size
    if size > _LARGEST:
        raise PromptProblem(
            f"{path.name} has {size / 1e6:.0f} MB, and {_LARGEST / 1e6:.0f} MB are read at most. Split it."
        )
    return path.read_bytes()


def digest(path: Path) -> str:
    """SHA-256 of what stands in the file, so that a changed one is read again."""
    return hashlib.sha256(contents(path)).hexdigest()
