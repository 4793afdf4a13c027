"""Published schemas, kept as files: fetched once, and looked at again after a day where they may change."""

from __future__ import annotations

import asyncio
import hashlib
import json
import logging
import time
from collections.abc import Awaitable, Callable
from functools import partial
from pathlib import Path

from ..engine.errors import EaselError
from ..engine.files import write_private
from .published import Published

log = logging.getLogger("easel")

_FRESH = 86_400.0
"""Seconds after which a schema that may have changed is fetched again."""
_under_way: dict[tuple[asyncio.AbstractEventLoop, Path], asyncio.Task[Published]] = {}


async def published(
    folder: Path, place: str, name: str, fetch: Callable[[], Awaitable[Published]], *, may_change: bool
) -> Published:
    """What is published of ``name`` at ``place``: kept from before, or fetched now.

    Many who ask at once (the items of a list) are one question. A kept schema serves on where a newer one cannot be had.
    Raises what ``fetch`` raises where none is kept.
    """
    path = folder / f"{hashlib.sha256(f'{place}|{name}'.encode()).hexdigest()[:32]}.json"
    kept = _read(path)
    if kept is not None and (not may_change or time.time() - path.stat().st_mtime < _FRESH):
        return kept
    # A task belongs to its loop, and the host has a fresh one for every prompt.
    asked = (asyncio.get_running_loop(), path)
    if asked not in _under_way:
        _under_way[asked] = asyncio.ensure_future(_fetched(path, name, kept, fetch))
        _under_way[asked].add_done_callback(partial(_forget, asked))
    # Shielded: others may wait for the same answer.
    return await asyncio.shield(_under_way[asked])


def _forget(asked: tuple[asyncio.AbstractEventLoop, Path], task: asyncio.Task[Published]) -> None:
    del _under_way[asked]
    if not task.cancelled():
        # Everybody who asked may have left: an error that nobody takes would be printed as a defect.
        task.exception()


async def _fetched(
    path: Path, name: str, kept: Published | None, fetch: Callable[[], Awaitable[Published]]
) -> Published:
    try:
        found = await fetch()
    except EaselError as error:
        if kept is None:
            raise
        log.warning("The newest schema of %s could not be had; the kept one is used: %s", name, error)
        return kept
    try:
        await asyncio.to_thread(write_private, path, json.dumps(found.as_json()).encode())
    except OSError as error:
        log.warning("The schema of %s could not be kept and will be fetched again: %s", name, error)
    return found


def _read(path: Path) -> Published | None:
    """A kept schema; None where there is none, or a damaged one, which is fetched anew."""
    try:
        return Published.read(**json.loads(path.read_bytes()))
    except (OSError, ValueError, TypeError):
        return None
