"""fal.ai, as of November 2026: the queue, the synchronous calls, storage, prices and schemas.

Its hosts lie side by side: `queue.fal.run`, `fal.run`, `rest.fal.ai`, `v3.fal.media`, `api.fal.ai` and `fal.ai`.
"""

from __future__ import annotations

from aiohttp import web

from ..state import State
from . import catalogue, queue, storage


def mount(app: web.Application, state: State) -> None:
    """Add the routes of every host."""
    kept = storage.Storage()
    queue.mount(app, state, kept)
    storage.mount(app, state, kept)
    catalogue.mount(app, state)
