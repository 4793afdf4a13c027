"""Runs the rows at one or several servers at once, a few at a time at each, and writes down what becomes of every one."""

from __future__ import annotations

import re
import threading
import time
import uuid
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import partial
from typing import TypeVar

from .graph import drawn
from .jobs import Job
from .problem import Problem
from .record import Entry, Record, State
from .server import Ended, Refused, Server, Unreachable

T = TypeVar("T")

_SHORTEST, _LONGEST = 0.1, 1.0
"""Seconds between two looks at a server."""
_UNLIKE = re.compile(r"\(request id [^)]*\)|\"[^\"]*\"|\d+")
"""What differs between two rows that fail for the same reason: ids, prompts, numbers."""
_MOST_LOST = 3
"""How often a run that a server has forgotten is posted again."""


@dataclass
class Tally:
    """What happened in this call of the command."""

    done: int = 0
    failed: int = 0
    unknown: int = 0
    """Rows of which nobody knows: their server does not answer."""
    usd: float = 0.0
    errors: dict[str, int] = field(default_factory=dict)
    """Each error with the first row that had it."""


class Runner:
    """``look`` is called with the tally after each row. Every server has a thread of its own."""

    def __init__(
        self,
        servers: list[Server],
        record: Record,
        jobs: Iterator[Job],
        look: Callable[[Tally], None],
        *,
        queue: int,
        patience: float,
        stop_after: int,
    ) -> None:
        self.tally = Tally()
        self.problem: Problem | None = None
        self._servers = servers
        self._record = record
        self._jobs = jobs
        self._look = look
        self._queue = queue
        self._patience = patience
        self._stop_after = stop_after
        self._lock = threading.Lock()
        self._stopping = threading.Event()
        self._over = threading.Event()
        self._at_work = len(servers)
        self._left_at: dict[str, deque[Job]] = {server.url: deque() for server in servers}
        self._in_a_row: tuple[str, int] = ("", 0)
        self._failed_so: set[str] = set()
        self._threads = [threading.Thread(target=self._serve, args=[one], daemon=True) for one in servers]

    def start(self) -> None:
        for thread in self._threads:
            thread.start()

    def stop(self) -> None:
        """Begin nothing more, take back what only waits, and let finish what runs."""
        self._stopping.set()

    def wait(self) -> None:
        """Until every thread is done; may be interrupted and called again."""
        # Not by joining them: some Pythons take a thread for ended whose join was interrupted.
        while not self._over.wait(_LONGEST):
            continue

    def _serve(self, server: Server) -> None:
        try:
            self._serve_to_the_end(server)
        finally:
            with self._lock:
                self._at_work -= 1
                if self._at_work == 0:
                    self._over.set()

    def _serve_to_the_end(self, server: Server) -> None:
        desk = _Desk(server, self._record)
        try:
            while self._fill(desk) or desk.under_way:
                self._one_look(desk)
        except Problem as problem:
            self.problem = problem
            self.stop()
        except Refused as error:
            self.problem = Problem(f"{server.url} refuses to say what became of its rows: {error}")
            self.stop()
        except OSError as error:
            self.problem = Problem(f"{self._record.path} cannot be written: {error.strerror}.")
            self.stop()
        except Unreachable:
            with self._lock:
                self.tally.unknown += len(desk.under_way)
                for job in desk.under_way.values():
                    said = f"{server.url} does not answer any more: the next call asks it what became of its rows."
                    self.tally.errors.setdefault(said, job.row)
                self._look(self.tally)

    def _fill(self, desk: _Desk) -> bool:
        """Post as many runs as may wait here; False where none are left to begin."""
        if self._stopping.is_set():
            self._patiently(desk.take_back)
            return False
        while len(desk.under_way) < self._queue and not self._stopping.is_set():
            job = self._next(desk.server)
            if job is None:
                return False
            try:
                desk.begin(job)
            except Refused as error:
                self._count(desk.end(job, Ended([], str(error)), 0.0))
        return True

    def _one_look(self, desk: _Desk) -> None:
        ended = self._patiently(desk.ended)
        for job, how in ended:
            usd = self._patiently(partial(desk.spent, job))
            self._count(desk.end(job, how, usd))
        desk.pause = _SHORTEST if ended else min(_LONGEST, desk.pause * 1.5)
        if not ended:
            time.sleep(desk.pause)

    def _patiently(self, step: Callable[[], T]) -> T:
        """Try again for a while where the server does not answer: it may be starting anew."""
        until = time.monotonic() + self._patience
        while True:
            try:
                return step()
            except Unreachable:
                if time.monotonic() > until or self._stopping.is_set():
                    raise
                time.sleep(_LONGEST)

    def _next(self, server: Server) -> Job | None:
        """The next row for this server; one that was posted to another before is left to that one."""
        with self._lock:
            if self._left_at[server.url]:
                return self._left_at[server.url].popleft()
            for job in self._jobs:
                before = self._record.of(job.digest)
                if before is None or before.state != "posted" or before.server == server.url:
                    return job
                if before.server in self._left_at:
                    self._left_at[before.server].append(job)
                else:
                    self._leave(job, before.server)
        return None

    def _leave(self, job: Job, url: str) -> None:
        self.tally.unknown += 1
        said = f"It was posted to {url}, which is not among the servers now: add --server {url} to look for it."
        self.tally.errors.setdefault(said, job.row)
        self._look(self.tally)

    def _count(self, entry: Entry) -> None:
        with self._lock:
            if entry.state == "done":
                self.tally.done += 1
                self._in_a_row = ("", 0)
            else:
                self.tally.failed += 1
                alike = _UNLIKE.sub("", entry.error)
                if alike not in self._failed_so:
                    self._failed_so.add(alike)
                    self.tally.errors[entry.error] = entry.row
                before, times = self._in_a_row
                self._in_a_row = (alike, times + 1 if before == alike else 1)
                if self._in_a_row[1] == self._stop_after:
                    self.problem = Problem(f"{self._stop_after} rows in a row failed with: {entry.error}")
                    self.stop()
            self.tally.usd += entry.usd
            self._look(self.tally)


class _Desk:
    """One server and the runs that are under way there."""

    def __init__(self, server: Server, record: Record) -> None:
        self.server = server
        self.under_way: dict[str, Job] = {}
        self.pause = _SHORTEST
        self._record = record
        self._lost: dict[str, int] = {}

    def begin(self, job: Job) -> None:
        """Post a row's run, or go on waiting for one that an earlier call has posted. Raises Refused."""
        before = self._record.of(job.digest)
        if before is not None and before.state == "posted":
            self.under_way[before.run] = job
            return
        run = str(uuid.uuid4())
        draw = (before.draw or before.run) if before is not None else ""
        # Written down first: whatever ends this process, the run can be found again.
        self._record.write(Entry(job.digest, job.row, "posted", self.server.url, run, draw=draw or run))
        self._post(job, run)

    def _post(self, job: Job, run: str) -> None:
        self.under_way[run] = job
        entry = self._record.of(job.digest)
        try:
            self.server.post(drawn(job.graph, entry.draw if entry is not None and entry.draw else run), run)
        except Unreachable:
            # Whether it arrived, the next look tells.
            return

    def ended(self) -> list[tuple[Job, Ended]]:
        """The runs that are over; each stays under way until :meth:`end`, whatever fails in between.

        One that the server has forgotten is posted again: Easel buys nothing twice there.
        """
        over: list[tuple[Job, Ended]] = []
        if not self.under_way:
            return over
        running, waiting = self.server.waiting()
        for run, job in list(self.under_way.items()):
            if run in running or run in waiting:
                continue
            how = self.server.ended(run)
            if how is None:
                over += self._begin_again(run, job)
                continue
            over.append((job, how))
        return over

    def spent(self, job: Job) -> float:
        """US dollars that were charged for a row."""
        entry = self._record.of(job.digest)
        return self.server.spent([entry.run]) if entry is not None and entry.run else 0.0

    def end(self, job: Job, how: Ended, usd: float) -> Entry:
        before = self._record.of(job.digest)
        run, draw = (before.run, before.draw) if before else ("", "")
        state: State = "failed" if how.error else "done"
        entry = Entry(job.digest, job.row, state, self.server.url, run, usd, how.files, how.error, draw)
        self._record.write(entry)
        self.under_way.pop(run, None)
        return entry

    def take_back(self) -> None:
        """Take the runs that only wait out of the server's queue."""
        _, waiting = self.server.waiting()
        mine = [run for run in self.under_way if run in waiting]
        if not mine:
            return
        self.server.withdraw(mine)
        running, _ = self.server.waiting()
        for run in mine:
            if run in running or self.server.ended(run) is not None:
                # It began before it could be taken back.
                continue
            job = self.under_way.pop(run)
            before = self._record.of(job.digest)
            draw = before.draw if before else ""
            self._record.write(Entry(job.digest, job.row, "withdrawn", self.server.url, run, draw=draw))

    def _begin_again(self, run: str, job: Job) -> list[tuple[Job, Ended]]:
        self._lost[job.digest] = self._lost.get(job.digest, 0) + 1
        if self._lost[job.digest] > _MOST_LOST:
            return [(job, Ended([], f"{self.server.url} has lost this run {_MOST_LOST} times."))]
        try:
            # Under the same id: what it was charged before it was lost still counts.
            self._post(job, run)
        except Refused as error:
            return [(job, Ended([], str(error)))]
        return []
