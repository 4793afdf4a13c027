"""PiAPI's unified task API: one call to begin any task of Midjourney's, one to ask for it."""

from __future__ import annotations

import asyncio
import base64
import binascii
import uuid
from dataclasses import replace
from functools import partial
from typing import Any

from aiohttp import web

from .. import uploads
from ..calls import ApiError, Call, serve
from ..state import State
from . import drawing
from .prompts import Wish, read
from .tasks import Task, Tasks, descriptions, follow, follow_in_region
from .wire import GatewayDialect, body_of, problem

_SHAPES = {"square": (1024, 1024), "portrait": (832, 1248), "landscape": (1248, 832)}
_LARGER = {"subtle", "creative", "2x", "4x"}


class PiApiDialect(GatewayDialect):
    """The header x-api-key; errors with a code and a message."""

    header = "x-api-key"

    def prompt(self, body: dict[str, Any]) -> str:
        asked = body.get("input")
        return str(asked.get("prompt") or "") if isinstance(asked, dict) else ""

    def note(self, call: Call) -> None:
        """The kind of task is in the body."""
        super().note(call)
        if call.entry.creates:
            call.entry.operation = str(body_of(call).get("task_type", "task"))

    def said(self, status: int, words: str, headers: dict[str, str] | None = None) -> ApiError:
        return ApiError(status, {"code": status, "message": words, "data": None}, headers)


def mount(app: web.Application, state: State, base: str, tasks: Tasks) -> None:
    """Add its two routes."""
    dialect = PiApiDialect()
    begin, told = partial(_begin, tasks, dialect), partial(_told, tasks, dialect)
    app.router.add_post(f"{base}/task", serve(state, dialect, "task", begin, creates=True))
    app.router.add_get(f"{base}/task/{{task}}", serve(state, dialect, "poll", told, creates=False))


async def _begin(tasks: Tasks, dialect: PiApiDialect, call: Call) -> web.StreamResponse:
    dialect.check_key(call)
    body = body_of(call)
    if wrong := problem("piapi_task_request", body):
        raise dialect.said(400, wrong)
    kind, asked = body["task_type"], body["input"]
    if wrong := problem(f"piapi_{kind}", asked):
        raise dialect.said(400, wrong)
    name = str(uuid.uuid4())
    if kind == "imagine":
        # It writes the ratio of its own field into the prompt.
        prompt = f"{asked['prompt']} --ar {asked.get('aspect_ratio', '1:1')}"
        links = [word for word in prompt.split() if word.startswith("http")]
        pictures = [_behind(call, dialect, link) for link in links if call.state.links.get(link)]
        draw = partial(drawing.imagine, prompts=pictures)
        task = tasks.begin(call, name, kind, "grid", prompt, read(prompt), draw)
    elif kind == "blend":
        pictures = [_behind(call, dialect, link) for link in asked["image_urls"]]
        draw = partial(drawing.blend, pictures=pictures, size=_SHAPES[asked.get("dimension", "square")])
        task = tasks.begin(call, name, kind, "grid", "", Wish("a blend"), draw)
    elif kind == "describe":
        words = await asyncio.to_thread(descriptions, _behind(call, dialect, asked["image_url"]))
        task = tasks.begin(call, name, kind, "words", "", Wish(""))
        task.text = words
    elif kind == "inpaint":
        task = _in_region(tasks, dialect, call, name, asked)
    else:
        task = _carry_on(tasks, dialect, call, name, kind, asked)
    return web.json_response(_told_of(task, call))


def _carry_on(tasks: Tasks, dialect: PiApiDialect, call: Call, name: str, kind: str, asked: dict[str, Any]) -> Task:
    origin = tasks.get(asked["origin_task_id"])
    if origin is None or not origin.data:
        raise dialect.said(400, "origin task not found")
    index = str(asked.get("index", ""))
    what, which = {
        "upscale": ("larger", "4" if index == "4x" else "2") if index in _LARGER else ("pick", index),
        "variation": ("vary", index),
        "reroll": ("reroll", ""),
        "outpaint": ("zoom", asked.get("zoom_ratio", "2")),
        "pan": ("pan", asked.get("direction", "")),
    }[kind]
    of_grid = what in ("pick", "reroll") or (what == "vary" and index.isdecimal())
    if of_grid != (origin.shows == "grid"):
        raise dialect.said(400, f"{kind} {index} cannot be done with this task")
    draw = follow(origin, what, str(which))
    return tasks.begin(call, name, kind, "picture" if kind == "upscale" else "grid", origin.prompt, origin.wish, draw)


def _in_region(tasks: Tasks, dialect: PiApiDialect, call: Call, name: str, asked: dict[str, Any]) -> Task:
    origin = tasks.get(asked["origin_task_id"])
    if origin is None or not origin.data or origin.shows != "picture":
        raise dialect.said(400, "origin task not found, or no single picture")
    try:
        mask = uploads.decode(base64.b64decode(asked["mask"], validate=True))
    except (binascii.Error, uploads.BadPicture) as wrong:
        raise dialect.said(400, f"invalid mask: {wrong}") from wrong
    if mask.size != origin.picture().size:
        raise dialect.said(400, "invalid mask: it has another size than the picture")
    wish = read(asked["prompt"])
    wish = replace(wish, values={**origin.wish.values, **wish.values})
    return tasks.begin(call, name, "inpaint", "grid", asked["prompt"], wish, follow_in_region(origin, mask))


async def _told(tasks: Tasks, dialect: PiApiDialect, call: Call) -> web.StreamResponse:
    dialect.check_key(call)
    task = tasks.get(call.request.match_info["task"])
    if task is None:
        raise dialect.said(404, "task not found")
    return web.json_response(_told_of(task, call))


def _told_of(task: Task, call: Call) -> dict[str, Any]:
    status, failure = "processing", ""
    output: dict[str, Any] = {"progress": round(task.progress * 100)}
    if task.is_done and task.failure:
        status, failure = "failed", task.failure
    elif task.is_done and task.shows == "words":
        status, output = "completed", {"progress": 100, "description": task.text}
    elif task.is_done:
        status, output = "completed", {"progress": 100, "image_url": task.link(call), "image_urls": None}
    error = {"code": 10000 if failure else 0, "raw_message": failure, "message": "task failed" if failure else ""}
    data = {
        "task_id": task.id,
        "model": "midjourney",
        "task_type": task.action,
        "status": status,
        "input": {},
        "output": output,
        "meta": {},
        "logs": [],
        "error": {**error, "detail": None},
    }
    return {"code": 200, "message": "success", "data": data}


def _behind(call: Call, dialect: PiApiDialect, link: str) -> Any:
    """The picture behind one of this sandbox's own links; it asks no other host."""
    stored = call.state.links.get(link) if link.startswith(call.link("/files/")) else None
    if stored is None:
        raise dialect.said(400, "invalid image url")
    try:
        return uploads.decode(stored.data)
    except uploads.BadPicture as wrong:
        raise dialect.said(400, f"invalid image url: {wrong}") from wrong
