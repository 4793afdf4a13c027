"""Midjourney gateways, as of November 2026: there is no public API, so four ways of speaking are stood in for.

- the trueai-org fork of midjourney-proxy; once more under the name that stands for a gateway nobody has named,
- novicezk's midjourney-proxy,
- the task interface of the product brief, under the host that it names,
- PiAPI.

Each knows only its own tasks.
"""

from __future__ import annotations

from aiohttp import web

from ..state import State
from . import brief, piapi, proxy
from .tasks import Tasks

UNNAMED = "/your-midjourney-gateway.example/mj"
TRUEAI = "/trueai-midjourney-proxy.example/mj"
NOVICEZK = "/novicezk-midjourney-proxy.example/mj"
BRIEF = "/api.midjourney.com/v1"
PIAPI = "/api.piapi.ai/api/v1"


def mount(app: web.Application, state: State) -> None:
    """Add the routes of all of them."""
    for base in (UNNAMED, TRUEAI):
        proxy.mount(app, state, base, Tasks(), has_buttons=True)
    proxy.mount(app, state, NOVICEZK, Tasks(), has_buttons=False)
    brief.mount(app, state, BRIEF, Tasks(one_by_one=True))
    piapi.mount(app, state, PIAPI, Tasks())
