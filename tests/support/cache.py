"""What dev.py sets up once and keeps outside the tree: built whole or not at all, by one process at a time."""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

Step = tuple[str, Callable[[], object]]


class Trouble(Exception):
    """Something the person at the keyboard can act on; its text is all they see."""


def cache_folder() -> Path:
    """Where set-up is kept: EASEL_CACHE, else `easel` in the platform's cache folder."""
    if chosen := os.environ.get("EASEL_CACHE"):
        return Path(chosen).expanduser().resolve()
    if sys.platform == "win32":
        return Path(os.environ.get("LOCALAPPDATA", Path.home() / "AppData/Local")) / "easel" / "Cache"
    if sys.platform == "darwin":
        return Path.home() / "Library/Caches/easel"
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "easel"


CACHE = cache_folder()


def digest(*parts: str | Path) -> str:
    """A short name for what is installed: changes with any part; a path counts by the file's text."""
    texts = [part.read_text(encoding="utf-8") if isinstance(part, Path) else part for part in parts]
    return hashlib.sha256("\0".join(texts).encode()).hexdigest()[:12]


@dataclass(frozen=True)
class Part:
    """Something in the cache: made by its steps in order, marked as made when the last has ended.

    A virtual environment breaks when moved, so a part is built in its final place and the marker is written last: a
    folder without one is half-made and wiped. A `layer` goes on top of another part's folder: redone, not wiped, when
    its stamp changes, so new requirements never download torch again.
    """

    folder: Path
    steps: Sequence[Step]
    stamp: str = ""
    layer: str = field(default="", kw_only=True)

    @property
    def marker(self) -> Path:
        return self.folder / f".ready{self.layer and '-' + self.layer}"

    def is_ready(self) -> bool:
        return self.marker.exists() and self.marker.read_text(encoding="utf-8") == self.stamp

    def clear(self) -> None:
        """Take away what cannot be relied on, before the steps and after one of them failed."""
        self.marker.unlink(missing_ok=True)
        if not self.layer and self.folder.exists():
            shutil.rmtree(self.folder)


def make_ready(*parts: Part) -> None:
    """Build what is missing, showing which step runs and for how long. One process at a time: others wait here."""
    CACHE.mkdir(parents=True, exist_ok=True)
    with locked(CACHE / "lock"):
        missing = []
        for part in parts:
            if not part.is_ready():
                part.clear()
                missing.append(part)
        number, total = 0, sum(len(part.steps) for part in missing)
        for part in missing:
            part.folder.mkdir(parents=True, exist_ok=True)
            try:
                for title, action in part.steps:
                    number += 1
                    with progress(f"[{number}/{total}] {title}"):
                        action()
            except BaseException:
                part.clear()
                raise
            part.marker.write_text(part.stamp, encoding="utf-8")


@contextmanager
def locked(path: Path) -> Iterator[None]:
    """Hold a lock file; the system frees it when this process ends, however it ends."""
    with path.open("a") as handle:
        if not try_lock(handle.fileno()):
            print("another dev.py is setting up; waiting for it", flush=True)
            while not try_lock(handle.fileno()):
                time.sleep(0.5)
        yield


def try_lock(handle: int) -> bool:
    """Take the lock if nobody holds it."""
    try:
        if sys.platform == "win32":
            import msvcrt

            msvcrt.locking(handle, msvcrt.LK_NBLCK, 1)
        else:
            import fcntl

            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    return True


@contextmanager
def progress(title: str) -> Iterator[None]:
    """Show a step and its elapsed time: a living line on a terminal, a plain one elsewhere."""
    start, done, living = time.monotonic(), threading.Event(), sys.stdout.isatty()

    def show(end: str = "") -> None:
        print(f"\r{title} ... {time.monotonic() - start:.0f} s", end=end, flush=True)

    def tick() -> None:
        while not done.wait(1):
            show()

    ticker = threading.Thread(target=tick, daemon=True)
    if living:
        ticker.start()
    else:
        print(f"{title} ...", end="", flush=True)
    try:
        yield
    finally:
        done.set()
        if living:
            ticker.join()
            show("\n")
        else:
            print(f" {time.monotonic() - start:.0f} s", flush=True)


def quietly(command: Sequence[str | Path], blame: Callable[[str], str], cwd: Path | None = None) -> None:
    """Run a tool, its output kept in a log; a failure is told in one sentence, in the words of `blame`."""
    result = subprocess.run(
        command,
        check=False,
        cwd=cwd,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    if result.returncode:
        log = CACHE / "last-failure.log"
        log.write_text(result.stdout, encoding="utf-8")
        raise Trouble(f"{blame(result.stdout)}. Nothing half-made was left; the whole output is in {log}")
