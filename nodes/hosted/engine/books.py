"""The books as others ask for them: from any loop, and always those of the realm in force."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeVar

from .destination import Realm
from .errors import EaselError
from .ledger import Ledger
from .owner import is_alive
from .provider import Progress
from .tables import Purchase

if TYPE_CHECKING:
    from .engine import Engine

T = TypeVar("T")

_ELSEWHERE = "Another ComfyUI works on this; it can be stopped there."
_STATES = {
    "intended": "waiting to be sent",
    "sending": "being sent",
    "running": "at the provider",
    "ready": "made, and yet to be fetched",
}


class NoSuchJob(EaselError):
    """There is no such purchase, or nothing can be done about it now."""


@dataclass(frozen=True)
class Job:
    """A purchase under way, and what may be done about it from here."""

    purchase: Purchase
    progress: Progress | None
    """None where this process is not at work on it."""
    is_abandoned: bool
    """Whether nobody is at work on it."""

    @property
    def status(self) -> str:
        if self.progress is not None:
            return self.progress.status
        left = ", left behind by a ComfyUI that ended" if self.is_abandoned else ""
        return _STATES.get(self.purchase.state, self.purchase.state) + left

    @property
    def may_cancel(self) -> bool:
        return self.progress is not None or (self.is_abandoned and self.purchase.state in ("intended", "running"))

    @property
    def may_resume(self) -> bool:
        return self.is_abandoned

    @property
    def note(self) -> str:
        return "" if self.may_cancel or self.may_resume else _ELSEWHERE


def realm_of(engine: Engine) -> Realm:
    """Whose books are shown now: those of the stand-ins in sandbox mode."""
    return "sandbox" if engine.settings().sandbox else "live"


async def ask(engine: Engine, question: Callable[[Ledger], T]) -> T:
    """What ``question`` reads in the books; it may block. From any loop."""
    answer: T = await engine.look_up(lambda tools: tools.in_order(question, tools.ledger))
    return answer


async def jobs(engine: Engine) -> list[Job]:
    """Every purchase under way, oldest first."""
    realm = realm_of(engine)
    return [_job(engine, one) for one in await ask(engine, lambda ledger: ledger.under_way(realm))]


async def cancel(engine: Engine, purchase_id: str) -> None:
    """Stop a purchase as pressing stop does: everybody leaves it, and the provider is asked to stop it where it can.

    Raises :class:`NoSuchJob` where nothing can be stopped from here.
    """
    job = await _find(engine, purchase_id)
    if not job.may_cancel:
        raise NoSuchJob(job.note or "This is made already: resume it to fetch it.")
    if job.progress is None:
        await engine.take_up(job.purchase)
    if not engine.call_off(job.purchase.fingerprint):
        raise NoSuchJob("It ended just now.")


async def resume(engine: Engine, purchase_id: str) -> None:
    """Go on with a purchase that a process left behind. Raises :class:`NoSuchJob` where there is nothing to go on with."""
    job = await _find(engine, purchase_id)
    if not job.may_resume:
        raise NoSuchJob(job.note or "It is under way already.")
    if not await engine.take_up(job.purchase):
        raise NoSuchJob("It is under way already.")


async def _find(engine: Engine, purchase_id: str) -> Job:
    purchase = await ask(engine, lambda ledger: ledger.purchase(purchase_id))
    if purchase is None or purchase.active is None or purchase.realm != realm_of(engine):
        raise NoSuchJob("This is not under way any more.")
    return _job(engine, purchase)


def _job(engine: Engine, purchase: Purchase) -> Job:
    progress = engine.progress_of(purchase.fingerprint)
    is_ours = purchase.owner == engine.owner
    is_worked_on = progress is not None or (not is_ours and is_alive(purchase.owner, purchase.lease_until))
    return Job(purchase, progress, is_abandoned=not is_worked_on)
