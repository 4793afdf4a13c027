"""BFL's wire: one POST that begins a task, and the polling URL that it names."""

from __future__ import annotations

import asyncio
import json
from decimal import Decimal
from typing import Any

import aiohttp

from ...engine.errors import EaselError, ProviderDown, ResultLost, TimedOut
from ...engine.provider import Call, Job, Result
from ...engine.request import Request
from .. import prices
from ..requests import FluxRequest
from .answers import ACCOUNT, check_polling_url, job_of, not_the_api, refusal, told_of
from .bodies import body_of

_SUBMIT = aiohttp.ClientTimeout(total=None, connect=20, sock_read=120)
_POLL = aiohttp.ClientTimeout(total=30, connect=10)
_MOST_BYTES = 8 * 1024 * 1024
_NEVER_LEFT = (aiohttp.ClientConnectorError, aiohttp.ClientHttpProxyError, aiohttp.ConnectionTimeoutError)
"""The transport's errors that come before a single byte of the request was sent."""


class Bfl:
    """A queued provider without cancelling: what was begun is made and paid for."""

    account = ACCOUNT

    async def submit(self, request: Request, call: Call) -> Job:
        if not isinstance(request, FluxRequest):
            raise TypeError(f"{ACCOUNT.label} is not asked for {type(request).__name__}")
        url = f"{call.address}/{request.offer.path}"
        body = await body_of(request, call)
        # A kept connection that the server has just closed looks like one cut after the request: never use one here.
        connector = aiohttp.TCPConnector(force_close=True)
        async with (
            aiohttp.ClientSession(connector=connector, trust_env=True) as fresh,
            fresh.post(url, json=body, headers=_key(call), timeout=_SUBMIT, allow_redirects=False) as answer,
        ):
            told = await _json(answer)
            if answer.status != 200:
                raise refusal(answer.status, told, answer.headers, request)
        if not isinstance(told, dict):
            raise not_the_api()
        return job_of(told, request, call.address)

    async def poll(self, job: Job, call: Call) -> Job | Result:
        task, url = str(job.handle.get("id", "")), str(job.handle.get("polling_url", ""))
        check_polling_url(url, call.address, task)
        try:
            async with call.http.get(url, headers=_key(call), timeout=_POLL, allow_redirects=False) as answer:
                told = await _json(answer)
                status, headers = answer.status, answer.headers
        except (aiohttp.ClientError, asyncio.TimeoutError) as error:
            raise _silent() from error
        if isinstance(told, dict) and isinstance(told.get("status"), str):
            # A failed task may come with an error's HTTP status and the usual body.
            return told_of(job, told)
        if status in (401, 402, 403, 429):
            raise refusal(status, told, headers, None)
        if status == 404:
            raise ResultLost(f"{ACCOUNT.label} does not know this task any more. Run again to buy it.", request_id=task)
        raise _silent()

    async def cancel(self, job: Job, call: Call) -> bool:
        return False

    def explain(self, error: Exception, request: Request | None) -> EaselError | None:
        if isinstance(error, _NEVER_LEFT):
            return ProviderDown(f"{ACCOUNT.label} cannot be reached: check the network.", retryable=True)
        if isinstance(error, asyncio.TimeoutError):
            return TimedOut(
                f"{ACCOUNT.label} did not answer in time. The request had been sent, so it was not repeated; run again to "
                f"buy it."
            )
        if isinstance(error, aiohttp.ClientError):
            return TimedOut(
                f"The connection to {ACCOUNT.label} broke off after the request was sent, so nobody knows whether the "
                f"picture was made. It was not sent again. Run again to buy it."
            )
        return None

    def estimate(self, request: Request) -> Decimal | None:
        return prices.estimate(request) if isinstance(request, FluxRequest) else None


def _key(call: Call) -> dict[str, str]:
    return {"x-key": call.key.reveal()}


async def _json(answer: aiohttp.ClientResponse) -> Any:
    """The body as JSON; None where it is something else, or too long to be an answer."""
    body = bytearray()
    async for chunk in answer.content.iter_chunked(1 << 16):
        body += chunk
        if len(body) > _MOST_BYTES:
            return None
    try:
        return json.loads(body)
    except ValueError:
        return None


def _silent() -> ProviderDown:
    return ProviderDown(f"{ACCOUNT.label} does not answer. Run again to go on waiting for this same picture.")
