"""What one running sandbox remembers."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from dataclasses import dataclass, field

from .faults import Faults
from .links import Links
from .log import Log


@dataclass
class State:
    """Settings, rules, account and pictures of one sandbox. Touched from its own event loop only."""

    latency: float = 0.0
    """Seconds that every API call takes at least."""
    job_seconds: float = 1.0
    """How long a queue provider works on a job, those under way included."""
    link_seconds: float = 3600.0
    """How long a picture's link lives."""
    faults: Faults = field(default_factory=Faults)
    log: Log = field(default_factory=Log)
    links: Links = field(default_factory=Links)
    stop_listening: Callable[[float], None] | None = None
    """Refuses connections for so many seconds; set by the listener that owns the socket."""
    _serials: itertools.count[int] = field(default_factory=lambda: itertools.count(1))

    def next_serial(self) -> int:
        """The number drawn on the next picture, so that a second purchase can be told from a first."""
        return next(self._serials)
