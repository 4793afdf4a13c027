"""Replicate's own client, with its retries off and every answer that is no success told whole.

The client (replicate 1.0) repeats reads by itself for up to minutes, begins predictions and uploads without any
time-out, drops the headers of an error answer, and raises for a prediction that its types do not foresee, whatever was
paid for it; all of that is decided below it, in the transport.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import httpx

from ...engine import wire
from ...engine.provider import Call
from .answers import Told, plain

if TYPE_CHECKING:
    from replicate.client import Client

_TIMEOUT = httpx.Timeout(120.0, connect=20.0, pool=None)


class _Transport(httpx.AsyncBaseTransport):
    """Sends over a client of its own, so that the proxies of the environment are used."""

    def __init__(self) -> None:
        # A kept connection that the server has just closed looks like one cut after the request: never keep any.
        limits = httpx.Limits(max_keepalive_connections=0)
        self._http = httpx.AsyncClient(limits=limits, timeout=_TIMEOUT, follow_redirects=False)

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        request.extensions = {**request.extensions, "timeout": _TIMEOUT.as_dict()}
        answer = await self._http.send(request, stream=True)
        try:
            body = json.loads(await answer.aread())
        except ValueError:
            body = None
        finally:
            await answer.aclose()
        if answer.status_code < 300 and isinstance(body, dict) and "/predictions" in request.url.path:
            body = plain(body)
        if answer.status_code >= 300 or not isinstance(body, dict):
            raise Told(wire.Answer(answer.status_code, answer.headers, body))
        return httpx.Response(answer.status_code, json=body)

    async def aclose(self) -> None:
        await self._http.aclose()


def new_client(call: Call) -> Client:
    """A client for this address and key."""
    import replicate

    settings: dict[str, Any] = {"transport": _Transport()}
    return replicate.Client(api_token=call.key.reveal(), base_url=call.address, timeout=_TIMEOUT, **settings)
