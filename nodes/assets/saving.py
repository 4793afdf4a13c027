"""Saves pictures with what is known of how they were bought: in the file, and as a line of the manifest."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from .. import host
from ..pictures import Pixels, save_bytes
from . import manifest
from .choices import PICTURE_TYPES
from .files import write_numbered
from .known import cost_of, from_purchase

SUFFIXES = {"png": ".png", "jpeg": ".jpg", "webp": ".webp"}


@dataclass(frozen=True)
class Style:
    """How files are named and encoded; ``quality`` in percent, for jpeg and webp."""

    prefix: str
    format: str
    quality: int


@dataclass(frozen=True)
class Saved:
    """One file as the editor shows it, and what its picture cost in US dollars."""

    filename: str
    subfolder: str
    cost_usd: float


def save(picture: Pixels, record: dict[str, Any] | None, style: Style, texts: Mapping[str, str]) -> Saved:
    """Write one picture and its manifest line. Blocks: call it off the event loop."""
    folder, stem, number, subfolder = host.save_place(style.prefix, picture.width, picture.height)
    told = dict(texts)
    if record is not None and texts:
        told["easel"] = json.dumps(record)
    data = save_bytes(picture, PICTURE_TYPES[style.format], quality=style.quality, text=told)
    path = write_numbered(folder, stem, number, SUFFIXES[style.format], data)
    manifest.append(folder, _line(path, picture, record))
    return Saved(path.name, subfolder, cost_of(record))


def _line(path: Path, picture: Pixels, record: dict[str, Any] | None) -> dict[str, Any]:
    return basics(path.name, picture) | (from_purchase(record) if record is not None else {})


def basics(file: str, picture: Pixels) -> dict[str, Any]:
    """What every manifest line says, bought or not."""
    return {
        "file": file,
        "width": picture.width,
        "height": picture.height,
        "pixels": picture.rgb_digest,
        "saved_at": dt.datetime.now(dt.timezone.utc).isoformat(timespec="seconds"),
    }
