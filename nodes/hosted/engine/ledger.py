"""What stands in the books: purchases kept and under way, money by day, provider, model or workflow. All methods block."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from typing import Any, Literal

from sqlalchemy import Engine as Database
from sqlalchemy import Integer, Select, cast, func, or_, select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from .journal import spent
from .tables import Charge, Purchase, StoredPicture, Workflow
from .workflows import Known

By = Literal["day", "provider", "model", "workflow"]
WAYS: tuple[By, ...] = ("day", "provider", "model", "workflow")

_AT_ONCE = 500
"""How many fingerprints one question names: databases allow only so many."""
_QUARTER = 900
"""Seconds: every time zone is a whole number of quarter hours away from the others."""


@dataclass
class Sum:
    """What was spent under one name; money in micro-dollars."""

    name: str
    label: str = ""
    micros: int = 0
    purchases: int = 0
    pictures: int = 0
    unsure_micros: int = 0
    """The part that may not have been charged."""

    def add(self, row: Any) -> None:
        self.micros += int(row.micros)
        self.purchases += int(row.purchases)
        self.pictures += int(row.pictures)
        self.unsure_micros += int(row.unsure)


@dataclass(frozen=True)
class Entry:
    """A purchase as the history shows it."""

    purchase: Purchase
    has_workflow: bool
    pictures: Sequence[StoredPicture] = field(default=())


class Ledger:
    """The books of one database."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def standing(self, fingerprints: Sequence[str]) -> Mapping[str, Purchase]:
        """The newest finished purchase of each fingerprint, or the one under way; nothing where there is neither."""
        found: dict[str, Purchase] = {}
        with self._session() as session:
            for start in range(0, len(fingerprints), _AT_ONCE):
                wanted = select(Purchase).where(
                    Purchase.fingerprint.in_(fingerprints[start : start + _AT_ONCE]),
                    or_(Purchase.state == "done", Purchase.active.is_not(None)),
                )
                for purchase in session.scalars(wanted.order_by(Purchase.changed)):
                    # What is kept is at hand even while somebody buys the same again.
                    if purchase.fingerprint not in found or purchase.state == "done":
                        found[purchase.fingerprint] = purchase
        return found

    def sums(self, realm: str, by: By, since: float = 0.0) -> list[Sum]:
        """What was charged since a moment: days oldest first, everything else dearest first."""
        if by == "day":
            return self._days(realm, since)
        if by == "workflow":
            return self._workflows(realm, since)
        column = {"provider": Charge.provider, "model": Charge.model}[by]
        with self._session() as session:
            rows = session.execute(_grouped(realm, since, column.label("name")).group_by(column)).all()
        return _by_price(_summed((str(row.name), row) for row in rows))

    def lines(self, realm: str, since: float = 0.0, after: int = 0, limit: int = 1000) -> Sequence[Charge]:
        """Lines of the ledger since a moment, oldest first, ``limit`` at a time: those that follow the one ``after``."""
        wanted = select(Charge).where(Charge.realm == realm, Charge.at >= since, Charge.id > after)
        with self._session() as session:
            return session.scalars(wanted.order_by(Charge.id).limit(limit)).all()

    def spent(self, realm: str, since: float) -> int:
        """Micro-dollars charged since a moment, and estimated for what is under way: what budgets are checked against."""
        with self._session() as session:
            return spent(session, realm, since=since)

    def of_runs(self, realm: str, runs: Sequence[str]) -> Sum:
        """What was charged in these runs of the host."""
        one = Sum("runs")
        with self._session() as session:
            for start in range(0, len(runs), _AT_ONCE):
                wanted = _grouped(realm, 0.0).where(Charge.run.in_(runs[start : start + _AT_ONCE]))
                row = session.execute(wanted).one()
                if row.purchases:
                    one.add(row)
        return one

    def history(self, realm: str, limit: int, before: float | None = None) -> list[Entry]:
        """Finished purchases, newest first."""
        wanted = select(Purchase, Workflow.digest).outerjoin(Workflow, Workflow.digest == Purchase.workflow)
        wanted = wanted.where(Purchase.realm == realm, Purchase.state == "done").order_by(Purchase.began.desc())
        if before is not None:
            wanted = wanted.where(Purchase.began < before)
        with self._session() as session:
            rows = session.execute(wanted.limit(limit)).all()
            return [Entry(purchase, digest is not None, tuple(purchase.pictures)) for purchase, digest in rows]

    def picture(self, realm: str, digest: str) -> StoredPicture | None:
        """What is known of a picture in the store."""
        wanted = select(StoredPicture).join(Purchase, Purchase.id == StoredPicture.purchase_id)
        with self._session() as session:
            return session.scalars(
                wanted.where(StoredPicture.digest == digest, Purchase.realm == realm).limit(1)
            ).one_or_none()

    def under_way(self, realm: str) -> Sequence[Purchase]:
        """Purchases that are not finished, oldest first, whoever began them."""
        wanted = select(Purchase).where(Purchase.realm == realm, Purchase.active.is_not(None))
        with self._session() as session:
            return session.scalars(wanted.order_by(Purchase.began)).all()

    def purchase(self, purchase_id: str) -> Purchase | None:
        with self._session() as session:
            return session.get(Purchase, purchase_id)

    def graph(self, digest: str) -> dict[str, Any] | None:
        """The prompt of that digest; None where it was not kept."""
        with self._session() as session:
            found = session.get(Workflow, digest)
            return None if found is None else found.graph

    def keep(self, workflow: Known) -> None:
        """Keep a prompt that something was bought for."""
        with suppress(IntegrityError), self._session() as session, session.begin():
            # Another machine may write the same one meanwhile.
            if session.get(Workflow, workflow.digest) is None:
                session.add(Workflow(**asdict(workflow)))

    def _days(self, realm: str, since: float) -> list[Sum]:
        # Grouped finely by the database and by the day here: databases differ in what they know of time zones.
        quarter = cast(func.round(Charge.at / _QUARTER - 0.5), Integer)
        with self._session() as session:
            rows = session.execute(_grouped(realm, since, quarter.label("name")).group_by(quarter)).all()
        return sorted(_summed((_day(row.name), row) for row in rows), key=lambda one: one.name)

    def _workflows(self, realm: str, since: float) -> list[Sum]:
        """By shape: a workflow run with many prompts is one."""
        shape = func.coalesce(Workflow.shape, Charge.workflow)
        columns = (shape.label("name"), func.max(Workflow.label).label("label"), func.max(Charge.workflow).label("one"))
        wanted = _grouped(realm, since, *columns).outerjoin(Workflow, Workflow.digest == Charge.workflow)
        with self._session() as session:
            rows = session.execute(wanted.group_by(shape)).all()
        sums = []
        for row in rows:
            one = Sum(str(row.one), row.label or "")
            one.add(row)
            sums.append(one)
        return _by_price(sums)

    def _session(self) -> Session:
        return Session(self._database, expire_on_commit=False)


def _grouped(realm: str, since: float, *columns: Any) -> Select[Any]:
    unsure = func.sum(Charge.usd_micros).filter(Charge.source == "unsure")
    return (
        select(
            *columns,
            func.sum(Charge.usd_micros).label("micros"),
            func.count(Charge.id).label("purchases"),
            func.sum(Charge.pictures).label("pictures"),
            func.coalesce(unsure, 0).label("unsure"),
        )
        .where(Charge.realm == realm, Charge.at >= since)
        .select_from(Charge)
    )


def _summed(rows: Iterable[tuple[str, Any]]) -> list[Sum]:
    found: dict[str, Sum] = {}
    for name, row in rows:
        found.setdefault(name, Sum(name)).add(row)
    return list(found.values())


def _by_price(sums: list[Sum]) -> list[Sum]:
    return sorted(sums, key=lambda one: (-one.micros, one.name))


def _day(quarter: int) -> str:
    return str(dt.datetime.fromtimestamp(int(quarter) * _QUARTER).date())
