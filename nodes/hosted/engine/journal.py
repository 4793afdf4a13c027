"""Every step of a purchase, on disk before it matters. Each method is one transaction; all are synchronous."""

from __future__ import annotations

import time
import uuid
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, Literal

from sqlalchemy import Engine as Database
from sqlalchemy import case, func, select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from . import budget
from .database import take_turns
from .owner import LEASE_SECONDS, NOBODY
from .settings import Budget
from .tables import ACTIVE, Charge, Purchase, StoredPicture

Source = Literal["reported", "estimated", "unknown", "unsure"]


@dataclass(frozen=True)
class Opening:
    """What is known of a purchase before it begins."""

    fingerprint: str
    realm: str
    provider: str
    operation: str
    model: str
    asked_model: str
    profile: str
    address: str
    run: str
    workflow: str
    request: dict[str, Any]
    estimate: int | None
    summary: str
    same_wish: tuple[str, ...] = ()
    """Fingerprints of the same wish at other accounts: what stands there is as good."""
    passed: tuple[str, ...] = ()
    """Ids of purchases there that could not be had: they are in the way no more."""

    @property
    def names(self) -> tuple[str, ...]:
        return (self.fingerprint, *self.same_wish)


@dataclass(frozen=True)
class Claim:
    """Who has the right to buy: ``mine`` now, ``theirs`` already, or ``unsure`` what a dead process did."""

    verdict: Literal["mine", "theirs", "kept", "unsure"]
    purchase: Purchase


class Journal:
    """The purchases and the ledger of one database, as seen by one owner."""

    def __init__(self, database: Database, owner: str) -> None:
        self._database = database
        self._owner = owner

    def _session(self) -> Session:
        return Session(self._database, expire_on_commit=False)

    def kept(self, fingerprint: str) -> Purchase | None:
        """The newest finished purchase of this fingerprint."""
        with self._session() as session:
            return _newest(session, (fingerprint,), "done")

    def claim(self, opening: Opening, limits: Budget) -> Claim:
        """Reserve the right, and the money, to buy this; raises BudgetExceeded where a limit stands against it."""
        try:
            with self._session() as session, session.begin():
                return self._claim(session, opening, limits)
        except IntegrityError:
            # Another machine was faster between our look and our write.
            with self._session() as session:
                theirs = session.scalars(select(Purchase).where(Purchase.active == opening.fingerprint)).one()
            return Claim("theirs", theirs)

    def _claim(self, session: Session, opening: Opening, limits: Budget) -> Claim:
        # Two claims that read the same sums at once could pass a limit together.
        take_turns(session.connection(), "easel-claim")
        # Its own first: two that wait for one another would wait for ever.
        own_first = case((Purchase.active == opening.fingerprint, 0), else_=1)
        under_way = select(Purchase).where(Purchase.active.in_(opening.names), Purchase.id.not_in(opening.passed))
        if (theirs := session.scalars(under_way.order_by(own_first, Purchase.began)).first()) is not None:
            return Claim("theirs", theirs)
        if (kept := _newest(session, opening.names, "done")) is not None:
            return Claim("kept", kept)
        if (unsure := _newest(session, opening.names, "unsure")) is not None:
            # Told once; asking again after that is the user's own decision.
            unsure.state = "failed"
            return Claim("unsure", unsure)
        now = time.time()
        budget.check(
            limits,
            opening.estimate,
            spent=partial(_spent_in, session, opening, now),
            what=opening.summary,
        )
        purchase = Purchase(
            id=uuid.uuid4().hex,
            fingerprint=opening.fingerprint,
            active=opening.fingerprint,
            state="intended",
            owner=self._owner,
            lease_until=now + LEASE_SECONDS,
            realm=opening.realm,
            provider=opening.provider,
            operation=opening.operation,
            model=opening.model,
            asked_model=opening.asked_model,
            profile=opening.profile,
            address=opening.address,
            run=opening.run,
            workflow=opening.workflow,
            request=opening.request,
            began=now,
            changed=now,
            estimate=opening.estimate,
            result={},
            cost_source="",
            error="",
        )
        session.add(purchase)
        session.flush()
        session.refresh(purchase)
        return Claim("mine", purchase)

    def get(self, purchase_id: str) -> Purchase:
        with self._session() as session:
            return session.get_one(Purchase, purchase_id)

    def take_over(self, purchase: Purchase) -> bool:
        """Become the owner of a dead owner's purchase; False where it has changed since ``purchase`` was read."""
        with self._session() as session, session.begin():
            taken = session.execute(
                update(Purchase)
                .where(Purchase.id == purchase.id, Purchase.owner == purchase.owner, Purchase.state == purchase.state)
                .values(owner=self._owner, lease_until=time.time() + LEASE_SECONDS)
            )
            return int(getattr(taken, "rowcount", 0)) == 1

    def let_go(self, purchase_id: str) -> None:
        """Nobody works on it any more, though its owner lives: another process that wants it must not wait for that."""
        self._change(purchase_id, owner=NOBODY, lease_until=0.0)

    def orphans(self) -> Sequence[Purchase]:
        """Purchases under way that other owners began."""
        with self._session() as session:
            rows = select(Purchase).where(Purchase.state.in_(ACTIVE), Purchase.owner != self._owner)
            return session.scalars(rows).all()

    def beat(self) -> None:
        """Tell other machines that this owner lives."""
        with self._session() as session, session.begin():
            mine = update(Purchase).where(Purchase.owner == self._owner, Purchase.state.in_(ACTIVE))
            session.execute(mine.values(lease_until=time.time() + LEASE_SECONDS))

    def sending(self, purchase_id: str) -> None:
        """The request leaves now: from here on nobody can be sure what a process that dies has spent."""
        self._change(purchase_id, state="sending")

    def not_sent(self, purchase_id: str) -> None:
        """The provider surely took nothing; the request waits to be sent again."""
        self._change(purchase_id, state="intended")

    def running(self, purchase_id: str, job: dict[str, Any]) -> Purchase:
        """The provider took the job; ``job`` is enough to find it again."""
        return self._change(purchase_id, state="running", job=job)

    def ready(self, purchase_id: str, result: dict[str, Any], cost: int | None, source: Source) -> Purchase:
        """The provider delivered; what it cost stands in the ledger from here on."""
        with self._session() as session, session.begin():
            purchase = session.get_one(Purchase, purchase_id)
            _set(purchase, state="ready", result=result)
            _charge(session, purchase, cost, source, len(result["pictures"]))
            return purchase

    def done(
        self,
        purchase_id: str,
        result: dict[str, Any],
        pictures: Iterable[StoredPicture],
    ) -> Purchase:
        """The pictures are in the store; the bill has been in the ledger since the purchase was ready."""
        with self._session() as session, session.begin():
            purchase = session.get_one(Purchase, purchase_id)
            purchase.pictures = list(pictures)
            _set(purchase, state="done", active=None, result=result)
            session.flush()
            session.refresh(purchase)
            return purchase

    def ended(
        self,
        purchase_id: str,
        state: Literal["failed", "refused", "cancelled", "unsure", "damaged"],
        error: str,
        *,
        cost: int | None = None,
        source: Source | None = None,
    ) -> None:
        """The purchase ended without a picture; ``source`` is given where it was, or may have been, charged."""
        with self._session() as session, session.begin():
            purchase = session.get_one(Purchase, purchase_id)
            _set(purchase, state=state, active=None, error=error)
            if source is not None:
                _charge(session, purchase, cost, source, 0)

    def link_to(self, provider: str, realm: str, pixels: str, alive_at: float) -> str | None:
        """A link of ``provider`` to exactly these opaque pixels that lives beyond ``alive_at``."""
        with self._session() as session:
            return session.scalars(
                select(StoredPicture.url)
                .join(Purchase, Purchase.id == StoredPicture.purchase_id)
                .where(
                    StoredPicture.pixels == pixels,
                    StoredPicture.has_alpha.is_(False),
                    StoredPicture.url_until > alive_at,
                    Purchase.provider == provider,
                    Purchase.realm == realm,
                )
                .order_by(StoredPicture.url_until.desc())
                .limit(1)
            ).one_or_none()

    def maker_of(self, pixels: str) -> tuple[Purchase, StoredPicture] | None:
        """The newest purchase that gave a picture of exactly these RGB pixels."""
        with self._session() as session:
            row = session.execute(
                select(Purchase, StoredPicture)
                .join(StoredPicture, Purchase.id == StoredPicture.purchase_id)
                .where(StoredPicture.pixels == pixels, Purchase.state == "done")
                .order_by(Purchase.changed.desc())
                .limit(1)
            ).one_or_none()
            return None if row is None else (row[0], row[1])

    def charges(self, realm: str, run: str | None = None) -> Sequence[Charge]:
        """Lines of the ledger, oldest first; of one run where it is named."""
        with self._session() as session:
            lines = select(Charge).where(Charge.realm == realm).order_by(Charge.id)
            return session.scalars(lines if run is None else lines.where(Charge.run == run)).all()

    def close(self) -> None:
        """Let go of the database; nothing may be asked of this journal any more."""
        self._database.dispose()

    def _change(self, purchase_id: str, **values: Any) -> Purchase:
        with self._session() as session, session.begin():
            purchase = session.get_one(Purchase, purchase_id)
            _set(purchase, **values)
            return purchase


def _newest(session: Session, fingerprints: Sequence[str], state: str) -> Purchase | None:
    return session.scalars(
        select(Purchase)
        .where(Purchase.fingerprint.in_(fingerprints), Purchase.state == state)
        .order_by(Purchase.changed.desc())
        .limit(1)
    ).one_or_none()


def _set(purchase: Purchase, **values: Any) -> None:
    for name, value in values.items():
        setattr(purchase, name, value)
    purchase.changed = time.time()


def _charge(session: Session, purchase: Purchase, cost: int | None, source: Source, pictures: int) -> None:
    """Write the bill once: a link fetched later, or a purchase healed, adds nothing."""
    if session.scalars(select(Charge.id).where(Charge.purchase_id == purchase.id)).one_or_none() is not None:
        return
    if cost is None and purchase.estimate is None and source == "estimated":
        source = "unknown"
    micros = cost if cost is not None else purchase.estimate or 0
    purchase.cost, purchase.cost_source = micros, source
    session.add(
        Charge(
            purchase_id=purchase.id,
            at=time.time(),
            realm=purchase.realm,
            provider=purchase.provider,
            operation=purchase.operation,
            model=purchase.model,
            profile=purchase.profile,
            run=purchase.run,
            workflow=purchase.workflow,
            pictures=pictures,
            usd_micros=micros,
            source=source,
        )
    )


def _spent_in(session: Session, opening: Opening, now: float, period: budget.Period) -> int:
    """Micro-dollars of this run, or of the period that is now."""
    run = opening.run if period == "run" else None
    return spent(session, opening.realm, run=run, since=budget.began(period, now))


def spent(session: Session, realm: str, *, run: str | None = None, since: float = 0.0) -> int:
    """Micro-dollars charged, and estimated for what is under way, in one run or since a moment."""
    charged = select(func.coalesce(func.sum(Charge.usd_micros), 0)).where(Charge.realm == realm, Charge.at >= since)
    reserved = (
        select(func.coalesce(func.sum(Purchase.estimate), 0))
        .outerjoin(Charge, Charge.purchase_id == Purchase.id)
        .where(Purchase.realm == realm, Purchase.active.is_not(None), Charge.id.is_(None))
    )
    if run is not None:
        charged = charged.where(Charge.run == run)
        reserved = reserved.where(Purchase.run == run)
    return int(session.scalar(charged) or 0) + int(session.scalar(reserved) or 0)
