"""PiAPI's unified task API: one call to begin any task, one to ask for it.

Source: PiAPI's documentation of 2025 and 2026. Its pages say by now that Midjourney is no longer offered there; resellers
speak the same way.
"""

from __future__ import annotations

from typing import Any

from ...engine.errors import ProviderDown
from ...engine.provider import Call, Job, Progress, Result
from ...engine.wire import Answer
from ..account import ACCOUNT
from ..masks import encoded
from ..prompt import without
from ..requests import (
    Blend,
    Describe,
    FollowUp,
    Imagine,
    MidjourneyRequest,
    Pan,
    Reroll,
    Upscale,
    Vary,
    VaryRegion,
    ZoomOut,
)
from .choice import Gateway
from .outcomes import begun, described, drawn, failed, not_taken, prompt_of, text_in, under_way, unknown
from .pictures import reference_links, sent_as
from .wire import at, get, is_good, is_unknown, not_the_api, post, refusal, segment, unclear, words_of

_DONE, _FAILED = "completed", "failed"
_INDEX = {"subtle": "low_variation", "strong": "high_variation"}


async def submit(request: MidjourneyRequest, call: Call, gateway: Gateway) -> Job:
    """Begin a task. Raises one of our errors where it was not taken."""
    kind, asked, prompt = await _asked(request, call, gateway)
    call.report(Progress(f"asking for · {prompt}" if prompt else "asking"))
    answer = await post(call, gateway, "task", {"model": "midjourney", "task_type": kind, "input": asked})
    task = text_in(answer.body, "data", "task_id")
    if not is_good(answer):
        raise refusal(answer, request)
    if not isinstance(answer.body, dict):
        raise not_the_api(answer)
    if not task and answer.body.get("code") != 200:
        raise not_taken(_words(answer), request.summary)
    if not task:
        raise ProviderDown(f"The {ACCOUNT.label} took the request and named no task to wait for.")
    return begun(task, request, gateway, prompt)


async def poll(job: Job, call: Call, gateway: Gateway) -> Job | Result:
    """How far a task is. Raises one of our errors where it ended without a picture."""
    task = str(job.handle["task"])
    answer = await get(call, gateway, f"task/{segment(task)}")
    status = text_in(answer.body, "data", "status").lower()
    if is_unknown(answer):
        return unknown(job)
    if not status or not is_good(answer):
        raise unclear(answer)
    told = at(answer, "data").get("output")
    output = told if isinstance(told, dict) else {}
    if status == _FAILED:
        raise failed(task, _words(answer))
    if status != _DONE:
        return under_way(job, status, output.get("progress"))
    if job.handle.get("describes"):
        return described(job, _description(output))
    return drawn(job, call, _links(output))


async def _asked(request: MidjourneyRequest, call: Call, gateway: Gateway) -> tuple[str, dict[str, Any], str]:
    """The task type, its input, and the prompt as it is shown."""
    mode = {"process_mode": request.speed} if request.speed else {}
    if isinstance(request, Imagine):
        links = [await sent_as(picture, call, gateway) for picture in request.images]
        whole = prompt_of(request, gateway, links, await reference_links(request, call, gateway))
        # It adds the ratio of its own field to the prompt, so that it must not stand there twice.
        prompt, ratio = without(whole, "aspect_ratio")
        asked = {"prompt": prompt, "aspect_ratio": ratio or "1:1", "skip_prompt_check": False, **mode}
        # With its links, so that what follows can say all of it again.
        return "imagine", asked, whole
    if isinstance(request, Blend):
        links = [await sent_as(picture, call, gateway) for picture in request.images]
        return "blend", {"image_urls": links, "dimension": request.shape, **mode}, ""
    if isinstance(request, Describe):
        return "describe", {"image_url": await sent_as(request.image, call, gateway), **mode}, ""
    if isinstance(request, FollowUp):
        kind, asked = _on_task(request)
        return kind, {"origin_task_id": request.task.task, **asked}, request.prompt
    raise TypeError(f"{gateway.label} is not asked for {type(request).__name__}")


def _on_task(request: FollowUp) -> tuple[str, dict[str, Any]]:
    # No prompt goes along where none is needed: it would be a new one, without the links to pictures of the first.
    if isinstance(request, Upscale):
        return "upscale", {"index": request.which}
    if isinstance(request, Vary):
        return "variation", {"index": _INDEX.get(request.which, request.which)}
    if isinstance(request, Reroll):
        return "reroll", {}
    if isinstance(request, ZoomOut):
        return "outpaint", {"zoom_ratio": f"{request.factor:g}", **_prompt(request)}
    if isinstance(request, Pan):
        return "pan", {"direction": request.direction, **_prompt(request)}
    if isinstance(request, VaryRegion):
        return "inpaint", {"mask": encoded(request.mask), **_prompt(request)}
    raise TypeError(f"PiAPI is not asked for {type(request).__name__}")


def _prompt(request: FollowUp) -> dict[str, str]:
    return {"prompt": request.prompt} if request.prompt else {}


def _links(output: dict[str, Any]) -> list[Any]:
    """The grid, or the pictures one by one where no grid is told."""
    told = ([output.get("image_url")], output.get("image_urls"), output.get("temporary_image_urls"))
    return next((links for links in told if isinstance(links, list) and any(links)), [])


def _words(answer: Answer) -> str:
    data = at(answer, "data")
    return words_of(data if isinstance(data, dict) and words_of(data) else answer.body)


def _description(output: dict[str, Any]) -> str:
    told = output.get("description") or output.get("descriptions") or ""
    return "\n\n".join(map(str, told)) if isinstance(told, list) else str(told)
