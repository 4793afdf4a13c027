"""Purchases under way in this process, and who waits for each."""

from __future__ import annotations

import asyncio
import concurrent.futures
import threading
import time
from collections.abc import Callable, Coroutine
from dataclasses import replace
from functools import partial
from typing import Any

from .errors import Stopped
from .loop import LoopThread
from .outcome import Outcome
from .provider import Progress


class CalledOff(Stopped):
    """Somebody stopped this very purchase, for all who wait for it."""


class Ticket:
    """One purchase under way: where it tells how far it is, and hears that nobody wants it any more."""

    future: concurrent.futures.Future[Outcome]

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self.stop = asyncio.Event()
        self.waiters = 0
        self.is_called_off = False
        self.follows: Ticket | None = None
        """The purchase at another account whose end this one waits for."""
        self._loop = loop
        self._began = time.monotonic()
        self._progress = Progress("starting")

    @property
    def progress(self) -> Progress:
        """The last report, with the time that has passed until now."""
        return replace(self._progress, elapsed=time.monotonic() - self._began)

    def waits_for(self, other: Ticket) -> bool:
        """Whether this is ``other``, or follows it: at once, or by what it follows."""
        return self is other or (self.follows is not None and self.follows.waits_for(other))

    def report(self, progress: Progress) -> None:
        self._progress = progress

    def watched(self) -> Progress:
        """The progress, for somebody who waits. Raises :class:`CalledOff` once nobody should."""
        if self.is_called_off:
            raise CalledOff(
                "This was stopped in Easel's panel. If the provider had begun it and cannot stop it, what it makes is kept."
            )
        return self.progress

    def call_off(self) -> None:
        """From any thread: everybody who waits shall leave, and the purchase be stopped where it can be."""
        self.is_called_off = True
        self.unwanted()

    def unwanted(self) -> None:
        """From any thread: the last who waited has left on purpose."""
        self._loop.call_soon_threadsafe(self.stop.set)

    def wanted_again(self) -> None:
        """From any thread: somebody came before :meth:`unwanted` had its effect."""
        self.is_called_off = False
        self._loop.call_soon_threadsafe(self.stop.clear)


class Tickets:
    """At most one ticket a fingerprint. For any thread."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._open: dict[str, Ticket] = {}

    def __len__(self) -> int:
        return len(self._open)

    def find(self, fingerprint: str) -> Ticket | None:
        """The ticket of a purchase that is under way."""
        with self._lock:
            ticket = self._open.get(fingerprint)
        return ticket if ticket is not None and not ticket.future.done() else None

    def join(
        self, fingerprint: str, thread: LoopThread, work: Callable[[Ticket], Coroutine[Any, Any, Outcome]]
    ) -> tuple[Ticket, bool]:
        """Wait for the purchase of ``fingerprint``; starts ``work`` (and says True) where none is under way."""
        with self._lock:
            ticket, is_new = self._find_or_start(fingerprint, thread, work)
            if ticket.waiters == 0 and not is_new:
                ticket.wanted_again()
            ticket.waiters += 1
        self._forget_when_done(fingerprint, ticket, is_new)
        return ticket, is_new

    def start(
        self, fingerprint: str, thread: LoopThread, work: Callable[[Ticket], Coroutine[Any, Any, Outcome]]
    ) -> Ticket | None:
        """Start ``work`` with nobody waiting for it; None where the purchase is under way already."""
        with self._lock:
            ticket, is_new = self._find_or_start(fingerprint, thread, work)
        self._forget_when_done(fingerprint, ticket, is_new)
        return ticket if is_new else None

    def leave(self, ticket: Ticket, *, on_purpose: bool) -> None:
        """Wait no longer; the last who leaves ``on_purpose`` stops the purchase where it can be stopped."""
        with self._lock:
            ticket.waiters -= 1
            if ticket.waiters == 0 and on_purpose and not ticket.future.done():
                ticket.unwanted()

    def _find_or_start(
        self, fingerprint: str, thread: LoopThread, work: Callable[[Ticket], Coroutine[Any, Any, Outcome]]
    ) -> tuple[Ticket, bool]:
        ticket = self._open.get(fingerprint)
        if ticket is not None and not ticket.future.done():
            return ticket, False
        ticket = Ticket(thread.loop)
        ticket.future = thread.submit(work(ticket))
        self._open[fingerprint] = ticket
        return ticket, True

    def _forget_when_done(self, fingerprint: str, ticket: Ticket, is_new: bool) -> None:
        # Never under the lock: a future that is done by now calls back at once, in this very thread.
        if is_new:
            ticket.future.add_done_callback(partial(self._forget, fingerprint, ticket))

    def _forget(self, fingerprint: str, ticket: Ticket, _future: concurrent.futures.Future[Outcome]) -> None:
        with self._lock:
            if self._open.get(fingerprint) is ticket:
                del self._open[fingerprint]
