"""midjourney-proxy in both forks: submissions that answer with a code, tasks that are fetched.

novicezk's changes a task by number and remembers that it did; trueai-org's presses the buttons of a task.
"""

from __future__ import annotations

import asyncio
import json
import time
from dataclasses import replace
from functools import partial
from typing import Any

from aiohttp import web

from .. import painter, uploads
from ..calls import ApiError, Call, Handler, serve
from ..faults import Rule
from ..links import Stored
from ..state import State
from . import drawing
from .buttons import buttons_of, pressed
from .prompts import Wish, read
from .tasks import FORBIDDEN, LINK_SECONDS, Task, Tasks, descriptions, follow, follow_in_region, new_number
from .wire import GatewayDialect, body_of, picture_in, problem

_TAKEN, _EXISTS, _QUEUE_FULL, _BANNED, _NOT_FOUND, _INVALID, _FAILED = 1, 21, 23, 24, 3, 4, 9
_SHAPES = {"SQUARE": (1024, 1024), "PORTRAIT": (832, 1248), "LANDSCAPE": (1248, 832)}
_CHANGES = {"UPSCALE": ("pick", "picture"), "VARIATION": ("vary", "grid"), "REROLL": ("reroll", "grid")}


class ProxyDialect(GatewayDialect):
    """The header mj-api-secret; nearly every no is HTTP 200 with a code."""

    header = "mj-api-secret"

    def key(self, request: web.Request) -> str | None:
        """The secret, or a bearer token."""
        return super().key(request) or request.headers.get("Authorization", "").removeprefix("Bearer ").strip() or None

    def error(self, rule: Rule, call: Call) -> ApiError:
        """A full queue and a broken account are codes; the rest are plain HTTP."""
        if rule.kind == "rate_limit" and call.entry.creates:
            return _no(_QUEUE_FULL, "提交失败，队列已满，请稍后尝试")
        if rule.kind == "server_error" and call.entry.creates and not rule.details:
            return _no(_FAILED, "No available account instance")
        return super().error(rule, call)

    def said(self, status: int, words: str, headers: dict[str, str] | None = None) -> ApiError:
        return ApiError(status, {"code": _FAILED, "description": words}, headers)


def mount(app: web.Application, state: State, base: str, tasks: Tasks, *, has_buttons: bool) -> None:
    """Add the routes of one fork."""
    dialect = ProxyDialect()
    calls: dict[str, tuple[str, Any]] = {
        "imagine": ("imagine", _imagine),
        "blend": ("blend", _blend),
        "describe": ("describe", _describe),
    }
    calls |= (
        {"action": ("action", _action), "modal": ("modal", _modal)} if has_buttons else {"change": ("change", _change)}
    )
    for path, (operation, handler) in calls.items():
        work: Handler = partial(_keyed, dialect, partial(handler, tasks))
        app.router.add_post(f"{base}/submit/{path}", serve(state, dialect, operation, work, creates=True))
    if has_buttons:
        upload: Handler = partial(_keyed, dialect, partial(_upload, tasks))
        path = f"{base}/submit/upload-discord-images"
        app.router.add_post(path, serve(state, dialect, "upload", upload, creates=False))
    told: Handler = partial(_keyed, dialect, partial(_told, tasks, has_buttons))
    app.router.add_get(f"{base}/task/{{task}}/fetch", serve(state, dialect, "poll", told, creates=False))


async def _keyed(dialect: ProxyDialect, handler: Handler, call: Call) -> web.StreamResponse:
    dialect.check_key(call)
    return await handler(call)


async def _imagine(tasks: Tasks, call: Call) -> web.StreamResponse:
    body = _checked("mjproxy_imagine", call)
    prompt = body["prompt"].strip()
    if FORBIDDEN.search(prompt) or call.fault.kind == "refuse_input":
        raise _no(_BANNED, "可能包含敏感词", promptEn=prompt, bannedWord="forbidden")
    pictures = [_sent(one) for one in body.get("base64Array", [])]
    draw = partial(drawing.imagine, prompts=pictures)
    return _taken(tasks.begin(call, new_number(), "IMAGINE", "grid", prompt, read(prompt), draw))


async def _upload(_tasks: Tasks, call: Call) -> web.StreamResponse:
    """Pictures put where a prompt can link to them; no task, and nothing to pay."""
    try:
        body = json.loads(call.body)
    except ValueError as wrong:
        raise _no(_INVALID, "base64 参数错误") from wrong
    if wrong_body := problem("mjproxy_upload", body):
        raise _no(_INVALID, wrong_body)
    expires = time.time() + min(LINK_SECONDS, call.state.link_seconds)
    links = []
    for one in body["base64Array"]:
        picture = painter.encode(_sent(one).convert("RGB"))
        links.append(call.link(call.state.links.put(Stored(picture, "image/png", expires), "png")))
    return web.json_response({"code": _TAKEN, "description": "提交成功", "result": links, "properties": {}})


async def _blend(tasks: Tasks, call: Call) -> web.StreamResponse:
    body = _checked("mjproxy_blend", call)
    pictures = [_sent(one) for one in body["base64Array"]]
    draw = partial(drawing.blend, pictures=pictures, size=_SHAPES[body.get("dimensions", "SQUARE")])
    return _taken(tasks.begin(call, new_number(), "BLEND", "grid", "", Wish("a blend"), draw))


async def _describe(tasks: Tasks, call: Call) -> web.StreamResponse:
    body = _checked("mjproxy_describe", call)
    words = await asyncio.to_thread(descriptions, _sent(body["base64"]))
    task = tasks.begin(call, new_number(), "DESCRIBE", "words", "", Wish(""))
    task.text = words
    return _taken(task)


async def _change(tasks: Tasks, call: Call) -> web.StreamResponse:
    """Change a grid by number. The same change again is the task that there is."""
    body = _checked("mjproxy_change", call)
    index = str(body.get("index", 1))
    done = f"{body['action']}{index}"
    if (same := tasks.find(done, body["taskId"])) is not None:
        return _taken(same, _EXISTS, "任务已存在")
    origin = _origin(tasks, body["taskId"])
    if origin.shows != "grid":
        raise _no(_INVALID, "关联任务不允许执行变化")
    what, shows = _CHANGES[body["action"]]
    task = tasks.begin(
        call,
        new_number(),
        body["action"],
        "picture" if shows == "picture" else "grid",
        origin.prompt,
        origin.wish,
        follow(origin, what, index),
    )
    if body["action"] != "REROLL":
        tasks.remember(task, done, body["taskId"])
    return _taken(task)


async def _action(tasks: Tasks, call: Call) -> web.StreamResponse:
    body = _checked("mjproxy_action", call)
    origin = _origin(tasks, body["taskId"])
    press = pressed(origin, body["customId"])
    if press is None:
        raise _no(_INVALID, "customId 参数错误")
    call.entry.operation = press.operation
    draw = None if press.opens_window else follow(origin, press.what, press.which)
    task = tasks.begin(call, new_number(), press.action, press.shows, origin.prompt, origin.wish, draw)
    if press.opens_window:
        task.wants_mask = press.is_masked
        tasks.remember(origin, "window", task.id)
        return _taken(task, _EXISTS, "Waiting for window confirm")
    return _taken(task)


async def _modal(tasks: Tasks, call: Call) -> web.StreamResponse:
    body = _checked("mjproxy_modal", call)
    task, origin = tasks.get(body["taskId"]), tasks.find("window", body["taskId"])
    if task is None or origin is None or not task.waits:
        raise _no(_NOT_FOUND, "关联任务不存在或已失效", status=404)
    wish = read(body["prompt"])
    if FORBIDDEN.search(wish.words) or call.fault.kind == "refuse_input":
        raise _no(_BANNED, "可能包含敏感词", promptEn=body["prompt"], bannedWord="forbidden")
    if task.wants_mask != ("maskBase64" in body):
        raise _no(_INVALID, "蒙版参数错误")
    if task.wants_mask:
        draw = follow_in_region(origin, _mask_in(body["maskBase64"], origin))
    else:
        draw = follow(origin, "zoom", wish.values.get("zoom", "2"))
    task.failure = task.failure or wish.problem
    task.prompt, task.wish = body["prompt"], replace(wish, values={**origin.wish.values, **wish.values})
    tasks.start(call, task, draw)
    call.entry.accepted = True
    return _taken(task)


async def _told(tasks: Tasks, has_buttons: bool, call: Call) -> web.StreamResponse:
    """A task; an empty body where there is none."""
    task = tasks.get(call.request.match_info["task"])
    if task is None:
        return web.Response(content_type="application/json")
    done = task.is_done
    failure = task.failure if done else None
    status = "MODAL" if task.waits else "FAILURE" if failure else "SUCCESS" if done else "IN_PROGRESS"
    is_shown = status == "SUCCESS" and task.shows != "words"
    told: dict[str, Any] = {
        "id": task.id,
        "action": task.action,
        "status": status,
        "prompt": task.text if task.shows == "words" else task.prompt,
        "promptEn": task.prompt,
        "description": f"/{task.action.lower()} {task.prompt}",
        "state": None,
        "submitTime": round(task.began * 1000),
        "startTime": round(task.began * 1000),
        "finishTime": round((task.began + task.state.job_seconds) * 1000) if done else None,
        "imageUrl": task.link(call) if is_shown else None,
        "progress": f"{round(task.progress * 100)}%",
        "failReason": failure,
        "properties": {"finalPrompt": task.prompt},
    }
    if has_buttons:
        told["buttons"] = buttons_of(task) if is_shown else []
    return web.json_response(told)


def _checked(name: str, call: Call) -> dict[str, Any]:
    body = body_of(call)
    if wrong := problem(name, body):
        raise _no(_INVALID, wrong)
    return body


def _origin(tasks: Tasks, name: str) -> Task:
    origin = tasks.get(name)
    if origin is None:
        raise _no(_NOT_FOUND, "关联任务不存在或已失效", status=404)
    if not origin.data:
        raise _no(_INVALID, "关联任务状态错误")
    return origin


def _mask_in(data_url: str, origin: Task) -> Any:
    mask = _sent(data_url)
    if mask.size != origin.picture().size:
        raise _no(_INVALID, "蒙版尺寸错误")
    return mask


def _sent(data_url: str) -> Any:
    try:
        return picture_in(data_url)
    except uploads.BadPicture as wrong:
        raise _no(_INVALID, f"base64格式错误: {wrong}") from wrong


def _taken(task: Task, code: int = _TAKEN, words: str = "提交成功") -> web.Response:
    return web.json_response({"code": code, "description": words, "result": task.id, "properties": {}})


def _no(code: int, words: str, *, status: int = 200, **properties: str) -> ApiError:
    return ApiError(status, {"code": code, "description": words, "result": None, "properties": properties})
