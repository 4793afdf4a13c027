"""Ideogram's wire: an answer at once in legacy and v1, a queue in v2."""

from __future__ import annotations

import asyncio
from decimal import Decimal
from typing import Any

import aiohttp

from ..engine import wire
from ..engine.errors import EaselError, ResultLost
from ..engine.provider import Call, Job, Result
from ..engine.request import Request
from . import prices
from .account import ACCOUNT, LABEL
from .answers import DAY, description_of, job_of, result_of, told_of
from .notices import notices_of
from .refusals import refusal, request_id_of
from .requests import IdeogramRequest
from .uploads import Upload

_SUBMIT = aiohttp.ClientTimeout(total=None, connect=20, sock_read=180)
"""Drawing while the caller waits takes 10 to 60 seconds."""
_MODE, _AT_ONCE = "mode", "synchronous"
"""What an operator may set where v2's jobs cannot be polled (a gateway, say): it then answers with the pictures."""


class Ideogram:
    """A counter that answers with pictures (legacy, v1), and a queue without cancelling (v2)."""

    account = ACCOUNT

    async def submit(self, request: Request, call: Call) -> Job | Result:
        if not isinstance(request, IdeogramRequest):
            raise TypeError(f"{LABEL} is not asked for {type(request).__name__}")
        upload = await Upload.of(request, as_job=call.options.get(_MODE) != _AT_ONCE)
        url = f"{call.address}/{request.offer.path}"
        quote = await self._quote(request, url, upload, call) if prices.is_quoted(request) else None
        answer = await wire.submit(url, **upload.body(), headers=_key(call), timeout=_SUBMIT)
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
            answer = await wire.ask(call.http, "GET", url, headers=_key(call))
        except (aiohttp.ClientError, asyncio.TimeoutError) as error:
            raise wire.silent(ACCOUNT) from error
        if answer.status == 200 and isinstance(answer.body, dict) and answer.body.get("status"):
            return told_of(job, answer.body, notices_of(answer.headers, answer.body))
        if answer.status in (401, 402, 403, 429):
            raise refusal(answer, None)
        if answer.status == 404:
            raise ResultLost(f"{LABEL} does not know this job any more. Run again to buy it.", request_id=task)
        raise wire.silent(ACCOUNT)

    async def cancel(self, job: Job, call: Call) -> bool:
        return False

    def explain(self, error: Exception, request: Request | None) -> EaselError | None:
        return wire.explain(error, ACCOUNT)

    def estimate(self, request: Request) -> Decimal | None:
        return prices.estimate(request) if isinstance(request, IdeogramRequest) else None

    async def _quote(self, request: IdeogramRequest, url: str, upload: Upload, call: Call) -> int | None:
        """The price in micro-dollars that Ideogram names beforehand, for nothing; None where it names none.

        Raises what the purchase itself would be refused with.
        """
        try:
            answer = await wire.ask(call.http, "POST", f"{url}?dry_run=true", **upload.body(), headers=_key(call))
        except (aiohttp.ClientError, asyncio.TimeoutError):
            # Only the price is missing: whether the purchase itself gets through, it will tell.
            return None
        if 400 <= answer.status < 500:
            raise refusal(answer, request)
        body = answer.body if answer.status == 200 and isinstance(answer.body, dict) else {}
        price = body.get("upper_bound_usd_micros") or body.get("usd_micros")
        return price if isinstance(price, int) else None


def _good(answer: wire.Answer, request: Request) -> dict[str, Any]:
    """The body of an answer that is no error. Raises the error that it is otherwise."""
    if answer.status != 200:
        raise refusal(answer, request)
    if not isinstance(answer.body, dict):
        raise wire.not_the_api(ACCOUNT)
    late = answer.body.get("status_code")
    if isinstance(late, int) and answer.body.get("error"):
        # v2 may begin to answer before it fails: the status that it meant then stands in the body.
        raise refusal(answer, request, late)
    return answer.body


def _key(call: Call) -> dict[str, str]:
    return {"Api-Key": call.key.reveal()}


PROVIDERS = (Ideogram,)
