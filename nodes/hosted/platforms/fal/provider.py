"""fal's queue, over plain HTTP: begin a job, look at it, fetch its answer, cancel it.

fal's own client (1.0) sends a submission up to ten times where a connection breaks: three cut connections were four
charges. Nothing in its interface turns that off or points it at another host, so it is not used here.
"""

from __future__ import annotations

import asyncio
from decimal import Decimal
from functools import partial

import aiohttp

from ...engine import wire
from ...engine.errors import EaselError
from ...engine.provider import Call, Job, Result
from ...engine.request import Request
from ..orders import Uploads, data_uri, with_links
from .answers import (
    ACCOUNT,
    check_url,
    failure,
    has_begun,
    is_in_between,
    is_queued,
    job_of,
    refusal,
    result_of,
    under_way,
)
from .ordering import order_of
from .uploads import fits_inline, upload

_UPLOAD_LIFETIME = 3600.0
"""Seconds for which an upload is used again; fal keeps files for a week and more unless the account says otherwise."""


class Fal:
    """A queued provider whose jobs can be cancelled while they wait in the queue."""

    account = ACCOUNT

    def __init__(self) -> None:
        self._uploads = Uploads(_UPLOAD_LIFETIME)

    async def submit(self, request: Request, call: Call) -> Job:
        order = order_of(request)
        inputs = await with_links(order.inputs, call, partial(self._send, call))
        answer = await wire.submit(f"{call.address}/{order.model}", json=inputs, headers=_key(call))
        if answer.status >= 300:
            raise refusal(answer, request)
        if not isinstance(answer.body, dict):
            raise wire.not_the_api(ACCOUNT)
        return job_of(answer.body, order, call.address)

    async def poll(self, job: Job, call: Call) -> Job | Result:
        status = await self._look(job, call, "status_url")
        if status.status not in (200, 202) or not isinstance(status.body, dict):
            raise _unread(status, job)
        if (still := under_way(job, status.body)) is not None:
            return still
        answer = await self._look(job, call, "response_url")
        if answer.status == 200 and isinstance(answer.body, dict) and not status.body.get("error"):
            return result_of(job, answer.body)
        if is_in_between(answer) and not status.body.get("error"):
            raise wire.silent(ACCOUNT)
        raise failure(answer, job, status.body)

    async def cancel(self, job: Job, call: Call) -> bool:
        # A job that runs may end and be billed all the same: that one is finished and kept.
        before = await self._look(job, call, "status_url")
        if not is_queued(before.body):
            return False
        url = str(job.handle["cancel_url"])
        check_url(url, call.address, str(job.handle["id"]))
        answer = await wire.ask(call.http, "PUT", url, headers=_key(call))
        if answer.status not in (200, 202):
            return False
        after = await self._look(job, call, "status_url")
        return not has_begun(after.body)

    def explain(self, error: Exception, request: Request | None) -> EaselError | None:
        return wire.explain(error, ACCOUNT)

    def estimate(self, request: Request) -> Decimal | None:
        return order_of(request).price

    async def _look(self, job: Job, call: Call, which: str) -> wire.Answer:
        url = str(job.handle[which])
        check_url(url, call.address, str(job.handle["id"]))
        try:
            return await wire.ask(call.http, "GET", url, headers=_key(call))
        except (aiohttp.ClientError, asyncio.TimeoutError) as error:
            raise wire.silent(ACCOUNT) from error

    async def _send(self, call: Call, data: bytes, media_type: str) -> str:
        if fits_inline(data, call.address):
            return data_uri(data, media_type)
        return await self._uploads.link(
            data, (call.address, call.key.reveal()), partial(upload, call, data, media_type)
        )


def _unread(answer: wire.Answer, job: Job) -> EaselError:
    """What a look that failed means for a job that goes on."""
    # A 404 that is no JSON comes from something on the way, and says nothing of the job.
    if answer.status in (401, 403, 429) or (answer.status == 404 and answer.is_json):
        return failure(answer, job, {})
    return wire.silent(ACCOUNT)


def _key(call: Call) -> dict[str, str]:
    return {"Authorization": f"Key {call.key.reveal()}"}
