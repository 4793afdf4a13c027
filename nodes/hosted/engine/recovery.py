"""What an owner that died left open, and how owners tell one another that they live."""

from __future__ import annotations

import asyncio
import concurrent.futures
import logging
from collections.abc import Callable
from contextlib import suppress

from .account import Account
from .errors import EaselError, Stopped, TimedOut
from .outcome import Outcome
from .owner import BEAT_SECONDS, is_alive
from .provider import Progress
from .purchase import Steps
from .request import Request
from .tables import Purchase
from .tickets import Ticket
from .tools import Tools

log = logging.getLogger("easel")

RESUMED = "An earlier run had already begun this purchase; it was finished, not bought again."
_LOOK_EVERY = 0.5


async def settle(steps: Steps, owner: str) -> Purchase | None:
    """Deal with a purchase that ``owner`` did not claim just now: wait while another lives, else go on with it.

    None where it has to be looked at anew: somebody was faster, or there was nothing to go on with.
    """
    purchase, journal, in_order = steps.purchase, steps.tools.journal, steps.tools.in_order
    if _is_worked_on(purchase, owner):
        await _wait_beside(steps.ticket)
        return None
    if not await in_order(journal.take_over, purchase):
        return None
    if purchase.state == "intended":
        await in_order(journal.ended, purchase.id, "cancelled", "the process ended before anything was sent")
        return None
    if purchase.state == "sending":
        reason = "the process ended while the request was being sent"
        await in_order(journal.ended, purchase.id, "unsure", reason, source="unsure")
        return None
    return await steps.resume()


def asks(purchase: Purchase, owner: str) -> bool:
    """Whether ``owner`` would have to ask the provider, to go on with a purchase that it finds in the journal."""
    return purchase.state == "running" and not _is_worked_on(purchase, owner)


async def give_way(purchase: Purchase, owner: str, ticket: Ticket) -> None:
    """Raises :class:`Stopped`, a moment later, where another than ``owner`` is at work: to wait for that needs no key."""
    if _is_worked_on(purchase, owner):
        await _wait_beside(ticket)
        raise Stopped("Another ComfyUI works on this.")


async def orphans(tools: Tools) -> list[Purchase]:
    """Live purchases whose owner died. A sandbox forgets its jobs with its process: those wait until asked for."""
    left = await tools.in_order(tools.journal.orphans)
    return [one for one in left if one.realm == "live" and not is_alive(one.owner, one.lease_until)]


async def beat(tools: Tools, is_busy: Callable[[], bool]) -> None:
    """Tell other machines that this owner lives, for as long as it does."""
    while True:
        await asyncio.sleep(BEAT_SECONDS)
        if is_busy():
            try:
                await tools.in_order(tools.journal.beat)
            except Exception:
                # The next beat may come through, and the lease outlives three that do not.
                log.exception("Easel could not renew its lease on the purchases under way")


def _is_worked_on(purchase: Purchase, owner: str) -> bool:
    return purchase.owner != owner and is_alive(purchase.owner, purchase.lease_until)


async def _wait_beside(ticket: Ticket) -> None:
    ticket.report(Progress("another ComfyUI is buying the same picture"))
    with suppress(asyncio.TimeoutError):
        await asyncio.wait_for(ticket.stop.wait(), _LOOK_EVERY)
        raise Stopped("The run was stopped; another ComfyUI goes on with this picture.")


def unsure(account: Account, request: Request) -> TimedOut:
    """A request that was on its way when the process that sent it died."""
    return TimedOut(
        f"ComfyUI stopped last time while {account.label} was being asked for this ({request.summary}). Easel cannot "
        f"know whether the request arrived, so it was not repeated. Run again to buy it now."
    )


def log_failure(future: concurrent.futures.Future[Outcome]) -> None:
    """Say what an adopted purchase ended in, for nobody waits for it."""
    error = None if future.cancelled() else future.exception()
    if isinstance(error, EaselError):
        log.warning("A purchase that an earlier run left open was not finished: %s", error)
    elif error is not None:
        log.error("A purchase that an earlier run left open was not finished", exc_info=error)
