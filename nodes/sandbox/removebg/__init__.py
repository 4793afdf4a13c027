"""remove.bg's one call: a form with a picture in, the cut-out back. After its OpenAPI 1.0.0."""

from __future__ import annotations

from aiohttp import web

from ..calls import serve
from ..state import State
from .cutouts import deliver
from .wire import RemoveBgDialect

BASE = "/api.remove.bg/v1.0"


def mount(app: web.Application, state: State) -> None:
    """Add the route."""
    call = serve(state, RemoveBgDialect(), "remove_background", deliver, creates=True)
    app.router.add_post(f"{BASE}/removebg", call)
