"""The task interface of the product brief: imagine, upscale, and a task to ask for. It gives four pictures, not a grid."""

from __future__ import annotations

import uuid
from functools import partial

from aiohttp import web

from .. import painter
from ..calls import Call, serve
from ..state import State
from . import drawing
from .prompts import read
from .tasks import Task, Tasks, follow
from .wire import GatewayDialect, body_of, problem


def mount(app: web.Application, state: State, base: str, tasks: Tasks) -> None:
    """Add its routes."""
    dialect = GatewayDialect()
    for path, handler in (("imagine", _imagine), ("upscale", _upscale)):
        work = partial(handler, tasks, dialect)
        app.router.add_post(f"{base}/{path}", serve(state, dialect, path, work, creates=True))
    told = partial(_told, tasks, dialect)
    app.router.add_get(f"{base}/tasks/{{task}}", serve(state, dialect, "poll", told, creates=False))


async def _imagine(tasks: Tasks, dialect: GatewayDialect, call: Call) -> web.StreamResponse:
    dialect.check_key(call)
    body = body_of(call)
    if wrong := problem("brief_imagine_request", body):
        raise dialect.said(400, wrong)
    task = tasks.begin(
        call, str(uuid.uuid4()), "IMAGINE", "grid", body["prompt"], read(body["prompt"]),
        lambda brush: drawing.imagine(brush, []),
    )  # fmt: skip
    return web.json_response({"task_id": task.id})


async def _upscale(tasks: Tasks, dialect: GatewayDialect, call: Call) -> web.StreamResponse:
    dialect.check_key(call)
    body = body_of(call)
    if wrong := problem("brief_upscale_request", body):
        raise dialect.said(400, wrong)
    origin = tasks.get(body["task_id"])
    if origin is None or not origin.data:
        raise dialect.said(400, "unknown task")
    draw = follow(origin, "pick", str(body["index"]))
    task = tasks.begin(call, str(uuid.uuid4()), "UPSCALE", "picture", origin.prompt, origin.wish, draw)
    return web.json_response({"task_id": task.id})


async def _told(tasks: Tasks, dialect: GatewayDialect, call: Call) -> web.StreamResponse:
    dialect.check_key(call)
    task = tasks.get(call.request.match_info["task"])
    if task is None:
        raise dialect.said(404, "task not found")
    return web.json_response(_status(task, call))


def _status(task: Task, call: Call) -> dict[str, object]:
    if not task.is_done:
        return {"status": "processing", "images": [], "error": None}
    if task.failure:
        return {"status": "failed", "images": [], "error": task.failure}
    return {"status": "completed", "images": task.links(call, partial(_parts, task)), "error": None}


def _parts(task: Task, data: bytes) -> list[bytes]:
    """The four pictures of a grid, but for those that a filter holds back; what is no picture stays whole."""
    if task.shows != "grid" or task.fault.kind in ("half_picture", "too_many_pixels"):
        return [data]
    held_back = task.fault.count if task.fault.kind == "refuse_some" else 0
    grid = task.picture()
    return [painter.encode(drawing.cell_of(grid, number)) for number in range(1, 5 - held_back)]
