"""GET models: a list that only a good key may see; the cheapest way to try one."""

from __future__ import annotations

from aiohttp import web

from ..calls import Call
from .wire import check_key

_NAMES = ("gpt-image-2.5-flare", "gpt-image-2.5-sunburst", "omni-moderation-latest")


async def models(call: Call) -> web.StreamResponse:
    """Some of the models. Free."""
    check_key(call)
    call.entry.accepted = True
    told = [{"id": name, "object": "model", "created": 1_780_000_000, "owned_by": "openai"} for name in _NAMES]
    return web.json_response({"object": "list", "data": told})
