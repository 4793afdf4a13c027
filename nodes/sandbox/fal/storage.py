"""Files that clients bring along: an upload token, the upload itself, and the older way in two steps."""

from __future__ import annotations

import datetime
import secrets
import time
from functools import partial
from typing import Any

from aiohttp import web

from .. import links
from ..calls import Call, serve
from ..links import Stored
from ..state import State
from .wire import FalDialect, body_of, check_key, error, no_access

REST = "/rest.fal.ai/storage"
MEDIA = "/v3.fal.media"
TOKEN_SECONDS = 3600
KEPT_SECONDS = 7 * 24 * 3600
EXTENSIONS = {"image/png": "png", "image/jpeg": "jpg", "image/webp": "webp", "image/gif": "gif"}


class Storage:
    """The tokens that were given out, and the uploads that were announced."""

    def __init__(self) -> None:
        self._tokens: dict[str, float] = {}
        self._announced: dict[str, str] = {}
        """Name of an announced upload to the path of its link, empty until its bytes have come."""

    def new_token(self) -> str:
        """A token for uploads."""
        token = secrets.token_urlsafe(32)
        self._tokens[token] = time.time() + TOKEN_SECONDS
        return token

    def knows(self, token: str | None) -> bool:
        """Whether such a token is still good."""
        return token is not None and self._tokens.get(token, 0.0) > time.time()

    def announce(self) -> str:
        """Make room for an upload and return its name."""
        name = secrets.token_hex(16)
        self._announced[name] = ""
        return name

    def bring(self, name: str, path: str) -> None:
        """The bytes of an announced upload lie behind this link."""
        self._announced[name] = path

    def awaits(self, name: str) -> bool:
        """Whether such an upload was announced."""
        return name in self._announced

    def path_of(self, address: str) -> str:
        """The path of a link, where the address is that of an announced upload; else the address itself."""
        return self._announced.get(address.rpartition("/")[2].partition(".")[0], address)


def mount(app: web.Application, state: State, storage: Storage) -> None:
    """Add the routes of storage, and the delivery host that serves uploads and results alike."""
    dialect = FalDialect()
    media = web.Application()

    def add(to: web.Application, method: str, path: str, operation: str, step: Any) -> None:
        to.router.add_route(method, path, serve(state, dialect, operation, partial(step, storage), creates=False))

    add(app, "POST", f"{REST}/auth/token", "token", _token)
    add(app, "POST", f"{REST}/upload/initiate", "announce", _announced)
    add(media, "POST", "/files/upload", "upload", _uploaded)
    add(media, "PUT", "/uploads/{name}", "upload", _brought)
    add(media, "GET", "/files/u/{name}", "fetch", _fetched)
    links.mount(media, state)
    app.add_subapp(MEDIA, media)


async def _token(storage: Storage, call: Call) -> web.StreamResponse:
    check_key(call)
    expires = datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(seconds=TOKEN_SECONDS)
    return web.json_response(
        {
            "token": storage.new_token(),
            "token_type": "Bearer",
            "base_url": call.link(MEDIA),
            "expires_at": expires.isoformat(),
        }
    )


async def _uploaded(storage: Storage, call: Call) -> web.StreamResponse:
    is_bearer = call.request.headers.get("Authorization", "").lower().startswith("bearer ")
    if not is_bearer or not storage.knows(call.key):
        raise no_access(call)
    return web.json_response({"access_url": call.link(MEDIA + _kept(call))})


async def _announced(storage: Storage, call: Call) -> web.StreamResponse:
    check_key(call)
    content_type = str(body_of(call).get("content_type", ""))
    name = storage.announce()
    file_url = call.link(f"{MEDIA}/files/u/{name}.{EXTENSIONS.get(content_type, 'bin')}")
    return web.json_response({"upload_url": call.link(f"{MEDIA}/uploads/{name}"), "file_url": file_url})


async def _brought(storage: Storage, call: Call) -> web.StreamResponse:
    name = call.request.match_info["name"]
    if not storage.awaits(name):
        raise error(404, "No such upload")
    storage.bring(name, _kept(call))
    return web.Response()


async def _fetched(storage: Storage, call: Call) -> web.StreamResponse:
    address = call.request.match_info["name"]
    path = storage.path_of(address)
    if path == address or not path:
        raise error(404, "No such file")
    return web.Response(status=302, headers={"Location": call.link(MEDIA + path)})


def _kept(call: Call) -> str:
    content_type = call.request.content_type
    stored = Stored(call.body, content_type, time.time() + KEPT_SECONDS)
    return call.state.links.put(stored, EXTENSIONS.get(content_type, "bin"))
