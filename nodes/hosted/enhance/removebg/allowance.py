"""How many megapixels remove.bg still takes this minute, as the headers of its answers tell."""

from __future__ import annotations

import time
from collections.abc import Mapping

from ...engine.wire import seconds_of

_A_MINUTE = 60.0


class Allowance:
    """One account's allowance, counted down between answers so that many requests at once stay within it."""

    def __init__(self) -> None:
        self._left: float | None = None
        self._renewed_at = 0.0

    def take(self, megapixels: float) -> float:
        """Seconds to wait before so much may be sent; 0 where it may be now, and it is then counted as sent."""
        wait = self._renewed_at - time.time()
        if self._left is None or wait <= 0:
            self._left = None
            return 0.0
        if megapixels > self._left:
            return wait
        self._left -= megapixels
        return 0.0

    def told(self, headers: Mapping[str, str]) -> None:
        """Learn from an answer. Answers may come out of order, so within a minute only the least counts."""
        left = seconds_of(headers.get("X-RateLimit-Remaining"))
        renewed_at = seconds_of(headers.get("X-RateLimit-Reset"))
        if left is None or renewed_at is None:
            return
        is_same_minute = self._left is not None and renewed_at <= self._renewed_at
        self._left = min(left, self._left) if is_same_minute and self._left is not None else left
        self._renewed_at = min(max(renewed_at, self._renewed_at), time.time() + _A_MINUTE)


def until_renewed(headers: Mapping[str, str]) -> float | None:
    """Seconds until the count begins anew, as an answer tells; never more than the minute that it counts."""
    renewed_at = seconds_of(headers.get("X-RateLimit-Reset"))
    return None if renewed_at is None else min(max(0.0, renewed_at - time.time()), _A_MINUTE)


def megapixels(width: int, height: int) -> float:
    """What a picture counts as."""
    return max(1.0, width * height / 1e6)
