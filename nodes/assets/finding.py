"""A line of a manifest, found by the name of a file, by words, or by its place."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from . import destinations, graphs, manifest, naming
from .choices import OUTPUT
from .graphs import Graphs
from .problems import AssetProblem
from .sealing import is_sealed, unseal
from .settings import AssetSettings

_SOUGHT = ("path", "file", "title", "prompt", "model", "asked_model", "provider", "operation", "made_by", "seed")
"""Where words are looked for; digests and ids would match by accident."""


@dataclass(frozen=True)
class Found:
    """A saved picture and what is known of it. ``data`` is its file; None where that is gone, and ``missing`` says why."""

    line: Mapping[str, Any]
    number: int
    """Of the line, from 1."""
    matches: int
    data: bytes | None
    missing: str
    is_changed: bool
    """Whether the file is no longer the one that was saved."""
    graphs: Graphs


def manifest_path(output: Path, name: str) -> Path:
    """The manifest of that name below the output folder, its links followed. Raises :class:`AssetProblem`."""
    path = output.joinpath(*naming.safe_folder(name)).resolve()
    if not path.is_relative_to(output.resolve()) or not name.endswith(".jsonl"):
        raise AssetProblem(f'"{name}" is no manifest: it is a .jsonl file below ComfyUI\'s output folder.')
    if not path.is_file():
        raise AssetProblem(
            f'There is no manifest "{name}" in ComfyUI\'s output folder: Save Assets writes one, and tells its name.'
        )
    return path


def find(output: Path, name: str, wanted: str, index: int, settings: AssetSettings) -> Found:
    """The line that ``wanted`` (see :func:`_matches`) and ``index`` (from 0; below 0 from the end) choose. Blocks."""
    path = manifest_path(output, name)
    hits = [(number, line) for number, line in manifest.lines(path) if line.get("file") and _matches(line, wanted)]
    if not hits:
        what = f' with "{wanted}"' if wanted.strip() else ""
        raise AssetProblem(f"The manifest {name} has no picture{what}.")
    if not -len(hits) <= index < len(hits):
        raise AssetProblem(
            f"There is no picture {index}: {len(hits)} fit, so index goes from {-len(hits)} to {len(hits) - 1}."
        )
    number, line = hits[index]
    if is_sealed(line.get("sealed")):
        line = line | unseal(line["sealed"], settings)
    data, missing = _read(output, path.parent, line, settings)
    changed = data is not None and "sha256" in line and hashlib.sha256(data).hexdigest() != line["sha256"]
    return Found(line, number, len(hits), data, missing, changed, graphs.find(path.parent, line, data, settings))


def _matches(line: Mapping[str, Any], wanted: str) -> bool:
    """Whether the line is meant: by the path or name of its file, else by every word, in small or capital letters.

    ``field:value`` looks in that field of the line only.
    """
    wanted = wanted.strip()
    if not wanted or wanted in (line.get("path"), line.get("file")):
        return True
    everything = "\n".join(_plain(line[field]) for field in _SOUGHT if line.get(field) is not None).lower()
    for word in wanted.lower().split():
        field, colon, value = word.partition(":")
        if colon and field in line:
            if not _holds(line[field], value):
                return False
        elif word not in everything:
            return False
    return True


def _holds(told: Any, value: str) -> bool:
    """A number is meant as a whole: seed:42 is not 1423."""
    text = _plain(told).lower()
    return text == value if isinstance(told, (int, float)) else value in text


def _plain(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def _read(output: Path, folder: Path, line: Mapping[str, Any], settings: AssetSettings) -> tuple[bytes | None, str]:
    """The file of a line, or why there is none."""
    if "path" in line:
        place = destinations.find(str(line.get("destination") or OUTPUT), output, settings)
        path = str(line["path"])
    else:
        # Save Pictures keeps its manifest beside the pictures.
        place, path = destinations.Folder(OUTPUT, folder), str(line["file"])
    try:
        return place.read(path), ""
    except FileNotFoundError:
        return None, f"{path} is no longer in the destination {place.name}: what is known of it is still there."
    except AssetProblem:
        raise
    except Exception as error:
        # Every file system of fsspec fails in its own way, and may quote how it was opened.
        told = settings.redact(f"{type(error).__name__}: {error}")
        return None, f"{path} could not be read from the destination {place.name}: {told}"
