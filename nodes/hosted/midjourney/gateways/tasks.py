"""The task API of the product brief: imagine, upscale, and a task to ask for.

Its error answers and its answer to upscale are not described anywhere, so that any usual shape is understood.
"""

from __future__ import annotations

from typing import Any

from ...engine.errors import ProviderDown
from ...engine.provider import Call, Job, Progress, Result
from ..account import ACCOUNT
from ..requests import Imagine, MidjourneyRequest, Upscale
from .choice import Gateway
from .outcomes import begun, drawn, failed, not_taken, prompt_of, text_in, under_way, unknown
from .pictures import reference_links, sent_as
from .wire import at, get, is_good, is_unknown, not_the_api, post, refusal, segment, unclear, words_of

_DONE, _FAILED = {"completed", "succeeded", "success", "done"}, {"failed", "failure", "error", "cancelled"}


async def submit(request: MidjourneyRequest, call: Call, gateway: Gateway) -> Job:
    """Begin a task. Raises one of our errors where it was not taken."""
    prompt = ""
    body: dict[str, Any]
    if isinstance(request, Imagine):
        links = [await sent_as(picture, call, gateway) for picture in request.images]
        prompt = prompt_of(request, gateway, links, await reference_links(request, call, gateway))
        path, body = "imagine", {"prompt": prompt}
    elif isinstance(request, Upscale):
        prompt = request.prompt
        path, body = "upscale", {"task_id": request.task.task, "index": int(request.which)}
    else:
        raise TypeError(f"{gateway.label} is not asked for {type(request).__name__}")
    call.report(Progress(f"asking for · {prompt}"))
    answer = await post(call, gateway, path, body)
    if answer.status not in (200, 201, 202):
        raise refusal(answer, request)
    if not isinstance(answer.body, dict):
        raise not_the_api(answer)
    task = answer.body.get("task_id")
    if not isinstance(task, (str, int)) or not str(task):
        if words := words_of(answer.body):
            raise not_taken(words, request.summary)
        raise ProviderDown(f"The {ACCOUNT.label} took the request and named no task to wait for.")
    return begun(str(task), request, gateway, prompt)


async def poll(job: Job, call: Call, gateway: Gateway) -> Job | Result:
    """How far a task is. Raises one of our errors where it ended without a picture."""
    task = str(job.handle["task"])
    answer = await get(call, gateway, f"tasks/{segment(task)}")
    status = text_in(answer.body, "status")
    if is_unknown(answer):
        return unknown(job)
    if not status or not is_good(answer):
        raise unclear(answer)
    if status.lower() in _DONE:
        links = at(answer, "images")
        return drawn(job, call, links if isinstance(links, list) else [])
    if status.lower() in _FAILED:
        raise failed(task, words_of(answer.body))
    return under_way(job, status, at(answer, "progress"))
