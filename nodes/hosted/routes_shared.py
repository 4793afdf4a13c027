"""What Easel's routes share: who may call them, how a body is read, how a refusal looks."""

from __future__ import annotations

import functools
import json
from collections.abc import Awaitable, Callable
from typing import Any
from urllib.parse import urlsplit

from aiohttp import web

from .engine.errors import EaselError

_OWN_PAGE = ("same-origin", "none")
_LARGEST_BODY = 16 * 2**20

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


def refuse_other_pages(request: web.Request) -> None:
    """Another web page, open in the same browser, must not reach this: demand what only our own page can send.

    The host checks origins on loopback only, and not at all with its CORS option. Raises what aiohttp answers with.
    """
    origin = request.headers.get("Origin")
    foreign = origin is not None and urlsplit(origin).netloc != request.host
    if foreign or request.headers.get("Sec-Fetch-Site", "same-origin") not in _OWN_PAGE:
        raise web.HTTPForbidden(text="This is only for ComfyUI's own page.")
    if request.method == "POST" and request.content_type != "application/json":
        raise web.HTTPUnsupportedMediaType(text="The body must be application/json.")


def own_page_only(handler: Handler) -> Handler:
    """``handler`` for ComfyUI's own page and for programs; what goes wrong in a way that Easel knows is told as JSON."""

    @functools.wraps(handler)
    async def guarded(request: web.Request) -> web.StreamResponse:
        refuse_other_pages(request)
        try:
            return await handler(request)
        except BadRequest as error:
            return refused(error.status, str(error))
        except EaselError as error:
            return refused(400, str(error))

    return guarded


class BadRequest(Exception):
    """What was asked cannot be answered: a sentence and an HTTP status."""

    def __init__(self, sentence: str, status: int = 400) -> None:
        self.status = status
        super().__init__(sentence)


async def body_of(request: web.Request) -> dict[str, Any]:
    """The JSON object of a request. Raises :class:`BadRequest`, which never quotes it: it may hold a key."""
    data = bytearray()
    # It comes in parts: one read gives what is there so far.
    while part := await request.content.readany():
        data += part
        if len(data) > _LARGEST_BODY:
            raise BadRequest("The body is too large.", 413)
    try:
        told = json.loads(data)
    except (ValueError, RecursionError):
        told = None
    if not isinstance(told, dict):
        raise BadRequest("The body must be a JSON object.")
    return told


def refused(status: int, sentence: str) -> web.Response:
    return web.json_response({"error": sentence}, status=status)
