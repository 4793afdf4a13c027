"""The books in sums and tables: for the editor's panel, for the Spending node, and for the command line."""

from __future__ import annotations

import csv
import datetime as dt
import io
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from .destination import Realm
from .errors import EaselError
from .ledger import WAYS, By, Ledger, Sum
from .money import dollars, to_usd

_COLUMNS = ("name", "label", "usd", "purchases", "pictures", "unsure_usd")
_LINE_COLUMNS = (
    "at",
    "provider",
    "operation",
    "model",
    "pictures",
    "usd",
    "source",
    "profile",
    "run",
    "workflow",
    "purchase",
)
_AT_ONCE = 1000
_FIRST_YEAR = 1970


class BadQuestion(EaselError):
    """A way of grouping, or a day, that cannot be understood."""


@dataclass(frozen=True)
class Report:
    """What was charged since a day, in rows."""

    by: By
    since: dt.date | None
    realm: Realm
    rows: Sequence[Sum]

    @property
    def usd(self) -> Decimal:
        return to_usd(sum(row.micros for row in self.rows))

    @property
    def unsure_usd(self) -> Decimal:
        """The part that may not have been charged."""
        return to_usd(sum(row.unsure_micros for row in self.rows))

    @property
    def purchases(self) -> int:
        return sum(row.purchases for row in self.rows)

    @property
    def pictures(self) -> int:
        return sum(row.pictures for row in self.rows)

    def as_json(self) -> dict[str, Any]:
        return {
            "by": self.by,
            "since": None if self.since is None else self.since.isoformat(),
            "sandbox": self.realm == "sandbox",
            "usd": float(self.usd),
            "purchases": self.purchases,
            "pictures": self.pictures,
            "unsure_usd": float(self.unsure_usd),
            "rows": [dict(zip(_COLUMNS, _cells(row), strict=True)) for row in self.rows],
        }

    def as_csv(self) -> str:
        """One line a row, with a header."""
        return _csv([_COLUMNS, *(_cells(row) for row in self.rows)])

    def as_markdown(self) -> str:
        """The rows as a table for a note or a README."""
        head = [self.by, "cost", "purchases", "pictures"]
        lines = [head, ["---", "---:", "---:", "---:"], *(list(line) for line in _shown(self.rows))]
        return "\n".join(f"| {' | '.join(cell.replace('|', '/') for cell in line)} |" for line in lines)

    def as_text(self) -> str:
        """The sums for people, as a table of plain text."""
        since = f" since {self.since}" if self.since else ""
        where = "SANDBOX (nothing was charged): " if self.realm == "sandbox" else ""
        head = f"{where}{dollars(self.usd)} for {_counted(self.purchases, 'purchase')}{since}"
        unsure = [f"{dollars(self.unsure_usd)} of it may not have been charged."] if self.unsure_usd else []
        return "\n".join([head + ".", *unsure, *_table(self.by, self.rows)])


def report(ledger: Ledger, realm: Realm, by: By, since: dt.date | None, labels: Mapping[str, str]) -> Report:
    """What was charged since a day; ``labels`` are the providers' names for people. Blocks."""
    rows = ledger.sums(realm, by, 0.0 if since is None else moment_of(since))
    for row in rows:
        unnamed = f"a workflow of before ({row.name[:8]})" if by == "workflow" else row.name
        row.label = row.label or labels.get(row.name, unnamed)
    return Report(by, since, realm, rows)


def lines_csv(ledger: Ledger, realm: Realm, since: dt.date | None) -> Iterator[str]:
    """Every line of the ledger as CSV, a part at a time. Blocks."""
    yield _csv([_LINE_COLUMNS])
    after, began = 0, 0.0 if since is None else moment_of(since)
    while lines := ledger.lines(realm, began, after, _AT_ONCE):
        after = lines[-1].id
        yield _csv(
            (
                dt.datetime.fromtimestamp(line.at, dt.timezone.utc).isoformat(timespec="seconds"),
                line.provider,
                line.operation,
                line.model,
                line.pictures,
                to_usd(line.usd_micros),
                line.source,
                line.profile,
                line.run,
                line.workflow,
                line.purchase_id,
            )
            for line in lines
        )


def way_of(by: str) -> By:
    """Raises :class:`BadQuestion` for a way in which nothing is grouped."""
    for way in WAYS:
        if by == way:
            return way
    raise BadQuestion(f"Spending can be shown by {', '.join(WAYS[:-1])} or {WAYS[-1]}, not by {by!r}.")


def day_of(text: str) -> dt.date | None:
    """``2026-11-21`` as a day; None for nothing. Raises :class:`BadQuestion`."""
    if not text.strip():
        return None
    try:
        return dt.date.fromisoformat(text.strip())
    except ValueError:
        raise BadQuestion(f"A day is written like 2026-11-21, not {text!r}.") from None


def moment_of(day: dt.date) -> float:
    """When the day begins here, in seconds since 1970."""
    # Not every system can reckon with days so long ago, and nothing was bought then.
    return dt.datetime.combine(day, dt.time.min).timestamp() if day.year > _FIRST_YEAR else 0.0


def _cells(row: Sum) -> tuple[Any, ...]:
    usd, unsure = float(to_usd(row.micros)), float(to_usd(row.unsure_micros))
    return row.name, row.label, usd, row.purchases, row.pictures, unsure


def _table(by: By, rows: Sequence[Sum]) -> list[str]:
    if not rows:
        return []
    cells: list[tuple[str, ...]] = [(by, "cost", "purchases", "pictures")]
    cells += _shown(rows)
    widths = [max(len(line[column]) for line in cells) for column in range(4)]
    return ["", *(_aligned(line, widths) for line in cells)]


def _shown(rows: Sequence[Sum]) -> list[tuple[str, ...]]:
    return [(row.label, dollars(to_usd(row.micros)), str(row.purchases), str(row.pictures)) for row in rows]


def _aligned(line: Sequence[str], widths: Sequence[int]) -> str:
    name, *numbers = line
    return "  ".join(
        [name.ljust(widths[0]), *(one.rjust(width) for one, width in zip(numbers, widths[1:], strict=True))]
    )


def _csv(rows: Iterable[Sequence[Any]]) -> str:
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows(rows)
    return text.getvalue()


def _counted(number: int, what: str) -> str:
    return f"{number} {what}" + ("" if number == 1 else "s")
