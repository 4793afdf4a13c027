"""Pictures that are fetched by a link which expires, as providers' delivery hosts serve them."""

from __future__ import annotations

import asyncio
import secrets
import time
from collections import OrderedDict
from dataclasses import dataclass
from typing import TYPE_CHECKING

from aiohttp import web

from . import spoil
from .faults import LINK, LINK_WITH_PATH, Rule

if TYPE_CHECKING:
    from .log import Entry
    from .state import State

KEPT_BYTES = 256 * 1024 * 1024


@dataclass(frozen=True)
class Stored:
    """A picture waiting to be fetched."""

    data: bytes
    content_type: str
    expires: float
    endless_megabytes: int = 0
    """When set, so many megabytes follow the picture's own bytes."""


class Links:
    """The stored pictures, oldest first; the oldest go when they outgrow the bound."""

    def __init__(self) -> None:
        self._stored: OrderedDict[str, Stored] = OrderedDict()
        self._bytes = 0

    def put(self, stored: Stored, extension: str) -> str:
        """Keep a picture and return its path, unguessable, such as `/files/3f….png`."""
        name = f"{secrets.token_hex(16)}.{extension}"
        self._stored[name] = stored
        self._bytes += len(stored.data)
        while self._bytes > KEPT_BYTES and len(self._stored) > 1:
            _, oldest = self._stored.popitem(last=False)
            self._bytes -= len(oldest.data)
        return f"/files/{name}"

    def get(self, path: str) -> Stored | None:
        """The picture of such a path, expired or not."""
        return self._stored.get(path.rpartition("/")[2])


_KEY_HEADERS = ("Authorization", "api-key", "x-key", "x-api-key")


def mount(app: web.Application, state: State) -> None:
    """Serve `/files/…`."""

    async def fetch(request: web.Request) -> web.StreamResponse:
        # No key of any provider belongs here: the log shows one that comes all the same.
        key = next((request.headers[name] for name in _KEY_HEADERS if name in request.headers), None)
        entry = state.log.open(request.method, request.path, "files", "fetch", creates=False, key=key)
        try:
            response = await _answer(state, request, entry)
            entry.status = response.status
            return response
        finally:
            state.log.close(entry)

    app.router.add_get("/files/{name}", fetch)


async def _answer(state: State, request: web.Request, entry: Entry) -> web.StreamResponse:
    struck = state.faults.take(LINK, method="GET", path=request.path)
    struck += state.faults.take(LINK_WITH_PATH - LINK, method="GET", path=request.path, named_only=True)
    entry.faults = [rule.kind for rule in struck]
    await asyncio.sleep(sum(rule.seconds for rule in struck if rule.kind == "slow"))
    fault = next((rule for rule in struck if rule.kind != "slow"), Rule(""))
    stored = state.links.get(request.path)
    if stored is None:
        return web.Response(status=404, text="no such file")
    if fault.kind == "expired_link":
        return web.Response(status=fault.status, text="this link has expired")
    if time.time() > stored.expires:
        return web.Response(status=403, text="this link has expired")
    if fault.kind in ("server_error", "unavailable"):
        return web.Response(status=500 if fault.kind == "server_error" else 503, text="try again later")
    if fault.kind == "html":
        return spoil.html_page()
    endless = fault.megabytes if fault.kind == "too_many_bytes" else stored.endless_megabytes
    if endless:
        return await spoil.flood(request, stored.content_type, stored.data, b"\0", endless)
    data = spoil.halved(stored.data) if fault.kind == "half_picture" else stored.data
    entry.bytes_out = len(data)
    content_type = "text/html" if fault.kind == "wrong_content_type" else stored.content_type
    return web.Response(body=data, content_type=content_type)
