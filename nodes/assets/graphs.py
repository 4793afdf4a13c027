"""The graphs that pictures came from, once each, in the folder ``graphs`` beside their manifest.

``DIGEST.api.json`` is the graph as the editor exports it for programs, ``DIGEST.json`` the editor's own form of it: either can
be dropped onto the editor's canvas. ``DIGEST.sealed.json`` is both, encrypted.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from .embedded import texts_in
from .files import write_whole
from .known import as_json
from .problems import AssetProblem
from .sealing import MARK, seal, unseal
from .settings import AssetSettings

FOLDER = "graphs"
API, EDITOR = "prompt", "workflow"
"""The names that ComfyUI has for the two forms."""
_ENDINGS = {API: ".api.json", EDITOR: ".json"}


@dataclass(frozen=True)
class Graphs:
    """What was found again: the two forms as JSON text, empty where unknown, and what to drop onto the canvas."""

    api: str = ""
    editor: str = ""
    place: str = ""


def keep(folder: Path, texts: Mapping[str, Any], settings: AssetSettings, *, sealed: bool) -> dict[str, Any]:
    """Write the graphs where they are not yet; the manifest fields that lead back to them."""
    known = {name: as_json(texts[name]) for name in _ENDINGS if texts.get(name)}
    if not known:
        return {}
    place = folder / FOLDER
    place.mkdir(exist_ok=True)
    if sealed:
        return {"graph": {"sealed": f"{FOLDER}/{_keep_sealed(place, known, settings)}"}}
    kept = {}
    for kind, text in known.items():
        name = _digest(text) + _ENDINGS[kind]
        if not (place / name).exists():
            write_whole(place / name, text.encode())
        kept[kind] = f"{FOLDER}/{name}"
    return {"graph": kept}


def _keep_sealed(place: Path, known: Mapping[str, str], settings: AssetSettings) -> str:
    """The name of a file that the passphrase of now opens: one of before may lock the same graph already."""
    digest, number = _digest("".join(known.values())), 1
    while (path := place / f"{digest}{f'-{number}' if number > 1 else ''}.sealed.json").exists():
        if _opens(path, settings):
            return path.name
        number += 1
    write_whole(path, as_json(seal(known, settings)).encode())
    return path.name


def _opens(path: Path, settings: AssetSettings) -> bool:
    try:
        unseal(json.loads(path.read_bytes()), settings)
    except (AssetProblem, ValueError):
        return False
    return True


def find(folder: Path, line: Mapping[str, Any], picture: bytes | None, settings: AssetSettings) -> Graphs:
    """The graphs of a manifest line in ``folder``, or those that the picture's file itself carries.

    Raises :class:`AssetProblem` where they are encrypted and the passphrase is missing or another one.
    """
    named = line.get("graph")
    named = named if isinstance(named, dict) else {}
    if (sealed := _read(folder, named.get("sealed"))) is not None:
        opened = unseal(json.loads(sealed), settings)
        return Graphs(opened.get(API, ""), opened.get(EDITOR, ""))
    api, editor = _read(folder, named.get(API)), _read(folder, named.get(EDITOR))
    if api or editor:
        return Graphs(api or "", editor or "", f"{named.get(EDITOR) or named.get(API)} (beside the manifest)")
    inside = texts_in(picture) if picture else {}
    if MARK in inside:
        inside = unseal(json.loads(inside[MARK]), settings)
    return Graphs(inside.get(API, ""), inside.get(EDITOR, ""), "the picture itself" if inside else "")


def _read(folder: Path, name: Any) -> str | None:
    """A graph file, which can only lie in the folder of graphs; None where there is none."""
    if not isinstance(name, str):
        return None
    path = folder / FOLDER / name.rpartition("/")[2]
    try:
        text = path.read_text(encoding="utf-8")
    except OSError:
        return None
    try:
        json.loads(text)
    except ValueError as error:
        raise AssetProblem(f"The graph {name} beside the manifest is damaged.") from error
    return text


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:32]
