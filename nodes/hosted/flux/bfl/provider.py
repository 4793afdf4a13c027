"""BFL's wire: one POST that begins a task, and the polling URL that it names."""

from __future__ import annotations

import asyncio
from decimal import Decimal

import aiohttp

from ...engine import wire
from ...engine.errors import EaselError, ResultLost
from ...engine.provider import Call, Job, Result
from ...engine.request import Request
from .. import prices
from ..request import FluxRequest
from .answers import ACCOUNT, check_polling_url, job_of, refusal, told_of
from .bodies import body_of


class Bfl:
    """A queued provider without cancelling: what was begun is made and paid for."""

    account = ACCOUNT

    async def submit(self, request: Request, call: Call) -> Job:
        if not isinstance(request, FluxRequest):
            raise TypeError(f"{ACCOUNT.label} is not asked for {type(request).__name__}")
        body = await body_of(request, call)
        answer = await wire.submit(f"{call.address}/{request.path}", json=body, headers=_key(call))
        if not 200 <= answer.status < 300:
            raise refusal(answer, request)
        if not isinstance(answer.body, dict):
            raise wire.not_the_api(ACCOUNT)
        return job_of(answer.body, request, call.address)

    async def poll(self, job: Job, call: Call) -> Job | Result:
        task, url = str(job.handle.get("id", "")), str(job.handle.get("polling_url", ""))
        check_polling_url(url, call.address, task)
        try:
            answer = await wire.ask(call.http, "GET", url, headers=_key(call))
        except (aiohttp.ClientError, asyncio.TimeoutError) as error:
            raise wire.silent(ACCOUNT) from error
        if isinstance(answer.body, dict) and isinstance(answer.body.get("status"), str):
            # A failed task may come with an error's HTTP status and the usual body.
            return told_of(job, answer.body)
        if answer.status in (401, 402, 403, 429):
            raise refusal(answer, None)
        if answer.status == 404 and isinstance(answer.body, dict) and "detail" in answer.body:
            # A page that something on the way shows says nothing of the task.
            raise ResultLost(f"{ACCOUNT.label} does not know this task any more. Run again to buy it.", request_id=task)
        raise wire.silent(ACCOUNT)

    async def cancel(self, job: Job, call: Call) -> bool:
        return False

    def explain(self, error: Exception, request: Request | None) -> EaselError | None:
        return wire.explain(error, ACCOUNT)

    def estimate(self, request: Request) -> Decimal | None:
        return prices.estimate(request) if isinstance(request, FluxRequest) else None


def _key(call: Call) -> dict[str, str]:
    return {"x-key": call.key.reveal()}
