"""Routes for purchases under way: which there are, stop one, go on with one that was left behind."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from aiohttp import web

from .buying import engine
from .engine.money import to_usd
from .routes_shared import body_of, refused

if TYPE_CHECKING:
    from .engine.books import Job


async def list_jobs(_request: web.Request) -> web.StreamResponse:
    """Every purchase under way."""
    from .engine import books

    found = await books.jobs(engine())
    return web.json_response({"sandbox": books.realm_of(engine()) == "sandbox", "jobs": [_shown(job) for job in found]})


async def cancel_job(request: web.Request) -> web.StreamResponse:
    """Stop one as pressing stop does."""
    from .engine import books

    await body_of(request)
    try:
        await books.cancel(engine(), request.match_info["id"])
    except books.NoSuchJob as error:
        return refused(409, str(error))
    says = "It is being stopped. If the provider cannot stop it any more, what it makes is kept: the same costs nothing then."
    return web.json_response({"asked": True, "says": says})


async def resume_job(request: web.Request) -> web.StreamResponse:
    """Go on with one that a process left behind."""
    from .engine import books

    await body_of(request)
    try:
        await books.resume(engine(), request.match_info["id"])
    except books.NoSuchJob as error:
        return refused(409, str(error))
    return web.json_response({"resumed": True, "says": "It goes on; when it is done, it is in the history."})


def _shown(job: Job) -> dict[str, Any]:
    bought, progress = job.purchase, job.progress
    provider = engine().providers.get(bought.provider)
    return {
        "id": bought.id,
        "provider": bought.provider,
        "label": provider.account.label if provider else bought.provider,
        "operation": bought.operation,
        "model": bought.model,
        "prompt": str(bought.request.get("prompt", "")),
        "state": bought.state,
        "began": bought.began,
        "elapsed": round(time.time() - bought.began, 1),
        "status": job.status,
        "fraction": progress.fraction if progress else None,
        "queue_position": progress.queue_position if progress else None,
        "usd": None if bought.estimate is None else float(to_usd(bought.estimate)),
        "may_cancel": job.may_cancel,
        "may_resume": job.may_resume,
        "note": job.note,
    }
