"""Which process owns a purchase, and whether it still lives."""

from __future__ import annotations

import functools
import os
import platform
import time

import psutil

LEASE_SECONDS = 20.0
"""How long a silent owner on another machine is believed to live."""
BEAT_SECONDS = 5.0


@functools.lru_cache(maxsize=1)
def this_process() -> str:
    """``host/pid/start``: unlike a bare pid, never the name of another process, even after a reboot."""
    return _name(os.getpid(), psutil.Process().create_time())


def is_alive(owner: str, lease_until: float) -> bool:
    """Whether ``owner`` still works on its purchases: known at once on this machine, by its lease elsewhere."""
    if owner == this_process():
        return True
    host, pid, _ = owner.rsplit("/", 2)
    if host != platform.node():
        return lease_until > time.time()
    try:
        return _name(int(pid), psutil.Process(int(pid)).create_time()) == owner
    except psutil.NoSuchProcess:
        return False


def _name(pid: int, started: float) -> str:
    return f"{platform.node()}/{pid}/{started:.2f}"
