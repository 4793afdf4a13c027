"""Saves pictures as assets: named, told about, signed, kept where the operator allows, and found again by the manifest."""

from __future__ import annotations

import contextlib
import datetime as dt
import hashlib
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..picture_encoding import CannotEncode, encode_array
from ..pictures import Pixels
from . import credentials, graphs, manifest, naming, origin
from .choices import (
    ALWAYS,
    ASSET_TYPES,
    AUTOMATIC,
    ENCRYPT,
    KEEP,
    LEAVE_OUT,
    NAME_FIELDS,
    NEVER,
    OUTPUT,
    WHERE_POSSIBLE,
)
from .credentials import Story
from .destinations import Destination, find
from .known import PRIVATE, Known, cost_of
from .problems import AssetProblem
from .saving import basics
from .sealing import MARK, seal
from .settings import AssetSettings

SUFFIXES = {"png": ".png", "jpeg": ".jpg", "webp": ".webp", "avif": ".avif"}
VERSION = 1


@dataclass(frozen=True)
class Wish:
    """What the user decides about saving; ``quality`` in percent, for all but png."""

    name: str
    format: str = "png"
    quality: int = 92
    title: str = ""
    destination: str = OUTPUT
    workflow: str = KEEP
    credentials: str = WHERE_POSSIBLE
    source: str = AUTOMATIC
    sidecar: bool = False
    manifest: str = "easel/manifest.jsonl"


@dataclass(frozen=True)
class Asset:
    """A saved picture: ``path`` below its destination with / between folders, and its cost in US dollars."""

    path: str
    is_signed: bool
    cost_usd: float


class Saver:
    """Everything that the pictures of one save share, checked before the first of them is written.

    ``output`` is ComfyUI's output folder; ``texts`` what the host would write into its own files (``prompt`` and the
    editor's ``workflow``), without secrets; none where the operator lets no metadata be written. Raises
    :class:`AssetProblem`. Everything here blocks: call it off the event loop.
    """

    def __init__(self, wish: Wish, settings: AssetSettings, output: Path, texts: Mapping[str, Any]) -> None:
        if wish.format not in ASSET_TYPES:
            raise AssetProblem(f'The format is one of {", ".join(ASSET_TYPES)}, not "{wish.format}".')
        self._wish, self._settings, self._texts = wish, settings, dict(texts)
        self.destination: Destination = find(wish.destination, output, settings)
        *folders, self._manifest_name = naming.safe_folder(wish.manifest)
        if not self._manifest_name.endswith(".jsonl"):
            raise AssetProblem(f'The manifest "{wish.manifest}" must end in .jsonl.')
        self._folder = output.joinpath(*folders)
        if wish.credentials == ALWAYS and settings.credentials is None:
            raise AssetProblem(
                "Content Credentials are asked for, and whoever runs this ComfyUI has set up no certificate: it belongs "
                'under "credentials" in Easel\'s settings.json.'
            )
        if wish.workflow == ENCRYPT:
            seal({}, settings)
        self._now = dt.datetime.now()

    def name(self, picture: Pixels, known: Known, batch: int) -> naming.Name:
        """Where a picture will go; ``batch`` is its place in this save, from 1."""
        facts = {name: known.facts.get(name) for name in NAME_FIELDS}
        return naming.place(
            self._wish.name,
            facts
            | {
                "date": f"{self._now:%Y-%m-%d}",
                "time": f"{self._now:%H%M%S}",
                "year": f"{self._now:%Y}",
                "month": f"{self._now:%m}",
                "day": f"{self._now:%d}",
                "title": self._wish.title,
                "width": picture.width,
                "height": picture.height,
                "format": self._wish.format,
                "batch": batch,
                "pixels": picture.rgb_digest[:16],
            },
        )

    def save(self, picture: Pixels, known: Known, name: naming.Name) -> Asset:
        """Write one picture, its companions and its line."""
        line = basics("", picture) | dict(known.facts) | self._about(known)
        source = origin.source_type(self._wish.source, line)
        data = self._encoded(picture, line, known, source)
        story = self._story(name, line, known, source)
        if story is not None and self._settings.credentials is not None:
            data = credentials.sign(data, ASSET_TYPES[self._wish.format], story, self._settings.credentials)
        self._folder.mkdir(parents=True, exist_ok=True)
        line |= graphs.keep(self._folder, self._texts, self._settings, sealed=self._wish.workflow == ENCRYPT)
        path = self._written(name, data)
        line |= {
            "file": path.rpartition("/")[2],
            "path": path,
            "destination": self.destination.name,
            "media_type": ASSET_TYPES[self._wish.format],
            "bytes": len(data),
            "sha256": hashlib.sha256(data).hexdigest(),
            "source_type": source,
            "credentials": story is not None,
        }
        line = self._private(line)
        # The manifest first: whatever becomes of the companion, the picture can be found again.
        manifest.append(self._folder, line, self._manifest_name)
        if self._wish.sidecar:
            self._write_sidecar(path, line)
        return Asset(path, story is not None, cost_of(known.record))

    def _about(self, known: Known) -> dict[str, Any]:
        made_from = [{"pixels": one.pixels, "title": one.title} for one in known.ingredients]
        return (
            {"manifest_version": VERSION}
            | ({"title": self._wish.title} if self._wish.title else {})
            | ({"ingredients": made_from} if made_from else {})
        )

    def _encoded(self, picture: Pixels, line: Mapping[str, Any], known: Known, source: str | None) -> bytes:
        kept = self._wish.workflow == KEEP and bool(self._texts)
        texts = {name: json.dumps(value) for name, value in self._texts.items()}
        if texts and known.record is not None:
            texts["easel"] = json.dumps(known.record)
        if self._wish.workflow == LEAVE_OUT:
            texts = {}
        elif texts and self._wish.workflow == ENCRYPT:
            texts = {MARK: json.dumps(seal(texts, self._settings))}
        about = origin.packet(source, origin.agent_of(line), self._wish.title, known.prompt if kept else "")
        kind = ASSET_TYPES[self._wish.format]
        try:
            return encode_array(picture.array, kind, quality=self._wish.quality, text=texts, xmp=about)
        except CannotEncode as error:
            raise AssetProblem(str(error)) from error

    def _story(self, name: naming.Name, line: Mapping[str, Any], known: Known, source: str | None) -> Story | None:
        """What the Content Credentials tell; None where the picture is not to be signed."""
        if self._wish.credentials == NEVER or self._settings.credentials is None:
            return None
        if source is None and self._wish.credentials == ALWAYS:
            raise AssetProblem(
                "Content Credentials say how a picture was made, and nothing is known of this one: say it in source_type."
            )
        if source is None:
            return None
        told = ["provider", "operation", "model", "seed"]
        told += ["prompt"] if self._wish.workflow == KEEP and self._texts else []
        return Story(
            title=self._wish.title or name.numbered(1),
            source=source,
            agent=origin.agent_of(line),
            when=line.get("bought_at"),
            ingredients=known.ingredients,
            delivered=known.delivered,
            parameters={field: line[field] for field in told if line.get(field) not in (None, "")},
        )

    def _write_sidecar(self, path: str, line: Mapping[str, Any]) -> None:
        text = json.dumps(line, ensure_ascii=False, sort_keys=True, indent=1)
        with self._told_plainly("The picture was saved, and its .json file could not be written"):
            self.destination.write_beside(path, ".json", text.encode())

    def _written(self, name: naming.Name, data: bytes) -> str:
        with self._told_plainly("The picture could not be saved"):
            return self.destination.write(name, SUFFIXES[self._wish.format], data)

    @contextlib.contextmanager
    def _told_plainly(self, what: str) -> Iterator[None]:
        try:
            yield
        except AssetProblem:
            raise
        except Exception as error:
            # Every file system of fsspec fails in its own way, and may quote how it was opened.
            told = self._settings.redact(f"{type(error).__name__}: {error}")
            raise AssetProblem(f"{what} to {self.destination.name}: {told}") from None

    def _private(self, line: dict[str, Any]) -> dict[str, Any]:
        if self._wish.workflow != ENCRYPT:
            return line
        hidden = {name: line[name] for name in PRIVATE if line.get(name)}
        return {name: value for name, value in line.items() if name not in PRIVATE} | {
            "sealed": seal(hidden, self._settings)
        }
