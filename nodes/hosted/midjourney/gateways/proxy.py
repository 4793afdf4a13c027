"""midjourney-proxy: submissions that answer with a code, tasks that are fetched, and the buttons of a finished one.

Source: novicezk/midjourney-proxy (August 2025) and trueai-org/midjourney-proxy (August 2026). The first changes a task by
number, the second presses its buttons.
"""

from __future__ import annotations

import asyncio
import re
from dataclasses import replace
from typing import Any

import aiohttp

from ...engine.errors import (
    ContentRejected,
    EaselError,
    InputRefused,
    ProviderDown,
    RateLimited,
)
from ...engine.provider import Call, Job, Progress, Result
from ...engine.wire import Answer
from ..account import ACCOUNT
from ..masks import encoded
from ..prompt import NIJI
from ..requests import Blend, Describe, FollowUp, Imagine, MidjourneyRequest, Reroll, Upscale, Vary, VaryRegion, ZoomOut
from .choice import Gateway
from .outcomes import (
    begun,
    described,
    drawn,
    failed,
    not_taken,
    origin_forgotten,
    prompt_of,
    text_in,
    under_way,
    unknown,
)
from .pictures import reference_links, sent_as
from .wire import at, get, is_empty, is_good, is_unknown, not_the_api, post, refusal, segment, unclear

_LABEL = ACCOUNT.label
_TAKEN, _EXISTS, _QUEUED, _QUEUE_FULL, _BANNED = 1, 21, 22, 23, 24
_NOT_FOUND, _INVALID = 3, 4
_TOOK = (_TAKEN, _EXISTS, _QUEUED)
_NOT_ALLOWED = (401, 402, 403, 429)
_WAITS = "MODAL"
"""The status of a task that waits for its window."""
_LOOKS_TO_HEAR = 6
"""Looks, some seconds together, in which a task that was told begins."""
_PNG = "data:image/png;base64,"
_ZOOM = re.compile(r"\s*--zoom\s+\S+")


async def submit(request: MidjourneyRequest, call: Call, gateway: Gateway) -> Job:
    """Begin a task. Raises one of our errors where it was not taken."""
    if isinstance(request, FollowUp):
        return await _follow_up(request, call, gateway)
    beside = _beside(request) if gateway.speed == "filter" else {}
    prompt = ""
    body: dict[str, Any]
    if isinstance(request, Imagine):
        prompt = prompt_of(request, gateway, (), await reference_links(request, call, gateway))
        path, body = "imagine", {"prompt": prompt}
        if request.images:
            body["base64Array"] = [await sent_as(picture, call, gateway) for picture in request.images]
    elif isinstance(request, Blend):
        sent = await asyncio.gather(*(sent_as(picture, call, gateway) for picture in request.images))
        path, body = "blend", {"base64Array": list(sent), "dimensions": request.shape.upper()}
    elif isinstance(request, Describe):
        path, body = "describe", {"base64": await sent_as(request.image, call, gateway)}
    else:
        raise TypeError(f"{gateway.label} is not asked for {type(request).__name__}")
    call.report(Progress(f"asking for · {prompt}" if prompt else "asking"))
    answer = await post(call, gateway, f"submit/{path}", {**body, **beside})
    return begun(_task_of(answer, request), request, gateway, prompt, place=_place_in(answer))


async def poll(job: Job, call: Call, gateway: Gateway) -> Job | Result:
    """How far a task is. Raises one of our errors where it ended without a picture."""
    task = str(job.handle["task"])
    found = await _fetched(call, gateway, task)
    if found is None:
        return unknown(job)
    status = str(found.get("status") or "")
    final = text_in(found, "properties", "finalPrompt")
    if status == "SUCCESS":
        if job.handle.get("describes"):
            return described(job, text_in(found, "prompt") or final)
        return drawn(job, call, [found.get("imageUrl")], final)
    if status in ("FAILURE", "CANCEL"):
        raise failed(task, text_in(found, "failReason"))
    if status == _WAITS and "window" in job.handle:
        return await _window_told(job, call, gateway)
    return under_way(job, status or "queued", found.get("progress"))


async def _follow_up(request: FollowUp, call: Call, gateway: Gateway) -> Job:
    call.report(Progress(f"asking for {request.action.label.format(request.asked)}"))
    if gateway.speaks == "proxy":
        answer = await post(call, gateway, "submit/change", _change(request))
        existed = at(answer, "code") == _EXISTS
        return begun(_task_of(answer, request), request, gateway, request.prompt, existed=existed)
    origin = await _origin(request, call, gateway)
    body = {"taskId": request.task.task, "customId": _button(request, origin)}
    answer = await post(call, gateway, "submit/action", body)
    task = _task_of(answer, request)
    # The task may wait for the window in which a zoom is set, a region is marked, or a remix is worded.
    window = _window(request, origin) if at(answer, "code") == _EXISTS else None
    return begun(task, request, gateway, request.prompt, window=window)


def _window(request: FollowUp, origin: dict[str, Any]) -> dict[str, str]:
    """What the window is told: the prompt as Midjourney has it, links to pictures and all, and what is asked of it."""
    known = text_in(origin, "properties", "finalPrompt") or request.prompt
    if isinstance(request, VaryRegion):
        return {"prompt": request.wish or known, "maskBase64": f"{_PNG}{encoded(request.mask)}"}
    if isinstance(request, ZoomOut):
        return {"prompt": f"{_ZOOM.sub('', known)} --zoom {request.factor:g}".strip()}
    return {"prompt": known}


async def _window_told(job: Job, call: Call, gateway: Gateway) -> Job:
    """The job, once its window was told what it waits for.

    After a telling that nobody answered the task itself shows whether it was heard: only one that still waits some looks
    later is told again, so that nothing begins twice. A no to the second telling may mean that the first was heard just
    then, so that it counts only where the task waits on after it.
    """
    task, looks = str(job.handle["task"]), int(job.handle.get("looks", 0))
    told_at = job.handle.get("told_at")
    if job.handle.get("is_heard") or (told_at is not None and looks - int(told_at) < _LOOKS_TO_HEAR):
        return under_way(job, _WAITS, None)
    unheard = replace(job, handle={**job.handle, "told_at": looks})
    try:
        answer = await post(call, gateway, "submit/modal", {"taskId": task, **job.handle["window"]})
    except (aiohttp.ClientError, asyncio.TimeoutError):
        return under_way(unheard, _WAITS, None)
    code = at(answer, "code")
    if answer.status in _NOT_ALLOWED:
        raise refusal(answer)
    if not isinstance(code, int) or answer.status >= 500:
        return under_way(unheard, _WAITS, None)
    if code in _TOOK:
        return under_way(replace(unheard, handle={**unheard.handle, "is_heard": True}), "submitted", None)
    if told_at is not None and not job.handle.get("is_refused"):
        return under_way(replace(unheard, handle={**unheard.handle, "is_refused": True}), _WAITS, None)
    raise _refused(answer, code, str(job.handle.get("prompt", "")), task)


def _change(request: FollowUp) -> dict[str, Any]:
    task = {"taskId": request.task.task}
    if isinstance(request, Upscale):
        return {**task, "action": "UPSCALE", "index": int(request.which)}
    if isinstance(request, Vary):
        return {**task, "action": "VARIATION", "index": int(request.which)}
    if isinstance(request, Reroll):
        return {**task, "action": "REROLL"}
    raise TypeError(f"midjourney-proxy is not asked for {type(request).__name__}")


async def _origin(request: FollowUp, call: Call, gateway: Gateway) -> dict[str, Any]:
    """The finished task that more is asked of."""
    task = request.task.task
    try:
        found = await _fetched(call, gateway, task)
    except ProviderDown as error:
        # Nothing was begun yet.
        raise ProviderDown(error.sentence, retryable=True, words=error.words) from error
    if found is None:
        raise origin_forgotten(task)
    return found


def _button(request: FollowUp, origin: dict[str, Any]) -> str:
    """The id of the button that does what is asked, from the task itself: building one is guessing."""
    buttons = [button for button in origin.get("buttons") or [] if isinstance(button, dict)]
    for button in buttons:
        if request.action.is_button(text_in(button, "customId"), request.asked):
            return text_in(button, "customId")
    offered = ", ".join(text_in(button, "label") or text_in(button, "emoji") for button in buttons) or "nothing"
    raise InputRefused(
        f"Midjourney does not offer {request.action.label.format(request.asked)} for this task; it offers {offered}.",
        input_name="task",
        request_id=request.task.task,
    )


async def _fetched(call: Call, gateway: Gateway, task: str) -> dict[str, Any] | None:
    """The task as the gateway knows it; None where it knows none. Raises one of our errors for anything else."""
    answer = await get(call, gateway, f"task/{segment(task)}/fetch")
    if is_good(answer) and isinstance(answer.body, dict) and text_in(answer.body, "status"):
        return answer.body
    if is_unknown(answer) or (is_good(answer) and is_empty(answer)):
        return None
    raise unclear(answer)


def _beside(request: MidjourneyRequest) -> dict[str, Any]:
    """What the trueai fork takes beside a prompt: which bot, and at which speed."""
    bot = "NIJI_JOURNEY" if request.version.startswith(NIJI) else "MID_JOURNEY"
    modes = {"accountFilter": {"modes": [request.speed.upper()]}} if request.speed else {}
    return {"botType": bot, **modes}


def _task_of(answer: Answer, request: MidjourneyRequest) -> str:
    """The id of the task that a submission began. Raises one of our errors where it began none."""
    code = at(answer, "code")
    if not isinstance(code, int) or (answer.status >= 400 and code not in (_NOT_FOUND, _BANNED)):
        raise not_the_api(answer) if answer.status == 200 else refusal(answer, request)
    if code not in _TOOK:
        raise _refused(answer, code, request.summary, request.task.task if isinstance(request, FollowUp) else None)
    task = at(answer, "result")
    if not isinstance(task, (str, int)) or not str(task):
        raise ProviderDown(f"The {_LABEL} took the request and named no task to wait for.")
    return str(task)


def _place_in(answer: Answer) -> int | None:
    """The place in the gateway's queue, where the task has to wait in one."""
    told = at(answer, "properties")
    place = told.get("numberOfQueues") if isinstance(told, dict) else None
    return place if at(answer, "code") == _QUEUED and isinstance(place, int) else None


def _refused(answer: Answer, code: int, asked: str, origin: str | None) -> EaselError:
    """The error that a code other than those of success means; ``origin`` is the task that more was ``asked`` of."""
    words = text_in(answer.body, "description")
    if code == _QUEUE_FULL:
        return RateLimited(f"The {_LABEL}'s queue is full.", words=words)
    if code == _BANNED:
        word = text_in(answer.body, "properties", "bannedWord")
        what = f'the word "{word}"' if word else "a word of the prompt"
        return ContentRejected(f"The {_LABEL}'s content filter refused {what} ({asked}).", stage="input", words=words)
    if code == _NOT_FOUND and origin is not None:
        return origin_forgotten(origin)
    if code == _INVALID:
        return InputRefused(f"The {_LABEL} refused the request ({asked}).", words=words)
    return not_taken(words, asked)
