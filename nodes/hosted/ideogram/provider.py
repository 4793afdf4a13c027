"""Ideogram's wire: an answer at once in legacy and v1, a queue in v2."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

import aiohttp

from ..engine.errors import EaselError, ProviderDown, ResultLost, TimedOut
from ..engine.provider import Call, Job, Result
from ..engine.request import Request
from . import prices
from .account import ACCOUNT, LABEL
from .answers import DAY, description_of, job_of, result_of, told_of
from .notices import notices_of
from .refusals import not_the_api, refusal, request_id_of, silent
from .requests import IdeogramRequest
from .uploads import Upload

# Drawing while the caller waits takes 10 to 60 seconds.
_SUBMIT = aiohttp.ClientTimeout(total=None, connect=20, sock_read=180)
_LOOK = aiohttp.ClientTimeout(total=30, connect=10)
_MOST_BYTES = 8 * 1024 * 1024
_MODE, _AT_ONCE = "mode", "synchronous"
"""What an operator may set where v2's jobs cannot be polled (a gateway, say): it then answers with the pictures."""
_NEVER_LEFT = (aiohttp.ClientConnectorError, aiohttp.ClientHttpProxyError, aiohttp.ConnectionTimeoutError)
"""The transport's errors that come before a single byte of the request was sent."""


@dataclass(frozen=True)
class _Answer:
    status: int
    body: Any
    headers: Mapping[str, str]


class Ideogram:
    """A counter that answers with pictures (legacy, v1), and a queue without cancelling (v2)."""

    account = ACCOUNT

    async def submit(self, request: Request, call: Call) -> Job | Result:
        if not isinstance(request, IdeogramRequest):
            raise TypeError(f"{LABEL} is not asked for {type(request).__name__}")
        upload = await Upload.of(request, as_job=call.options.get(_MODE) != _AT_ONCE)
        url = f"{call.address}/{request.offer.path}"
        quote = await self._quote(request, url, upload, call) if prices.is_quoted(request) else None
        # A kept connection that the server has just closed looks like one cut after the request: never use one here.
        connector = aiohttp.TCPConnector(force_close=True)
        async with aiohttp.ClientSession(connector=connector, trust_env=True) as fresh:
            answer = await _post(fresh, url, upload, call, _SUBMIT)
        body = _good(answer, request)
        notices = notices_of(answer.headers, body)
        if request.operation == "describe":
            return description_of(body, notices, request_id_of(body, answer.headers))
        if request.offer.api == "v2" and body.get("data") is None:
            return job_of(body, request, notices, quote)
        return result_of(
            body,
            prompt=request.prompt,
            notices=notices,
            micros=body.get("usage_cost_usd_micros", quote),
            request_id=request_id_of(body, answer.headers),
            seed=body.get("seed"),
            lifetime=DAY if request.offer.api == "v2" else None,
        )

    async def poll(self, job: Job, call: Call) -> Job | Result:
        task = str(job.handle.get("id", ""))
        url = f"{call.address}/v2/generations/{task}"
        try:
            async with call.http.get(url, headers=_key(call), timeout=_LOOK, allow_redirects=False) as got:
                answer = _Answer(got.status, await _json(got), got.headers)
        except (aiohttp.ClientError, asyncio.TimeoutError) as error:
            raise silent() from error
        if answer.status == 200 and isinstance(answer.body, dict) and answer.body.get("status"):
            return told_of(job, answer.body, notices_of(answer.headers, answer.body))
        if answer.status in (401, 402, 403, 429):
            raise refusal(answer.status, answer.body, answer.headers, None)
        if answer.status == 404:
            raise ResultLost(f"{LABEL} does not know this job any more. Run again to buy it.", request_id=task)
        raise silent()

    async def cancel(self, job: Job, call: Call) -> bool:
        return False

    def explain(self, error: Exception, request: Request | None) -> EaselError | None:
        if isinstance(error, _NEVER_LEFT):
            return ProviderDown(f"{LABEL} cannot be reached: check the network.", retryable=True)
        if isinstance(error, asyncio.TimeoutError):
            return TimedOut(
                f"{LABEL} did not answer in time. The request had been sent, so it was not repeated; run again to buy it."
            )
        if isinstance(error, aiohttp.ClientError):
            return TimedOut(
                f"The connection to {LABEL} broke off after the request was sent, so nobody knows whether the picture was "
                f"made. It was not sent again. Run again to buy it."
            )
        return None

    def estimate(self, request: Request) -> Decimal | None:
        return prices.estimate(request) if isinstance(request, IdeogramRequest) else None

    async def _quote(self, request: IdeogramRequest, url: str, upload: Upload, call: Call) -> int | None:
        """The price in micro-dollars that Ideogram names beforehand, for nothing; None where it names none.

        Raises what the purchase itself would be refused with.
        """
        try:
            answer = await _post(call.http, f"{url}?dry_run=true", upload, call, _LOOK)
        except (aiohttp.ClientError, asyncio.TimeoutError):
            # Only the price is missing: whether the purchase itself gets through, it will tell.
            return None
        if 400 <= answer.status < 500:
            raise refusal(answer.status, answer.body, answer.headers, request)
        body = answer.body if answer.status == 200 and isinstance(answer.body, dict) else {}
        price = body.get("upper_bound_usd_micros") or body.get("usd_micros")
        return price if isinstance(price, int) else None


async def _post(
    http: aiohttp.ClientSession, url: str, upload: Upload, call: Call, timeout: aiohttp.ClientTimeout
) -> _Answer:
    async with http.post(url, **upload.body(), headers=_key(call), timeout=timeout, allow_redirects=False) as got:
        return _Answer(got.status, await _json(got), got.headers)


def _good(answer: _Answer, request: Request) -> dict[str, Any]:
    """The body of an answer that is no error. Raises the error that it is otherwise."""
    if answer.status != 200:
        raise refusal(answer.status, answer.body, answer.headers, request)
    if not isinstance(answer.body, dict):
        raise not_the_api()
    late = answer.body.get("status_code")
    if isinstance(late, int) and answer.body.get("error"):
        # v2 may begin to answer before it fails: the status that it meant then stands in the body.
        raise refusal(late, answer.body, answer.headers, request)
    return answer.body


def _key(call: Call) -> dict[str, str]:
    return {"Api-Key": call.key.reveal()}


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


PROVIDERS = (Ideogram,)
