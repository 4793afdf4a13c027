"""The routes for keys. A key never comes back out."""

from __future__ import annotations

import asyncio
from dataclasses import asdict
from typing import Any

from aiohttp import web

from .buying import engine
from .engine.keys import DEFAULT_PROFILE
from .key_tests import try_key
from .routes_shared import BadRequest, body_of


async def list_keys(_request: web.Request) -> web.StreamResponse:
    """Every provider, and of each key that it is there and where from."""
    accounts = {name: provider.account for name, provider in engine().providers.items()}
    states = await asyncio.to_thread(lambda: [asdict(state) for state in engine().keys.states(accounts)])
    providers = [
        {"name": name, "label": account.label, "variable": account.key_variable} for name, account in accounts.items()
    ]
    return web.json_response({"providers": providers, "keys": states})


async def set_key(request: web.Request) -> web.StreamResponse:
    """Save the key of a provider's profile, for the host that its requests go to now."""
    wanted = _texts(await body_of(request), {"provider", "key"})
    account = _provider(wanted["provider"]).account
    address = engine().live_address(account)
    await asyncio.to_thread(engine().keys.keep, account, address, wanted["key"], wanted.get("profile", DEFAULT_PROFILE))
    return web.json_response({"saved": True})


async def remove_key(request: web.Request) -> web.StreamResponse:
    """Forget a saved key. One that is set in the environment stays."""
    found = await asyncio.to_thread(engine().keys.forget, request.match_info["provider"], request.match_info["profile"])
    return web.json_response({"removed": found}, status=200 if found else 404)


async def test_key(request: web.Request) -> web.StreamResponse:
    """Whether the provider takes the key, by a call that costs nothing."""
    wanted = _texts(await body_of(request), {"provider"})
    _provider(wanted["provider"])
    tried = await try_key(engine(), wanted["provider"], wanted.get("profile", DEFAULT_PROFILE))
    return web.json_response(asdict(tried))


def _provider(name: str) -> Any:
    provider = engine().providers.get(name)
    if provider is None:
        raise BadRequest("Easel knows no provider of that name.", 404)
    return provider


def _texts(told: dict[str, Any], needed: set[str]) -> dict[str, str]:
    """The body, where it is made of the right texts. Raises BadRequest, which never quotes it."""
    if not needed <= told.keys() <= needed | {"profile"} or not all(isinstance(value, str) for value in told.values()):
        names = " and ".join(sorted(needed, reverse=True))
        raise BadRequest(f"The body must be JSON with the texts {names} and, if wanted, profile.")
    return told
