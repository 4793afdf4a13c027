"""One purchase from its claim to its record: the steps of design.md in the order in which they happen."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from functools import partial
from typing import Any, TypeVar

from tenacity import (
    AsyncRetrying,
    RetryCallState,
    retry_if_exception,
    retry_if_exception_type,
    stop_after_delay,
)

from .calls import guarded, tells
from .delivery import Delivery
from .errors import (
    Charge,
    ContentRejected,
    EaselError,
    InvalidKey,
    QuotaExhausted,
    RateLimited,
    Stopped,
    TimedOut,
)
from .gate import Gate
from .inputs import InputPicture
from .journal import Source
from .keys import Key
from .money import to_micros
from .provider import Call, Job, Progress, Provider, Result
from .request import Request
from .retry import PASSING, RETRY_FOR, costs_nothing, error_of, pause, paused_enough
from .tables import Purchase
from .tickets import Ticket
from .tools import Tools

T = TypeVar("T")

log = logging.getLogger("easel")

_LINK_MARGIN = 120.0
"""Seconds that a link must still live to be worth sending to the provider as an input."""
_STOPPED_EARLY = "The run was stopped before anything was sent."
_END_STATES = {ContentRejected: "refused", Stopped: "cancelled"}
_SOURCES: dict[Charge, Source | None] = {"none": None, "unsure": "unsure", "charged": "estimated"}


@dataclass
class Steps:
    """The steps of one purchase at one provider."""

    tools: Tools
    provider: Provider
    gate: Gate
    key: Key
    purchase: Purchase
    address: str
    ticket: Ticket
    options: dict[str, str]
    purchase_summary: str
    """What was asked, for error messages."""
    request: Request | None = None
    """None where the purchase was found in the journal of a process that died."""

    async def buy(self) -> Purchase:
        """Submit, wait, fetch and record; every way out of here is in the journal before it is raised."""
        return await self._journaled(self._submit_and_finish())

    async def resume(self) -> Purchase:
        """Go on with a job, or with a delivery, that the journal holds."""
        return await self._journaled(self._finish_again())

    async def _submit_and_finish(self) -> Purchase:
        answer = await self._submit()
        try:
            if isinstance(answer, Job):
                self.purchase = await self._write(self.tools.journal.running, self.purchase.id, answer.handle)
                answer = await self._wait(answer)
        finally:
            self.gate.leave()
        return await self._delivery().take(answer)

    async def _finish_again(self) -> Purchase:
        if self.purchase.state == "ready":
            return await self._delivery().collect()
        job = Job(self.purchase.job or {}, Progress("resumed"), wait=0.0)
        answer = await self._wait(job)
        return await self._delivery().take(answer)

    async def _submit(self) -> Job | Result:
        """Send the request once, again only after failures that surely cost nothing; holds a place at the gate."""
        async for attempt in AsyncRetrying(
            retry=retry_if_exception(costs_nothing),
            wait=pause,
            stop=paused_enough,
            sleep=self._sleep,
            before_sleep=self._before_retry,
            reraise=True,
        ):
            with attempt:
                return await self._submit_once()
        raise AssertionError("the retry loop neither returned nor raised")

    async def _submit_once(self) -> Job | Result:
        label = self.provider.account.label
        if self.gate.closed_for > RETRY_FOR:
            raise RateLimited(
                f"{label} asked to be left alone for {self.gate.closed_for:.0f} seconds more. Run again after that.",
                retry_after=self.gate.closed_for,
            )
        self._report(Progress("waiting for a free place"))
        if not await self.gate.enter(self.ticket.stop):
            raise Stopped(_STOPPED_EARLY)
        try:
            await self._write(self.tools.journal.sending, self.purchase.id)
            self._report(Progress(f"sent to {label}"))
            answer = await self._guarded(self._send())
        except BaseException as error:
            if isinstance(error, RateLimited):
                self.gate.throttled(error.retry_after)
            self.gate.leave()
            raise
        self.gate.succeeded()
        return answer

    async def _send(self) -> Job | Result:
        if self.request is None:
            raise AssertionError("only a purchase with its request can be submitted")
        return await self.provider.submit(self.request, self._call())

    async def _wait(self, job: Job) -> Result:
        """Poll until the job is done; cancel it where everybody has left and the provider can."""
        account = self.provider.account
        deadline = time.monotonic() + account.patience
        while time.monotonic() < deadline:
            self._report(job.progress)
            await self._rest(job, job.wait)
            answer = await self._poll(job, deadline)
            if isinstance(answer, Result):
                return answer
            job = answer
        raise TimedOut(
            f"{account.label} has not finished after {account.patience:.0f} seconds. Run again to go on waiting for "
            f"this same job.",
            resumable=True,
        )

    async def _poll(self, job: Job, deadline: float) -> Job | Result:
        """One look at the job; a look costs nothing, so any passing failure is tried again until the deadline."""
        try:
            async for attempt in AsyncRetrying(
                retry=retry_if_exception_type(PASSING),
                wait=pause,
                stop=stop_after_delay(max(1.0, deadline - time.monotonic())),
                sleep=partial(self._rest, job),
                before_sleep=self._tell_retry,
                reraise=True,
            ):
                with attempt:
                    return await self._guarded(self.provider.poll(job, self._call()))
        except (*PASSING, InvalidKey, QuotaExhausted) as error:
            # The job itself goes on at the provider.
            error.resumable = True
            raise
        raise AssertionError("the retry loop neither returned nor raised")

    async def _rest(self, job: Job, seconds: float) -> None:
        """Sleep between two looks at a job; everybody leaving meanwhile cancels it, where the provider can."""
        if not await self._left_within(seconds):
            return
        stopped = await self._cancelled(job)
        if stopped is not False:
            charge = "none" if stopped is True else stopped
            raise Stopped(f"The run was stopped, and {self.provider.account.label} stopped the job.", charge=charge)

    async def _cancelled(self, job: Job) -> bool | Charge:
        # Asked once: after this the loop only waits for the end.
        self.ticket.stop.clear()
        try:
            return await self._guarded(self.provider.cancel(job, self._call()))
        except Exception as error:
            # A job that could not be cancelled is finished and kept like one that cannot be.
            log.warning("A job could not be cancelled: %s", self.tools.keys.redact(str(error)))
            return False

    async def _journaled(self, work: Awaitable[Purchase]) -> Purchase:
        """Whatever ``work`` ends in, the journal says so before anybody hears of it; no key is in what they hear."""
        redact = self.tools.keys.redact
        try:
            return await work
        except EaselError as error:
            error.rewritten(redact)
            if error.resumable:
                await self._write(self.tools.journal.let_go, self.purchase.id)
            else:
                await self._write_end(error)
            if tells(error, redact):
                raise error from None
            raise
        except Exception as error:
            # A defect of ours, or an answer nobody has seen yet: what it cost is unknown, and that is recorded.
            await self._write(
                self.tools.journal.ended, self.purchase.id, "failed", type(error).__name__, source="unsure"
            )
            if tells(error, redact):
                raise EaselError(redact(f"{type(error).__name__}: {error}"), charge="unsure") from None
            raise

    async def _write_end(self, error: EaselError) -> None:
        state, source = _END_STATES.get(type(error), "failed"), _SOURCES[error.charge]
        cost = None if error.cost_usd is None else to_micros(error.cost_usd)
        if cost is not None and source == "estimated":
            source = "reported"
        await self._write(self.tools.journal.ended, self.purchase.id, state, str(error), cost=cost, source=source)

    async def _guarded(self, work: Awaitable[T]) -> T:
        return await guarded(work, self.provider, self.request, self.tools.is_stopping)

    def _delivery(self) -> Delivery:
        self._report(Progress("fetching the pictures"))
        return Delivery(self.tools, self.purchase, self.provider.account.label, self.address, self.purchase_summary)

    def _call(self) -> Call:
        return Call(
            address=self.address,
            key=self.key,
            http=self.tools.http,
            report=self._report,
            link_for=self._link_for,
            options=self.options,
        )

    async def _link_for(self, picture: InputPicture) -> str | None:
        if picture.has_alpha:
            return None
        alive_at = time.time() + _LINK_MARGIN
        link: str | None = await self._write(
            self.tools.journal.link_to, self.purchase.provider, self.purchase.realm, picture.digest, alive_at
        )
        return link

    async def _left_within(self, seconds: float) -> bool:
        """Sleep; True as soon as everybody who wanted the picture has left."""
        try:
            await asyncio.wait_for(self.ticket.stop.wait(), max(0.01, seconds))
        except asyncio.TimeoutError:
            return False
        return True

    async def _sleep(self, seconds: float) -> None:
        if await self._left_within(seconds):
            raise Stopped(_STOPPED_EARLY)

    async def _before_retry(self, state: RetryCallState) -> None:
        await self._write(self.tools.journal.not_sent, self.purchase.id)
        self._tell_retry(state)

    def _tell_retry(self, state: RetryCallState) -> None:
        error = error_of(state)
        what = self.tools.keys.redact(error.sentence) if error else ""
        self._report(Progress(f"{what} Trying again in {state.upcoming_sleep:.0f} s."))

    def _report(self, progress: Progress) -> None:
        self.ticket.report(progress)

    async def _write(self, step: Callable[..., Any], *values: Any, **named: Any) -> Any:
        return await self.tools.in_order(step, *values, **named)
