"""One purchase from its claim to its record: the steps of design.md in the order in which they happen."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field, replace
from typing import Any, Protocol, TypeVar

import aiohttp
from tenacity import AsyncRetrying, RetryCallState, retry_if_exception, stop_after_delay, wait_exponential_jitter

from .errors import (
    Charge,
    ContentRejected,
    EaselError,
    InvalidKey,
    ProviderDown,
    QuotaExhausted,
    RateLimited,
    ResultLost,
    Stopped,
    TimedOut,
)
from .fetch import MAX_BYTES, Downloader, origin_of
from .gate import Gate
from .inputs import InputPicture
from .journal import Journal, Source
from .keys import Key, Keyring
from .money import to_micros
from .outcome import Facts, result_json
from .provider import Call, Inline, Job, Progress, Provider, Result
from .request import Request
from .store import Store
from .tables import Purchase, StoredPicture

T = TypeVar("T")

_RETRY_FOR = 300.0
"""Seconds over which refused connections and throttles are waited out."""
_LINK_MARGIN = 120.0
"""Seconds that a link must still live to be worth sending to the provider as an input."""
_STOPPED_EARLY = "The run was stopped before anything was sent."
_PASSING = (RateLimited, ProviderDown, TimedOut)
_END_STATES = {ContentRejected: "refused", Stopped: "cancelled"}
_SOURCES: dict[Charge, Source | None] = {"none": None, "unsure": "unsure", "charged": "estimated"}
_backoff = wait_exponential_jitter(initial=0.5, max=20.0)


class Ticket(Protocol):
    """Where a purchase tells how far it is, and hears that nobody wants it any more."""

    stop: asyncio.Event

    def report(self, progress: Progress) -> None: ...


@dataclass(frozen=True)
class Tools:
    """What all purchases share."""

    journal: Journal
    store: Store
    keys: Keyring
    http: aiohttp.ClientSession
    downloads: Downloader
    inspect: Callable[[bytes], Facts]
    """Looks at an encoded picture; raises ValueError with a sentence where it is none."""
    in_order: Callable[..., Awaitable[Any]]
    """Runs a blocking call on the journal's own thread."""


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
    _began: float = field(default_factory=time.monotonic)

    async def buy(self) -> Purchase:
        """Submit, wait, fetch and record; every way out of here is in the journal before it is raised."""
        return await self._journaled(self._submit_and_finish())

    async def resume(self) -> Purchase:
        """Go on with a job, or with a delivery, that the journal holds."""
        return await self._journaled(self._finish_again())

    async def _submit_and_finish(self) -> Purchase:
        answer = await self._submit()
        if isinstance(answer, Job):
            await self._write(self.tools.journal.running, self.purchase.id, answer.handle)
            answer = await self._wait(answer)
        return await self._deliver(answer)

    async def _finish_again(self) -> Purchase:
        if self.purchase.state == "ready":
            return await self._collect(self.purchase.result)
        return await self._deliver(await self._wait(Job(self.purchase.job or {}, Progress("resumed"), wait=0.0)))

    async def _submit(self) -> Job | Result:
        """Send the request once; again only after failures that surely cost nothing."""
        async for attempt in AsyncRetrying(
            retry=retry_if_exception(lambda error: isinstance(error, EaselError) and error.retryable),
            wait=_pause,
            stop=stop_after_delay(_RETRY_FOR),
            sleep=self._sleep,
            before_sleep=self._tell_retry,
            reraise=True,
        ):
            with attempt:
                return await self._submit_once()
        raise AssertionError("the retry loop neither returned nor raised")

    async def _submit_once(self) -> Job | Result:
        if self.request is None:
            raise AssertionError("only a purchase with its request can be submitted")
        self._report(Progress("waiting for a free place"))
        if not await self.gate.enter(self.ticket.stop):
            raise Stopped(_STOPPED_EARLY)
        try:
            self._report(Progress(f"sent to {self.provider.account.label}"))
            answer = await self._guarded(self.provider.submit(self.request, self._call()))
        except RateLimited as error:
            self.gate.throttled(error.retry_after)
            raise
        finally:
            self.gate.leave()
        self.gate.succeeded()
        return answer

    async def _wait(self, job: Job) -> Result:
        """Poll until the job is done; cancel it where everybody has left and the provider can."""
        account = self.provider.account
        deadline = time.monotonic() + account.patience
        while time.monotonic() < deadline:
            self._report(job.progress)
            if await self._left_within(job.wait) and await self._cancelled(job):
                raise Stopped(f"The run was stopped, and {account.label} stopped the job.")
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
                retry=retry_if_exception(lambda error: isinstance(error, _PASSING)),
                wait=_pause,
                stop=stop_after_delay(max(1.0, deadline - time.monotonic())),
                reraise=True,
            ):
                with attempt:
                    return await self._guarded(self.provider.poll(job, self._call()))
        except (*_PASSING, InvalidKey, QuotaExhausted) as error:
            # The job itself goes on at the provider.
            error.resumable = True
            raise
        raise AssertionError("the retry loop neither returned nor raised")

    async def _cancelled(self, job: Job) -> bool:
        # Asked once: after this the loop only waits for the end.
        self.ticket.stop.clear()
        return await self._guarded(self.provider.cancel(job, self._call()))

    async def _deliver(self, result: Result) -> Purchase:
        """The provider is done: keep what came inline, journal links and bill, then collect the pictures."""
        label = self.provider.account.label
        digests = [
            await self._keep(picture.data) if isinstance(picture, Inline) else None for picture in result.pictures
        ]
        kept = result_json(result, digests, self.purchase.request, time.time())
        all_refused = bool(result.refused) and not result.pictures
        cost = to_micros(result.cost_usd) if result.cost_usd is not None else 0 if all_refused else None
        source: Source = "estimated" if result.cost_usd is None else "reported"
        await self._write(self.tools.journal.ready, self.purchase.id, kept, cost, source)
        if all_refused:
            raise ContentRejected(
                f"{label} held back every picture of this request ({self.purchase_summary}): {result.refused[0].reason}",
                stage="output",
                request_id=result.request_id,
                charge="charged" if cost else "none",
            )
        if not (result.pictures or result.text or result.data):
            raise ResultLost(f"{label} took the request and answered without a picture.", request_id=result.request_id)
        return await self._collect(kept)

    async def _collect(self, kept: dict[str, Any]) -> Purchase:
        """Bring every picture into the store and look at it, then record the purchase as done."""
        self._report(Progress("fetching the pictures"))
        stored = await asyncio.gather(*(self._bring(entry) for entry in kept["pictures"]))
        rows = [
            StoredPicture(
                position=position,
                digest=digest,
                media_type=facts.media_type,
                width=facts.width,
                height=facts.height,
                pixels=facts.pixels,
                has_alpha=facts.has_alpha,
                revised_prompt=entry["revised_prompt"],
                url=entry["url"],
                url_until=entry["url_until"],
            )
            for position, (entry, (digest, facts)) in enumerate(zip(kept["pictures"], stored, strict=True))
        ]
        done: Purchase = await self._write(self.tools.journal.done, self.purchase.id, kept, rows)
        return done

    async def _bring(self, entry: dict[str, Any]) -> tuple[str, Facts]:
        """One picture of a delivery: its digest in the store, and what a look at it tells."""
        data: bytes | None
        if entry["digest"] is None:
            data = await self.tools.downloads.fetch(entry["url"], origin_of(self.address))
        else:
            data = await asyncio.to_thread(self.tools.store.get, self.purchase.realm, entry["digest"])
        if data is None:
            raise ResultLost("The picture had arrived, and its file is gone from Easel's store.")
        try:
            facts = await asyncio.to_thread(self.tools.inspect, data)
        except ValueError as error:
            raise ResultLost(f"What {self.provider.account.label} delivered is not a whole picture: {error}") from error
        return await self._keep(data), facts

    async def _keep(self, data: bytes) -> str:
        if len(data) > MAX_BYTES:
            raise ResultLost(f"The picture is larger than {MAX_BYTES >> 20} MB, so Easel did not keep it.")
        return await asyncio.to_thread(self.tools.store.put, self.purchase.realm, data)

    async def _journaled(self, work: Awaitable[Purchase]) -> Purchase:
        """Whatever ``work`` ends in, the journal says so before anybody hears of it."""
        try:
            return await work
        except EaselError as error:
            error.rewritten(self.tools.keys.redact)
            if not error.resumable:
                await self._write_end(error)
            raise
        except Exception as error:
            # A defect of ours, or an answer nobody has seen yet: what it cost is unknown, and that is recorded.
            await self._write(
                self.tools.journal.ended, self.purchase.id, "failed", type(error).__name__, source="unsure"
            )
            raise

    async def _write_end(self, error: EaselError) -> None:
        state = _END_STATES.get(type(error), "failed")
        await self._write(self.tools.journal.ended, self.purchase.id, state, str(error), source=_SOURCES[error.charge])

    async def _guarded(self, work: Awaitable[T]) -> T:
        """The provider's own errors as ours; a CancelledError that a library made up never passes for a real one."""
        try:
            return await work
        except EaselError:
            raise
        except asyncio.CancelledError as error:
            if _is_being_cancelled():
                raise
            raise TimedOut(f"The connection to {self.provider.account.label} was given up from within.") from error
        except Exception as error:
            explained = self.provider.explain(error, self.request)
            if explained is None:
                raise
            raise explained from error

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

    def _tell_retry(self, state: RetryCallState) -> None:
        error = state.outcome.exception() if state.outcome else None
        pause = state.next_action.sleep if state.next_action else 0.0
        what = error.sentence if isinstance(error, EaselError) else str(error)
        self._report(Progress(f"{what} Trying again in {pause:.0f} s."))

    def _report(self, progress: Progress) -> None:
        self.ticket.report(replace(progress, elapsed=time.monotonic() - self._began))

    async def _write(self, step: Callable[..., Any], *values: Any, **named: Any) -> Any:
        return await self.tools.in_order(step, *values, **named)


def _pause(state: RetryCallState) -> float:
    """Backoff with jitter, never shorter than what the provider asked for."""
    error = state.outcome.exception() if state.outcome else None
    asked = error.retry_after if isinstance(error, EaselError) else None
    return max(_backoff(state), asked or 0.0)


def _is_being_cancelled() -> bool:
    """Whether somebody asked for this very task's end; Python 3.10 cannot tell, and only the engine's stop asks."""
    cancelling = getattr(asyncio.current_task(), "cancelling", None)
    return cancelling is not None and cancelling() > 0
