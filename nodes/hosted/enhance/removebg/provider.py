"""remove.bg's wire: one form, answered with the picture."""

from __future__ import annotations

import asyncio
from decimal import Decimal

from ...engine import wire
from ...engine.errors import EaselError, RateLimited, ResultLost
from ...engine.provider import Call, Job, Progress, Result
from ...engine.request import Request
from .. import prices
from ..requests import RemoveBackground
from .allowance import Allowance, megapixels
from .answers import ACCOUNT, refusal, result_of
from .bodies import form_of


class RemoveBg:
    """A synchronous provider that counts megapixels a minute."""

    account = ACCOUNT

    def __init__(self) -> None:
        self._allowances: dict[tuple[str, str], Allowance] = {}

    async def submit(self, request: Request, call: Call) -> Result:
        if not isinstance(request, RemoveBackground):
            raise TypeError(f"{ACCOUNT.label} is not asked for {type(request).__name__}")
        form, notices = await form_of(request)
        allowance = self._allowances.setdefault((call.address, call.key.reveal()), Allowance())
        if wait := allowance.take(megapixels(request.image.width, request.image.height)):
            raise RateLimited(f"This minute's megapixels at {ACCOUNT.label} are used up.", retry_after=wait)
        call.report(Progress(f"sent to {ACCOUNT.label}, for {prices.in_words(prices.credits_for(request))} at most"))
        headers = {"X-Api-Key": call.key.reveal()}
        answer = await wire.submit(f"{call.address}/{request.row.path}", headers=headers, data=form)
        allowance.told(answer.headers)
        if answer.status != 200:
            raise refusal(answer, request)
        return await asyncio.to_thread(result_of, answer, request, notices)

    async def poll(self, job: Job, call: Call) -> Job | Result:
        raise ResultLost(f"{ACCOUNT.label} hands out no jobs, so there is none to ask for.")

    async def cancel(self, job: Job, call: Call) -> bool:
        return False

    def explain(self, error: Exception, request: Request | None) -> EaselError | None:
        return wire.explain(error, ACCOUNT)

    def estimate(self, request: Request) -> Decimal | None:
        return prices.estimate(request) if isinstance(request, RemoveBackground) else None
