"""Which process owns a purchase, and whether it still lives."""

from __future__ import annotations

import functools
import os
import platform
import time
from contextlib import suppress
from pathlib import Path

import psutil

LEASE_SECONDS = 20.0
"""How long a silent owner is believed to live where nothing surer can be known."""
BEAT_SECONDS = 5.0
NOBODY = "nobody/0/0"
"""Owns what was let go: it never lives, so that whoever asks for it goes on with it."""
_PROCESS_SPACE = Path("/proc/self/ns/pid")


@functools.lru_cache(maxsize=1)
def this_process() -> str:
    """``machine/pid/start``: unlike a bare pid, never the name of another process, even after a reboot."""
    return f"{_machine()}/{os.getpid()}/{psutil.Process().create_time():.2f}"


def is_alive(owner: str, lease_until: float) -> bool:
    """Whether ``owner`` still works on its purchases: mostly known at once on this machine, by its lease elsewhere."""
    if owner == this_process():
        return True
    machine, pid, started = owner.rsplit("/", 2)
    if machine == _machine():
        if int(pid) == os.getpid():
            return False
        with suppress(psutil.AccessDenied):
            try:
                process = psutil.Process(int(pid))
                if f"{process.create_time():.2f}" == started:
                    # Killed, and yet to be buried by its parent: in many containers nobody ever does.
                    return process.status() != psutil.STATUS_ZOMBIE
            except psutil.NoSuchProcess:
                return False
    # Another start of the same pid is a stranger, or the same process after the clock was set: its lease tells.
    return lease_until > time.time()


@functools.lru_cache(maxsize=1)
def _machine() -> str:
    """The host and, where there is such a thing, its space of process ids: two containers may share a name."""
    return platform.node() + (str(_PROCESS_SPACE.readlink()) if _PROCESS_SPACE.exists() else "")
