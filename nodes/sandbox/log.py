"""What was asked of the sandbox and what it charged: the account that tests and users read."""

from __future__ import annotations

import hashlib
import json
import time
from collections import deque
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

KEPT = 5000
PROMPT_KEPT = 2000


@dataclass
class Entry:
    """One request. Money in US dollars, sizes in bytes, times in seconds."""

    id: int
    time: float
    method: str
    path: str
    provider: str
    operation: str
    creates: bool
    """Whether such a call buys something (a poll, a download or a moderation does not)."""
    key: str | None = None
    """Fingerprint of the key; the key itself is never kept."""
    model: str = ""
    prompt: str = ""
    n: int = 1
    size: str = ""
    submission: bool = False
    """A buying call whose body was read to its end."""
    accepted: bool = False
    """The provider took the job on."""
    charged_usd: float = 0.0
    status: int = 0
    """0 while under way and where the connection was cut."""
    request_id: str = ""
    faults: list[str] = field(default_factory=list)
    bytes_in: int = 0
    bytes_out: int = 0
    in_flight: int = 0
    """API calls under way when this one began, itself included."""
    seconds: float = 0.0


def fingerprint(key: str | None) -> str | None:
    """A short name for a key from which the key cannot be had."""
    return hashlib.sha256(key.encode()).hexdigest()[:12] if key else None


class Log:
    """The last requests in memory, and totals since the last clear.

    With a file, each entry is also written there as JSON lines: once with `event` "received" when its body
    was read, so that a killed process leaves a trace, and once with "answered".
    """

    def __init__(self, file: Path | None = None) -> None:
        self._file = file
        self._entries: deque[Entry] = deque(maxlen=KEPT)
        self._in_flight = 0
        self._last_id = 0
        self._reset()

    def _reset(self) -> None:
        self._entries.clear()
        self._submissions = 0
        self._charged_submissions = 0
        self._charged_usd = 0.0
        self._max_in_flight = self._in_flight

    def clear(self) -> None:
        """Forget all entries and totals; the file is left as it is."""
        self._reset()

    def open(self, method: str, path: str, provider: str, operation: str, *, creates: bool, key: str | None) -> Entry:
        """Begin the account of one request."""
        self._in_flight += 1
        self._last_id += 1
        self._max_in_flight = max(self._max_in_flight, self._in_flight)
        entry = Entry(
            id=self._last_id,
            time=time.time(),
            method=method,
            path=path,
            provider=provider,
            operation=operation,
            creates=creates,
            key=fingerprint(key),
            in_flight=self._in_flight,
        )
        self._entries.append(entry)
        return entry

    def received(self, entry: Entry) -> None:
        """The body of this request was read to its end."""
        entry.submission = entry.creates
        self._submissions += entry.submission
        self._write("received", entry)

    def charge(self, entry: Entry, usd: float) -> None:
        """The job of this request was taken on and costs this much."""
        self._charged_submissions += entry.creates and not entry.charged_usd and usd > 0
        self._charged_usd += usd
        entry.charged_usd = round(entry.charged_usd + usd, 6)
        entry.accepted = True

    def close(self, entry: Entry) -> None:
        """The request is over."""
        self._in_flight -= 1
        entry.seconds = round(time.time() - entry.time, 4)
        self._write("answered", entry)

    def report(self) -> dict[str, Any]:
        """Everything, as the JSON of GET /sandbox/log."""
        return {
            "requests": [asdict(entry) for entry in list(self._entries)],
            "submissions": self._submissions,
            "charged_submissions": self._charged_submissions,
            "charged_usd": round(self._charged_usd, 6),
            "in_flight": self._in_flight,
            "max_in_flight": self._max_in_flight,
        }

    def _write(self, event: str, entry: Entry) -> None:
        if self._file is None:
            return
        with self._file.open("a", encoding="utf-8") as file:
            file.write(json.dumps({"event": event, **asdict(entry)}, ensure_ascii=False) + "\n")
