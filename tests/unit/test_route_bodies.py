"""Easel's routes: each leads somewhere, and how they read what they are sent."""

from importlib import import_module
from inspect import iscoroutinefunction

import pytest
from aiohttp import ClientSession, web
from aiohttp.test_utils import TestServer

from easel.nodes.hosted import routes
from easel.nodes.hosted.routes_shared import body_of, own_page_only


@pytest.mark.parametrize("handler", sorted({handler for _, _, handler in routes.ROUTES}))
def test_every_route_has_its_handler(handler):
    module, name = handler.split(".")
    assert iscoroutinefunction(getattr(import_module(f"{routes.__package__}.{module}"), name))


async def test_a_large_body_is_read_whole_and_a_hostile_one_refused():
    async def count(request):
        return web.json_response({"letters": len((await body_of(request))["text"])})

    app = web.Application()
    app.router.add_post("/", own_page_only(count))
    async with TestServer(app) as server, ClientSession() as client:
        url, size = server.make_url("/"), 3 * 2**20
        async with client.post(url, json={"text": "a" * size}) as answer:
            assert await answer.json() == {"letters": size}
        async with client.post(url, json={"text": "a" * (17 * 2**20)}) as answer:
            assert answer.status == 413
        headers = {"Content-Type": "application/json"}
        async with client.post(url, data=b"[" * 200_000, headers=headers) as answer:
            assert answer.status == 400 and "JSON object" in (await answer.json())["error"]
