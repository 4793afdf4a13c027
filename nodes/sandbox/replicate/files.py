"""Files that were uploaded, and what stands behind the addresses that inputs name."""

from __future__ import annotations

import base64
import binascii
import hashlib
import json
import secrets
import string
import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timezone
from typing import Any

from aiohttp import web

from .. import multipart
from ..calls import Call
from .refusals import ModelFailure
from .wire import BASE, answer, check_key, error, not_found

LARGEST = 100 * 1024 * 1024
KEPT_BYTES = 256 * 1024 * 1024
LIFE = 24
"""A file lives so many times as long as the data of a prediction: a day to an hour."""
LONGEST_NAME = 255


@dataclass(frozen=True)
class File:
    """One upload; times are seconds since the epoch."""

    name: str
    content_type: str
    data: bytes
    metadata: dict[str, Any]
    created: float
    expires: float

    def told(self, key: str, url: str) -> dict[str, Any]:
        """The answer about it."""
        return {
            "id": key,
            "name": self.name,
            "content_type": self.content_type,
            "size": len(self.data),
            "etag": hashlib.md5(self.data, usedforsecurity=False).hexdigest(),
            "checksums": {"sha256": hashlib.sha256(self.data).hexdigest()},
            "metadata": self.metadata,
            "created_at": stamp(self.created),
            "expires_at": stamp(self.expires),
            "urls": {"get": url},
        }


class Files:
    """The uploads, by id; the oldest go when they outgrow the bound."""

    def __init__(self) -> None:
        self._files: OrderedDict[str, File] = OrderedDict()

    def add(self, file: File) -> str:
        """Keep a file and return its id."""
        key = new_id()
        self._files[key] = file
        while len(self._files) > 1 and sum(len(one.data) for one in self._files.values()) > KEPT_BYTES:
            self._files.popitem(last=False)
        return key

    def get(self, key: str) -> File | None:
        """The file of that id, unless it has expired."""
        file = self._files.get(key)
        return file if file is not None and time.time() < file.expires else None

    def drop(self, key: str) -> None:
        """Forget a file."""
        self._files.pop(key, None)


async def created(files: Files, call: Call) -> web.StreamResponse:
    """POST /files: a form with the part `content`."""
    check_key(call)
    if len(call.body) > LARGEST:
        raise error(413, "Content too large", "Files must be less than 100MB in size")
    try:
        form = multipart.read(call.request.headers.get("Content-Type", ""), call.body)
    except multipart.BadForm as problem:
        raise error(400, "Bad request", f"The form cannot be read: {problem}") from problem
    parts = {part.name: part for part in form}
    content = parts.get("content")
    if content is None:
        raise error(400, "Bad request", "Missing content")
    fields = {name: part.data.decode("utf-8", "replace") for name, part in parts.items() if name != "content"}
    name = fields.get("filename") or content.filename or ""
    if not name or len(name.encode()) > LONGEST_NAME:
        raise error(400, "Bad request", f"A filename of at most {LONGEST_NAME} bytes is needed")
    now = time.time()
    file = File(
        name=name,
        content_type=fields.get("type") or content.content_type or "application/octet-stream",
        data=content.data,
        metadata=_metadata(fields.get("metadata", "{}")),
        created=now,
        expires=now + LIFE * call.state.link_seconds,
    )
    key = files.add(file)
    return answer(call, file.told(key, call.link(f"{BASE}/files/{key}")), 201)


async def told(files: Files, call: Call) -> web.StreamResponse:
    """GET /files/{id}: about a file, not its bytes."""
    check_key(call)
    key = call.request.match_info["id"]
    file = files.get(key)
    if file is None:
        raise not_found()
    return answer(call, file.told(key, call.link(f"{BASE}/files/{key}")))


async def deleted(files: Files, call: Call) -> web.StreamResponse:
    """DELETE /files/{id}."""
    check_key(call)
    key = call.request.match_info["id"]
    if files.get(key) is None:
        raise not_found()
    files.drop(key)
    return web.Response(status=204)


def opener(files: Files, call: Call) -> Callable[[str], bytes]:
    """A function from an address to the bytes behind it: a data URI, an upload, or a picture of this sandbox.

    It asks no other host. Raises ModelFailure, as a model does that cannot fetch its input.
    """

    def opened(url: str) -> bytes:
        if url.startswith("data:"):
            return _decoded(url)
        uploaded, made = call.link(f"{BASE}/files/"), call.link("/files/")
        if url.startswith(uploaded) and (file := files.get(url.removeprefix(uploaded))) is not None:
            return file.data
        if url.startswith(made) and (stored := call.state.links.get(url)) is not None and time.time() < stored.expires:
            return stored.data
        raise ModelFailure(f"404 Client Error: Not Found for url: {url[:200]}")

    return opened


def new_id() -> str:
    """26 small letters and digits, as Replicate's ids are."""
    return "".join(secrets.choice(string.ascii_lowercase + string.digits) for _ in range(26))


def stamp(seconds: float) -> str:
    """A time as Replicate writes it, such as 2026-11-21T10:00:00.000Z."""
    return datetime.fromtimestamp(seconds, timezone.utc).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _metadata(text: str) -> dict[str, Any]:
    try:
        metadata = json.loads(text)
    except ValueError as problem:
        raise error(400, "Bad request", f"metadata is not JSON: {problem}") from problem
    if not isinstance(metadata, dict):
        raise error(400, "Bad request", "metadata must be a JSON object")
    return metadata


def _decoded(url: str) -> bytes:
    head, _, text = url.partition(",")
    try:
        if not head.endswith(";base64"):
            raise binascii.Error("only base64 is understood")
        return base64.b64decode(text, validate=True)
    except binascii.Error as problem:
        raise ModelFailure(f"The data URI cannot be read: {problem}") from problem
