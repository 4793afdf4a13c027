"""Routes for what the user decides once: limits and sandbox mode. Whatever the environment sets, only it can change."""

from __future__ import annotations

import time
from functools import partial
from typing import Any

from aiohttp import web

from .buying import engine
from .engine import budget
from .engine.money import to_usd
from .engine.settings import change, source_of
from .routes_shared import BadRequest, body_of

_SANDBOX = "EASEL_SANDBOX"


async def budgets(_request: web.Request) -> web.StreamResponse:
    """The limits in force, and what is spent of them."""
    from .engine import books
    from .engine.ledger import Ledger

    engine_ = engine()
    realm, now, settings = books.realm_of(engine_), time.time(), engine_.settings()
    limits: dict[str, Any] = {}
    for period in budget.PERIODS:
        began = budget.began(period, now)
        spent = None if period == "run" else await books.ask(engine_, partial(Ledger.spent, realm=realm, since=began))
        limit = getattr(settings.budget, period)
        limits[period] = {
            "usd": None if limit is None else float(limit),
            "spent_usd": None if spent is None else float(to_usd(spent)),
            "from": source_of(engine_.folder, "budget", period),
            "variable": budget.variable_of(period),
        }
    return web.json_response({"sandbox": realm == "sandbox", "limits": limits})


async def set_budgets(request: web.Request) -> web.StreamResponse:
    """Set or take away limits, in settings.json."""
    told = await body_of(request)
    if not told or set(told) - set(budget.PERIODS):
        raise BadRequest(f"The body names the limits to set: {', '.join(budget.PERIODS)}.")
    for period in budget.PERIODS:
        value = told.get(period)
        if value is not None and (
            isinstance(value, bool) or not isinstance(value, (int, float)) or not 0 <= value < 1e9
        ):
            raise BadRequest("A limit is a number of US dollars, or null for none.")
        if period in told and source_of(engine().folder, "budget", period) == "environment":
            raise BadRequest(f"{budget.variable_of(period)} is set in the environment: change it there.", 409)
    wanted = {period: None if value is None else str(value) for period, value in told.items()}
    change(engine().folder, {"budget": wanted})
    return await budgets(request)


async def sandbox_state(_request: web.Request) -> web.StreamResponse:
    """Whether Easel talks to stand-ins just now."""
    return web.json_response({"sandbox": engine().settings().sandbox, "from": source_of(engine().folder, "sandbox")})


async def set_sandbox(request: web.Request) -> web.StreamResponse:
    """Switch sandbox mode on or off, in settings.json."""
    told = await body_of(request)
    if told.keys() != {"sandbox"} or not isinstance(told["sandbox"], bool):
        raise BadRequest('The body is {"sandbox": true} or {"sandbox": false}.')
    if source_of(engine().folder, "sandbox") == "environment":
        raise BadRequest(f"{_SANDBOX} is set in the environment: change it there.", 409)
    change(engine().folder, {"sandbox": told["sandbox"]})
    return await sandbox_state(request)
