"""What became of each row, in a file beside the table: a run that was cut short goes on where it stopped."""

from __future__ import annotations

import json
import os
import threading
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Literal

from filelock import FileLock, Timeout

from .problem import Problem

State = Literal["posted", "done", "failed", "withdrawn"]


@dataclass(frozen=True)
class Entry:
    """The last that is known of a row."""

    digest: str
    """Of the graph that was run for it."""
    row: int
    state: State
    server: str = ""
    run: str = ""
    """The id that the server knows the run by; chosen here, so that it is written down before it is posted."""
    usd: float = 0.0
    files: list[str] = field(default_factory=list)
    error: str = ""
    draw: str = ""
    """What seeds of -1 are drawn from: the same however often the row is run, so that what it has bought stays bought."""


class Record:
    """The file; one JSON line for everything that happens. For any thread."""

    def __init__(self, path: Path, *, anew: bool = False) -> None:
        """``anew`` forgets what is in the file, once the first row is written: until then nothing was begun."""
        self.path = path
        self._lock = threading.Lock()
        self._last: dict[str, Entry] = {}
        self._forgets = anew
        self._alone = self._taken_alone()
        try:
            # A process that was killed may have left half a letter.
            self._file = path.open("a+", encoding="utf-8", errors="replace")
        except OSError as error:
            self._alone.release()
            raise Problem(f"{path} cannot be written: {error.strerror}. It keeps what became of each row.") from None
        if anew:
            return
        self._file.seek(0)
        line = "\n"
        for line in self._file:
            self._remember(line)
        if not line.endswith("\n"):
            # What a process that was killed wrote last must not swallow what comes now.
            self._file.write("\n")

    def of(self, digest: str) -> Entry | None:
        return self._last.get(digest)

    def is_done(self, digest: str) -> bool:
        entry = self._last.get(digest)
        return entry is not None and entry.state == "done"

    def write(self, entry: Entry) -> None:
        """On disk before anything else happens."""
        with self._lock:
            if self._forgets:
                self._file.truncate(0)
                self._forgets = False
            self._last[entry.digest] = entry
            self._file.write(json.dumps(asdict(entry), ensure_ascii=False) + "\n")
            self._file.flush()
            os.fsync(self._file.fileno())

    def close(self) -> None:
        self._file.close()
        self._alone.release()

    def _remember(self, line: str) -> None:
        try:
            entry = Entry(**json.loads(line))
        except (ValueError, TypeError):
            # The last line of a process that was killed while it wrote: what it said is looked up at the server.
            return
        self._last[entry.digest] = entry

    def _taken_alone(self) -> FileLock:
        """Two runs over one table would run each row twice."""
        alone = FileLock(self.path.with_name(f".{self.path.name}.lock"))
        try:
            alone.acquire(timeout=0)
        except Timeout:
            raise Problem(f"Another run works on this table (it holds {self.path}). Wait for it, or stop it.") from None
        except OSError as error:
            raise Problem(f"The table's folder cannot be written: {error.strerror}.") from None
        return alone


def path_beside(table: Path) -> Path:
    return table.with_name(f"{table.name}.easel.jsonl")
