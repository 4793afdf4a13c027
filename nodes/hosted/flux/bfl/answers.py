"""What BFL's answers mean: a job, a result, or one of our errors, with BFL's own words and the task's id.

Source: BFL's OpenAPI of April 2026 and its help pages of June to November 2026.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from ...engine import wire
from ...engine.account import Account
from ...engine.errors import ContentRejected, EaselError, ProviderDown, ResultLost, Stage
from ...engine.provider import Job, Link, Progress, Result
from ...engine.request import Request

ACCOUNT = Account(
    name="bfl",
    label="Black Forest Labs",
    address="https://api.bfl.ai/v1",
    key_variable="BFL_API_KEY",
    free_call="credits",
    key_header="x-key",
    key_scheme="",
    concurrency=24,
)

LINK_LIFETIME = 600.0
"""Seconds that BFL keeps a picture behind its link."""
_POLL_EVERY = 0.5
_MOST_MISSED = 4
"""Looks that find no such task before it is given up: a part of BFL's may not know yet what another took on."""
_USD_A_CREDIT = Decimal("0.01")
_HOST = "bfl.ai"
_LABEL = ACCOUNT.label
_MODERATED: Mapping[str, tuple[Stage, str]] = {
    "Request Moderated": ("input", "the prompt or an input picture"),
    "Content Moderated": ("output", "the finished picture"),
}


def job_of(answer: Mapping[str, Any], request: Request, address: str) -> Job:
    """The job that an accepted request began.

    Raises :class:`ProviderDown` where the answer names none, :class:`ResultLost` where the key must not go to the
    address it names.
    """
    task, polling_url = answer.get("id"), answer.get("polling_url")
    if not (isinstance(task, str) and isinstance(polling_url, str)):
        raise ProviderDown(
            f"{_LABEL} took the request and did not say where to wait for it: look at {_LABEL} whether it was made.",
            request_id=task if isinstance(task, str) else None,
        )
    check_polling_url(polling_url, address, task)
    handle = {
        "id": task,
        "polling_url": polling_url,
        "credits": answer.get("cost"),
        "prompt": getattr(request, "prompt", ""),
    }
    return Job(handle, Progress("queued"), _POLL_EVERY)


def check_polling_url(url: str, address: str, task: str) -> None:
    """Raises :class:`ResultLost` unless the key may go to ``url``."""
    wire.check_address(url, address, (_HOST,), ACCOUNT, task)


def told_of(job: Job, answer: Mapping[str, Any]) -> Job | Result:
    """What a poll told: still under way, or the picture. Raises one of our errors where it ended without one.

    A status that nobody knows yet means that the task goes on.
    """
    status, task = str(answer["status"]), str(job.handle["id"])
    if status == "Ready":
        return _result(job, answer.get("result"))
    if status in _MODERATED:
        stage, what = _MODERATED[status]
        raise ContentRejected(
            f"{_LABEL}'s content filter refused {what}. A higher safety_tolerance may let it pass.",
            stage=stage,
            words=_reasons(answer.get("details")),
            request_id=task,
        )
    if status == "Task not found":
        missed = int(job.handle.get("missed", 0)) + 1
        if missed < _MOST_MISSED:
            return Job({**job.handle, "missed": missed}, Progress("queued"), _POLL_EVERY)
        raise ResultLost(
            f"{_LABEL} does not know this task any more: it forgets results after a while. Run again to buy it.",
            request_id=task,
        )
    if status == "Error":
        raise ResultLost(
            f"{_LABEL} failed while it made this picture. Run again to retry.",
            words=_reasons(answer.get("details")) or _reasons(answer.get("result")),
            request_id=task,
            charge="unsure",
        ).costing(_cost(job.handle.get("credits")))
    return Job(job.handle, Progress(status.lower(), _fraction(answer.get("progress"))), _POLL_EVERY)


def refusal(answer: wire.Answer, request: Request | None) -> EaselError:
    """The error that an HTTP status which is no success means."""
    words, field = _detail(answer.body)
    return wire.refusal(answer, ACCOUNT, request, words=words, field=field)


def _result(job: Job, result: Any) -> Result:
    task = str(job.handle["id"])
    if not isinstance(result, Mapping) or not isinstance(result.get("sample"), str):
        lost = ResultLost(f"{_LABEL} says that the picture is ready, and gave no link to it.", request_id=task)
        raise lost.costing(_cost(job.handle.get("credits")))
    rewritten = str(result.get("prompt") or "")
    seed = result.get("seed")
    return Result(
        pictures=(Link(result["sample"], "" if rewritten == job.handle.get("prompt") else rewritten, LINK_LIFETIME),),
        data={"seconds": result["duration"]} if "duration" in result else {},
        cost_usd=_cost(job.handle.get("credits")),
        request_id=task,
        seed=seed if isinstance(seed, int) else None,
    )


def _cost(credits: Any) -> Decimal | None:
    """US dollars; None for what is no price: an odd one must not lose the picture."""
    is_price = isinstance(credits, (int, float)) and math.isfinite(credits) and credits >= 0
    return Decimal(str(credits)) * _USD_A_CREDIT if is_price else None


def _reasons(details: Any) -> str:
    """BFL's own words in ``details``: lists of reasons under names of their own choice."""
    if isinstance(details, Mapping):
        return "; ".join(filter(None, map(_reasons, details.values())))
    if isinstance(details, (list, tuple)):
        return ", ".join(map(str, details))
    return str(details or "")


def _detail(body: Any) -> tuple[str, str]:
    """The words of an error answer, and the field it is about: a sentence, or a list of what is wrong where."""
    detail = body.get("detail") if isinstance(body, Mapping) else None
    if isinstance(detail, list) and detail and isinstance(detail[0], Mapping):
        name = next((str(step) for step in reversed(detail[0].get("loc", ())) if step != "body"), "")
        return "; ".join(str(problem.get("msg", "")) for problem in detail), name
    return str(detail or ""), ""


def _fraction(progress: Any) -> float | None:
    is_share = isinstance(progress, (int, float)) and math.isfinite(progress) and 0 <= progress <= 1
    return float(progress) if is_share else None
