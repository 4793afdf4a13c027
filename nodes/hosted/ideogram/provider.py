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
from .quotes import Quotes
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

    def __init__(self) -> None:
        self._quotes = Quotes()

    async def submit(self, request: Request, call: Call) -> Job | Result:
        if not isinstance(request, IdeogramRequest):
            raise TypeError(f"{LABEL} is not asked for {type(request).__name__}")
        upload = await Upload.of(request, as_job=call.options.get(_MODE) != _AT_ONCE)
        url = f"{call.address}/{request.offer.path}"
        quoted = await self._quoted(request, url, upload, call) if prices.is_quoted(request) else None
        quote = _price(quoted)
        if quote is not None and not (quoted and _is_purchase(quoted)):
            self._quotes.learn(request, quote)
        if quoted is None or not _is_purchase(quoted):
            answer = await wire.submit(url, **upload.body(), headers=_key(call), timeout=_SUBMIT)
        else:
            # The server knows no quotes and took the question for the purchase: that one is enough.
            answer = quoted
        body = _good(answer, request)
        notices = (*notices_of(answer.headers, body), *_take_of(request))
        if request.operation == "describe":
            return description_of(body, notices, request_id_of(body, answer.headers))
        if request.offer.api == "v2" and body.get("data") is None:
            return job_of(body, request, notices, quote)
        cost = body.get("usage_cost_usd_micros")
        return result_of(
            body,
            prompt=request.prompt,
            notices=notices,
            micros=cost if isinstance(cost, int) else quote,
            request_id=request_id_of(body, answer.headers),
            seed=body.get("seed"),
            has_seed=request.offer.seed,
            lifetime=DAY if request.offer.api == "v2" else None,
        )

    async def poll(self, job: Job, call: Call) -> Job | Result:
        task = str(job.handle.get("id", ""))
        url = f"{call.address}/v2/generations/{task}"
        try:
            answer = await wire.ask(call.http, "GET", url, headers=_key(call))
        except (aiohttp.ClientError, asyncio.TimeoutError) as error:
            raise wire.silent(ACCOUNT) from error
        if _is_success(answer) and isinstance(answer.body, dict) and answer.body.get("status"):
            return told_of(job, answer.body, notices_of(answer.headers, answer.body))
        if answer.status in (401, 402, 403, 429):
            raise refusal(answer, None)
        if answer.status == 404 and answer.is_json:
            # A page that something on the way shows says nothing of the job.
            raise ResultLost(f"{LABEL} does not know this job any more. Run again to buy it.", request_id=task)
        raise wire.silent(ACCOUNT)

    async def cancel(self, job: Job, call: Call) -> bool:
        return False

    def explain(self, error: Exception, request: Request | None) -> EaselError | None:
        return wire.explain(error, ACCOUNT)

    def estimate(self, request: Request) -> Decimal | None:
        return self._quotes.estimate(request) if isinstance(request, IdeogramRequest) else None

    async def _quoted(self, request: IdeogramRequest, url: str, upload: Upload, call: Call) -> wire.Answer | None:
        """What Ideogram answers when asked for the price, for nothing; None where that tells nothing.

        Raises what the purchase itself would be refused with, and what leaves open whether a server that may know no
        quotes has taken the question for the purchase.
        """
        knows_quotes = call.address.endswith(ACCOUNT.address.partition("://")[2])
        try:
            answer = await wire.ask(call.http, "POST", f"{url}?dry_run=true", **upload.body(), headers=_key(call))
        except (aiohttp.ClientError, asyncio.TimeoutError):
            if not knows_quotes:
                raise
            # Only the price is missing: whether the purchase itself gets through, it will tell.
            return None
        if _is_success(answer):
            return answer
        error = refusal(answer, request)
        if error.charge == "none" or (answer.status > 500 and not knows_quotes):
            raise error
        return None


def _price(quoted: wire.Answer | None) -> int | None:
    """The price in micro-dollars that a quote names, the highest where it names two; None where it names none."""
    told = quoted.body if quoted is not None and isinstance(quoted.body, dict) else {}
    price = told.get("upper_bound_usd_micros") or told.get("usd_micros")
    return price if isinstance(price, int) else None


def _is_purchase(answer: wire.Answer) -> bool:
    """Whether an answer to a question for the price is that of a purchase."""
    return isinstance(answer.body, dict) and ("generation_id" in answer.body or "data" in answer.body)


def _is_success(answer: wire.Answer) -> bool:
    return 200 <= answer.status < 300


def _good(answer: wire.Answer, request: Request) -> dict[str, Any]:
    """The body of an answer that is no error. Raises the error that it is otherwise."""
    if not _is_success(answer):
        raise refusal(answer, request)
    if not isinstance(answer.body, dict):
        raise wire.not_the_api(ACCOUNT)
    late = answer.body.get("status_code")
    if isinstance(late, int) and answer.body.get("error"):
        # v2 may begin to answer before it fails: the status that it meant then stands in the body.
        raise refusal(answer, request, late)
    return answer.body


def _take_of(request: IdeogramRequest) -> tuple[str, ...]:
    """The number that stands for a seed where there is none: a drawn one would otherwise be lost."""
    if request.offer.seed or request.operation == "describe":
        return ()
    return (f"{request.model} has no seed: {request.take} as seed gives this same picture again, for nothing.",)


def _key(call: Call) -> dict[str, str]:
    return {"Api-Key": call.key.reveal()}


PROVIDERS = (Ideogram,)
