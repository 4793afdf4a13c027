"""Routes that read the books: spending, history with its pictures, and the prompts that were bought for."""

from __future__ import annotations

import asyncio
import re
from typing import TYPE_CHECKING, Any

from aiohttp import web

from ..pictures import NotAPicture
from . import buying
from .buying import engine
from .engine.money import to_usd
from .routes_shared import BadRequest, body_of
from .thumbnails import thumbnail

if TYPE_CHECKING:
    from .engine.ledger import Entry
    from .engine.spending import Report

_DIGEST = re.compile(r"[0-9a-f]{64}")
_SIDES = (32, 1024)
_MOST_ENTRIES = 200
_USUAL_ENTRIES = 50
_SHOWN = ("image/png", "image/jpeg", "image/webp", "image/avif", "image/gif")
"""What a browser shows and never runs."""
_HEADERS = {
    "X-Content-Type-Options": "nosniff",
    "Content-Security-Policy": "default-src 'none'; sandbox",
    # A digest never names other bytes.
    "Cache-Control": "private, max-age=31536000, immutable",
}


async def spending(request: web.Request) -> web.StreamResponse:
    """What was charged, by day, provider, model or workflow."""
    return web.json_response((await _report(request)).as_json())


async def spending_csv(request: web.Request) -> web.StreamResponse:
    """The same as a table; every line of the ledger where ``by`` is not given."""
    from .engine import books, spending

    if "by" in request.query:
        text = (await _report(request)).as_csv()
    else:
        realm, since = books.realm_of(engine()), spending.day_of(request.query.get("since", ""))
        text = await books.ask(engine(), lambda ledger: "".join(spending.lines_csv(ledger, realm, since)))
    headers = {"Content-Disposition": 'attachment; filename="easel-spending.csv"', "X-Content-Type-Options": "nosniff"}
    return web.Response(text=text, content_type="text/csv", headers=headers)


async def spending_of_runs(request: web.Request) -> web.StreamResponse:
    """What was charged in the runs of the body's ``runs``, by the ids that the host gave them."""
    from .engine import books

    runs = (await body_of(request)).get("runs")
    if not isinstance(runs, list) or not all(isinstance(run, str) for run in runs):
        raise BadRequest("runs is a list of the ids of runs.")
    realm = books.realm_of(engine())
    one = await books.ask(engine(), lambda ledger: ledger.of_runs(realm, runs))
    told = {"usd": float(to_usd(one.micros)), "purchases": one.purchases, "pictures": one.pictures}
    return web.json_response({"sandbox": realm == "sandbox", **told})


async def history(request: web.Request) -> web.StreamResponse:
    """What was bought last, newest first."""
    from .engine import books

    limit = int(_number(request, "limit", _USUAL_ENTRIES, 1, _MOST_ENTRIES))
    before = _number(request, "before", 0, 0, float("inf")) or None
    realm = books.realm_of(engine())
    entries = await books.ask(engine(), lambda ledger: ledger.history(realm, limit, before))
    return web.json_response({"sandbox": realm == "sandbox", "purchases": [_shown(entry) for entry in entries]})


async def picture(request: web.Request) -> web.StreamResponse:
    """A picture of the store, or a small one of it."""
    from .engine import books

    digest = _digest(request)
    side = int(_number(request, "side", 0, *_SIDES)) if "side" in request.query else 0
    realm = books.realm_of(engine())
    known = await books.ask(engine(), lambda ledger: ledger.picture(realm, digest))
    data = (
        None
        if known is None
        else await engine().look_up(lambda tools: asyncio.to_thread(tools.store.get, realm, digest))
    )
    if known is None or data is None:
        raise BadRequest("Easel's store has no such picture.", 404)
    if not side and known.media_type in _SHOWN:
        return web.Response(body=data, content_type=known.media_type, headers=_HEADERS)
    try:
        small = await asyncio.to_thread(thumbnail, data, side or _SIDES[1])
    except NotAPicture as error:
        raise BadRequest(str(error), 404) from None
    return web.Response(body=small, content_type="image/webp", headers=_HEADERS)


async def workflow(request: web.Request) -> web.StreamResponse:
    """A prompt that something was bought for, in API format."""
    from .engine import books

    digest = _digest(request)
    graph = await books.ask(engine(), lambda ledger: ledger.graph(digest))
    if graph is None:
        raise BadRequest("This workflow was not kept.", 404)
    return web.json_response({"prompt": graph})


async def _report(request: web.Request) -> Report:
    from .engine.spending import day_of

    return await buying.spending(request.query.get("by", "day"), day_of(request.query.get("since", "")))


def _shown(entry: Entry) -> dict[str, Any]:
    bought = entry.purchase
    provider = engine().providers.get(bought.provider)
    return {
        "id": bought.id,
        "at": bought.began,
        "provider": bought.provider,
        "label": provider.account.label if provider else bought.provider,
        "operation": bought.operation,
        "model": bought.model,
        "asked_model": bought.asked_model,
        "prompt": str(bought.request.get("prompt", "")),
        "seed": bought.result.get("seed"),
        "usd": None if bought.cost is None else float(to_usd(bought.cost)),
        "cost_source": bought.cost_source,
        "workflow": bought.workflow,
        "has_workflow": entry.has_workflow,
        "pictures": [
            {"digest": one.digest, "width": one.width, "height": one.height, "media_type": one.media_type}
            for one in entry.pictures
        ],
    }


def _digest(request: web.Request) -> str:
    digest = request.match_info["digest"]
    if not _DIGEST.fullmatch(digest):
        raise BadRequest("A digest is 64 of the letters 0-9 and a-f.", 404)
    return digest


def _number(request: web.Request, name: str, usual: float, least: float, most: float) -> float:
    """A number of the query, brought within its range."""
    try:
        value = float(request.query.get(name, usual))
    except ValueError:
        value = float("nan")
    if value != value:
        raise BadRequest(f"{name} must be a number.")
    return min(max(value, least), most)
