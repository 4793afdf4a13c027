"""BFL's FLUX calls, as of November 2026: a POST that begins a task, and the polling URL that it names.

As the real one does, it hands every task to a region: only the polling URL finds it again.
"""

from __future__ import annotations

from functools import partial

from aiohttp import web

from ..calls import serve
from ..state import State
from . import tasks
from .models import MODELS
from .wire import BflDialect

BASE = "/api.bfl.ai/v1"


def mount(app: web.Application, state: State) -> None:
    """Add a route for every model, and the polls."""
    dialect = BflDialect()
    running = tasks.Tasks()
    for path, model in MODELS.items():
        handler = partial(tasks.begin, running, path)
        app.router.add_post(f"{BASE}/{path}", serve(state, dialect, model.operation, handler, creates=True))
    app.router.add_get(f"{BASE}/credits", serve(state, dialect, "credits", tasks.credits_left, creates=False))
    for base, found in ((BASE, tasks.Tasks()), (tasks.REGION, running)):
        handler = partial(tasks.told, found)
        app.router.add_get(f"{base}/get_result", serve(state, dialect, tasks.POLL, handler, creates=False))
