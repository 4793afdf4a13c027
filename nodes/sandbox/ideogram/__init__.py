"""Ideogram's three APIs, as of November 2026: legacy and v1 answer with pictures, v2 also takes jobs that are polled.

Ideogram publishes no day on which legacy ends. Here its answers bear a Deprecation header, so that what one does can be seen.
"""

from __future__ import annotations

from functools import partial

from aiohttp import web

from ..calls import serve
from ..state import State
from . import generations
from .models import ENDPOINTS
from .wire import IdeogramDialect

BASE = "/api.ideogram.ai"


def mount(app: web.Application, state: State) -> None:
    """Add a route for every endpoint, and the polls."""
    dialect = IdeogramDialect()
    desk = generations.Desk()
    for path, endpoint in ENDPOINTS.items():
        handler = partial(generations.create, desk, path)
        app.router.add_post(f"{BASE}/{path}", serve(state, dialect, endpoint.operation, handler, creates=True))
    told = partial(generations.told, desk)
    app.router.add_get(f"{BASE}/v2/generations/{{name}}", serve(state, dialect, "poll", told, creates=False))
