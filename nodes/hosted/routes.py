"""Easel's routes on ComfyUI's own web server: which keys are there, set one, remove one. A key never comes back out."""

from __future__ import annotations

import asyncio
import json
from dataclasses import asdict
from urllib.parse import urlsplit

from aiohttp import web

from .buying import engine
from .engine.errors import EaselError
from .engine.keys import DEFAULT_PROFILE

_OWN_PAGE = ("same-origin", "none")


def add_to(table: web.RouteTableDef) -> None:
    """Add Easel's routes to the host's table."""
    table.get("/easel/keys")(list_keys)
    table.post("/easel/keys")(set_key)
    table.delete("/easel/keys/{provider}/{profile}")(remove_key)
    table.get("/easel/sandbox")(sandbox_state)


async def list_keys(_request: web.Request) -> web.Response:
    """Every provider, and of each key that it is there and where from."""
    accounts = {name: provider.account for name, provider in engine().providers.items()}
    states = await asyncio.to_thread(lambda: [asdict(state) for state in engine().keys.states(accounts)])
    providers = [
        {"name": name, "label": account.label, "variable": account.key_variable} for name, account in accounts.items()
    ]
    return web.json_response({"providers": providers, "keys": states})


async def set_key(request: web.Request) -> web.Response:
    """Save the key of a provider's profile, for the host that its requests go to now."""
    _refuse_other_pages(request)
    wanted = await _body(request)
    if wanted is None:
        return _refused(400, "The body must be JSON with the texts provider, key and, if wanted, profile.")
    provider = engine().providers.get(wanted["provider"])
    if provider is None:
        return _refused(404, "Easel knows no provider of that name.")
    try:
        address = engine().live_address(provider.account)
        await asyncio.to_thread(
            engine().keys.keep, provider.account, address, wanted["key"], wanted.get("profile", DEFAULT_PROFILE)
        )
    except EaselError as error:
        return _refused(400, str(error))
    return web.json_response({"saved": True})


async def remove_key(request: web.Request) -> web.Response:
    """Forget a saved key. One that is set in the environment stays."""
    _refuse_other_pages(request)
    found = await asyncio.to_thread(engine().keys.forget, request.match_info["provider"], request.match_info["profile"])
    return web.json_response({"removed": found}, status=200 if found else 404)


async def sandbox_state(_request: web.Request) -> web.Response:
    """Whether Easel talks to stand-ins just now."""
    return web.json_response({"sandbox": engine().settings().sandbox})


async def _body(request: web.Request) -> dict[str, str] | None:
    """The JSON object of a request; None (and never an error that quotes it) where it is not made of the right texts."""
    try:
        told = json.loads(await request.read())
    except ValueError:
        return None
    if not isinstance(told, dict) or not {"provider", "key"} <= told.keys() <= {"provider", "key", "profile"}:
        return None
    return told if all(isinstance(value, str) for value in told.values()) else None


def _refuse_other_pages(request: web.Request) -> None:
    """Another web page, open in the same browser, must not change keys: demand what only our own page can send.

    The host checks origins on loopback only, and not at all with its CORS option.
    """
    origin = request.headers.get("Origin")
    foreign = origin is not None and urlsplit(origin).netloc != request.host
    if foreign or request.headers.get("Sec-Fetch-Site", "same-origin") not in _OWN_PAGE:
        raise web.HTTPForbidden(text="Keys can be changed only from ComfyUI's own page.")
    if request.method == "POST" and request.content_type != "application/json":
        raise web.HTTPUnsupportedMediaType(text="The body must be application/json.")


def _refused(status: int, sentence: str) -> web.Response:
    return web.json_response({"error": sentence}, status=status)
