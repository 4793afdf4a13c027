"""What is to be run: a graph for every row that is not done yet."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from .graph import Target, Workflow, digest_of
from .record import Record
from .server import Server
from .table import Table

_MERGED = 25
_MOST_PRICED = 2000
"""Rows that are asked about; a longer table is reckoned from these."""


@dataclass(frozen=True)
class Job:
    """One row's run."""

    row: int
    digest: str
    graph: Mapping[str, Any]


@dataclass(frozen=True)
class Price:
    """What the rows will cost in US dollars."""

    usd: float
    kept_usd: float
    is_floor: bool
    """Whether more may come: a price that nobody knows, a number of pictures that only the run tells."""
    notes: list[str]


@dataclass(frozen=True)
class Plan:
    """A workflow, a table, and the column that each input takes."""

    workflow: Workflow
    table: Table
    targets: Mapping[Target, str]

    def jobs(self) -> Iterator[Job]:
        """Every row's run, one at a time. Raises Problem for a cell that does not fit."""
        for number, row in self.table.rows():
            graph = self.workflow.filled(row, self.targets, number)
            yield Job(number, digest_of(graph), graph)

    def left(self, record: Record) -> Iterator[Job]:
        """The runs that are not done, each graph once."""
        seen: set[str] = set()
        for job in self.jobs():
            if job.digest not in seen and not record.is_done(job.digest):
                seen.add(job.digest)
                yield job


def price(server: Server, jobs: Iterable[Job], total: int) -> Price:
    """What ``jobs``, ``total`` of them, will cost as the server's own estimate; rows with the same request pay once."""
    asked, usd, kept, is_floor = 0, 0.0, 0.0, False
    notes: dict[str, None] = {}
    for group in _grouped(itertools.islice(jobs, _MOST_PRICED)):
        told = server.price(_merged(group))
        asked += len(group)
        usd += told["usd"] or 0.0
        kept += told["kept_usd"]
        is_floor |= told["at_least"]
        notes |= {
            f"{_row(node, group)}: {one['note']}": None for node, one in told["nodes"].items() if one["usd"] is None
        }
    if 0 < asked < total:
        usd, kept = usd * total / asked, kept * total / asked
        notes[f"Reckoned from the first {asked} rows."] = None
    return Price(usd, kept, is_floor, list(notes))


def _grouped(jobs: Iterator[Job]) -> Iterator[list[Job]]:
    while group := list(itertools.islice(jobs, _MERGED)):
        yield group


def _merged(group: list[Job]) -> dict[str, Any]:
    """Several rows as one graph, so that what two of them share is priced once."""
    return {
        f"{job.row}/{name}": {**node, "inputs": {key: _link(value, job.row) for key, value in node["inputs"].items()}}
        for job in group
        for name, node in job.graph.items()
    }


def _link(value: Any, row: int) -> Any:
    is_link = isinstance(value, list) and len(value) == 2 and isinstance(value[1], int)
    return [f"{row}/{value[0]}", value[1]] if is_link else value


def _row(node: str, group: list[Job]) -> str:
    row, _, name = node.partition("/")
    return f"row {row}, node {name}"
