"""The routes that tell beforehand: what a graph will cost, and what a model takes."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from aiohttp import web

from .. import host
from .buying import engine
from .routes_shared import BadRequest, body_of

_thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="easel-estimate")
"""One estimate at a time, beside the host's own loop: the editor asks with every letter that is typed."""


async def estimate_graph(request: web.Request) -> web.StreamResponse:
    """What ``prompt``, a graph in API format, will cost; and each of its nodes that buys."""
    told = await body_of(request)
    answer = await asyncio.get_running_loop().run_in_executor(_thread, _estimate, told.get("prompt"))
    return web.json_response(answer)


async def offered_sizes(request: web.Request) -> web.StreamResponse:
    """What the sizes of ``node``, a node's type, may stand at with ``chosen``, its model for one."""
    told = await body_of(request)
    answer = await asyncio.get_running_loop().run_in_executor(_thread, _offered, told.get("node"), told.get("chosen"))
    return web.json_response(answer)


def _estimate(prompt: Any) -> Mapping[str, Any]:
    from .estimating import estimate
    from .estimating_graph import NoGraph

    try:
        return asyncio.run(estimate(prompt, engine(), host.node_kinds()))
    except NoGraph as error:
        raise BadRequest(str(error)) from None


def _offered(node: Any, chosen: Any) -> Mapping[str, Any]:
    from .offering import may_choose, offered
    from .schema import HostedNode

    kind = host.node_kinds().get(node) if isinstance(node, str) else None
    if kind is None or not issubclass(kind, HostedNode):
        raise BadRequest("There is no node of that type that buys.", 404)
    if not isinstance(chosen, dict) or not may_choose(kind, chosen):
        raise BadRequest("The body must be JSON with node, a text, and chosen: choices of that node by input.")
    return asyncio.run(offered(kind, chosen, engine()))
