"""How much may be in flight at one provider: narrowed by a throttle, widened again by success."""

from __future__ import annotations

import asyncio
import time
from collections import deque
from typing import Any


class Gate:
    """Additive increase, multiplicative decrease, as TCP does it; ``Retry-After`` closes the gate for everybody.

    Lives on one event loop. First come, first served.
    """

    def __init__(self, width: int) -> None:
        self._most = float(width)
        self._width = float(width)
        self._inside = 0
        self._closed_until = 0.0
        self._waiting: deque[asyncio.Future[None]] = deque()

    @property
    def width(self) -> int:
        """How many may be inside now."""
        return max(1, int(self._width))

    @property
    def closed_for(self) -> float:
        """Seconds that the provider wants to be left alone yet."""
        return max(0.0, self._closed_until - time.monotonic())

    async def enter(self, left: asyncio.Event) -> bool:
        """Wait for a place, and for a throttle to pass; False where ``left`` was set before there was one."""
        place: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.append(place)
        self._admit()
        leaving = asyncio.ensure_future(left.wait())
        first: set[asyncio.Future[Any]] = {place, leaving}
        try:
            await asyncio.wait(first, return_when=asyncio.FIRST_COMPLETED)
        except asyncio.CancelledError:
            self._withdraw(place)
            raise
        finally:
            leaving.cancel()
        if left.is_set():
            self._withdraw(place)
            return False
        return True

    def leave(self) -> None:
        self._inside -= 1
        self._admit()

    def succeeded(self) -> None:
        self._width = min(self._most, self._width + 1.0 / self._width)
        self._admit()

    def throttled(self, retry_after: float | None) -> None:
        """The provider said "too many": halve the width, and let nobody in for ``retry_after`` seconds."""
        self._width = max(1.0, self._width / 2)
        if retry_after:
            self._closed_until = max(self._closed_until, time.monotonic() + retry_after)

    def _withdraw(self, place: asyncio.Future[None]) -> None:
        if place.done():
            self.leave()
        else:
            place.cancel()

    def _admit(self) -> None:
        if self.closed_for:
            asyncio.get_running_loop().call_later(self.closed_for, self._admit)
            return
        while self._waiting and self._inside < self.width:
            place = self._waiting.popleft()
            if not place.cancelled():
                self._inside += 1
                place.set_result(None)
