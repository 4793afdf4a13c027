"""The tasks under way: begun by a submission, told by polls until their time has come."""

from __future__ import annotations

import asyncio
import re
import time
import uuid
from collections import OrderedDict
from dataclasses import dataclass
from typing import Any

from aiohttp import web

from .. import spoil
from ..calls import Call
from ..faults import Rule
from ..links import Stored
from ..state import State
from .models import MODELS
from .orders import FluxOrder, order_of
from .wire import body_of, check_key, check_spec, error

REGION = "/api.us1.bfl.ai/v1"
"""Where polling URLs point: another host than the one that takes submissions."""
POLL = "poll"
KEPT = 1000
LINK_SECONDS = 600.0
CREDIT_USD = 0.01
CREDITS = 1234.5

FORBIDDEN = re.compile(r"\bforbidden\b", re.IGNORECASE)
"""The input filter always refuses a prompt with this word, so that a refusal can be tried out."""


@dataclass
class Task:
    """One accepted submission on its way."""

    path: str
    began: float
    state: State
    outcome: str
    """The status that it ends in."""
    fault: Rule
    order: FluxOrder
    picture: asyncio.Task[bytes] | None
    url: str = ""
    """The link to the picture, once it was asked for."""

    @property
    def seconds(self) -> float:
        """How long it takes; a change of the setting is felt by tasks under way."""
        return self.state.job_seconds

    @property
    def progress(self) -> float:
        """0-1."""
        return 1.0 if self.seconds <= 0 else min(1.0, (time.time() - self.began) / self.seconds)

    @property
    def is_done(self) -> bool:
        return self.progress >= 1.0 and (self.picture is None or self.picture.done())


class Tasks:
    """The newest tasks, by id."""

    def __init__(self) -> None:
        self._tasks: OrderedDict[str, Task] = OrderedDict()

    def add(self, task: Task) -> str:
        """Keep a task and return its id."""
        name = str(uuid.uuid4())
        self._tasks[name] = task
        if len(self._tasks) > KEPT:
            self._tasks.popitem(last=False)
        return name

    def get(self, name: str) -> Task | None:
        """The task of that id."""
        return self._tasks.get(name)

    def active(self, path: str) -> int:
        """How many tasks of a model are under way."""
        return sum(task.path == path and not task.is_done for task in self._tasks.values())


async def begin(tasks: Tasks, path: str, call: Call) -> web.StreamResponse:
    """Take on a submission; a task that will be moderated costs nothing."""
    check_key(call)
    body = body_of(call)
    check_spec(path, body)
    order = order_of(path, body, call)
    limit = MODELS[path].active
    if tasks.active(path) >= limit:
        raise error(429, f"You have more than {limit} active tasks. Please wait for them to finish.")
    call.entry.size = f"{order.size[0]}x{order.size[1]}"
    if order.pictures and call.entry.operation == "generate":
        call.entry.operation = "edit"
    outcome = _outcome(call.fault, order)
    if outcome in ("Ready", "Error"):
        call.charge(order.usd)
    call.entry.accepted = True
    task = Task(path, time.time(), call.state, outcome, call.fault, order, None)
    if outcome == "Ready":
        task.picture = asyncio.create_task(_drawn(call, task))
    name = tasks.add(task)
    call.entry.request_id = name
    url = call.request.url.origin().with_path(f"{REGION}/get_result").with_query(id=name)
    sent = sum(picture.width * picture.height for picture in order.pictures) / 1e6
    return web.json_response(
        {
            "id": name,
            "polling_url": str(url),
            "cost": round(order.usd / CREDIT_USD, 4),
            "input_mp": round(sent, 2),
            "output_mp": round(order.size[0] * order.size[1] / 1e6, 2),
        }
    )


async def told(tasks: Tasks, call: Call) -> web.StreamResponse:
    """How far a task is. A failed one comes with HTTP 503, as the real one may."""
    check_key(call)
    name = call.request.query.get("id", "")
    task = tasks.get(name)
    if task is None:
        return _answer(name, "Task not found", http=404)
    if not task.is_done:
        return _answer(name, "Pending", progress=round(task.progress, 2))
    if task.outcome == "Error":
        return _answer(name, "Error", http=503, details={"error": "The model failed"})
    if task.outcome != "Ready":
        return _answer(name, task.outcome, details={"Moderation Reasons": [task.fault.category]})
    return _answer(name, "Ready", result=None if task.fault.kind == "no_data" else _result(call, task))


async def credits_left(call: Call) -> web.StreamResponse:
    """GET credits: what is left in the account; the cheapest way to try a key."""
    check_key(call)
    return web.json_response({"credits": CREDITS})


def _outcome(fault: Rule, order: FluxOrder) -> str:
    if FORBIDDEN.search(order.prompt) or fault.kind == "refuse_input":
        return "Request Moderated"
    if fault.kind in ("refuse_output", "refuse_some"):
        return "Content Moderated"
    return "Error" if fault.kind == "bill_without_picture" else "Ready"


async def _drawn(call: Call, task: Task) -> bytes:
    """The encoded picture, off the event loop, with the fault its bytes should have."""
    if task.fault.kind == "too_many_pixels":
        return spoil.bomb()
    data = await asyncio.to_thread(task.order.draw, call.state.next_serial())
    return spoil.halved(data) if task.fault.kind == "half_picture" else data


def _result(call: Call, task: Task) -> dict[str, Any]:
    if task.picture is None:
        raise RuntimeError("a task that is ready has a picture")
    if not task.url:
        kind = task.order.output_format
        endless = task.fault.megabytes if task.fault.kind == "too_many_bytes" else 0
        expires = time.time() + min(LINK_SECONDS, call.state.link_seconds)
        stored = Stored(task.picture.result(), f"image/{kind}", expires, endless)
        task.url = call.link(call.state.links.put(stored, kind))
    return {
        "sample": task.url,
        "prompt": task.order.prompt,
        "seed": task.order.seed,
        "start_time": task.began,
        "end_time": task.began + task.seconds,
        "duration": task.seconds,
    }


def _answer(
    name: str,
    status: str,
    *,
    http: int = 200,
    result: dict[str, Any] | None = None,
    progress: float | None = None,
    details: dict[str, Any] | None = None,
) -> web.Response:
    body = {"id": name, "status": status, "result": result, "progress": progress, "details": details, "preview": None}
    return web.json_response(body, status=http)
