"""What fal's answers mean: a job, a result, or one of our errors, with fal's own words and the job's id.

Source: fal's documentation of 2026 and its clients' types; wording of the platform's errors as users report it.
"""

from __future__ import annotations

import json as jsonlib
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from ...engine import wire
from ...engine.account import Account
from ...engine.errors import (
    ContentRejected,
    EaselError,
    InputRefused,
    ProviderDown,
    QuotaExhausted,
    ResultLost,
)
from ...engine.provider import Inline, Job, Link, Progress, Refused, Result
from ...engine.request import Request
from ..files import from_data_uri, is_link, is_picture_link
from ..orders import Order

ACCOUNT = Account(
    name="fal",
    label="fal",
    address="https://queue.fal.run",
    key_variable="FAL_KEY",
    # New accounts run two jobs at once and more wait in the queue without being refused.
    concurrency=16,
)

POLL_EVERY = 0.5
_HOSTS = ("fal.run", "falrun.com")
_LINK_LIFETIME = 86_400.0
"""Seconds for which a link is surely alive; fal keeps files for a week and more unless the account says otherwise."""
_LABEL = ACCOUNT.label
_URLS = ("status_url", "response_url", "cancel_url")
_REFUSED = "content_policy_violation"
_ABOUT_THE_JOB = ("prompt", "seed", "timings", "has_nsfw_concepts")
"""What an output tells that is no result."""
_NOTHING: tuple[Any, ...] = (None, "", [], {})
_IN_BETWEEN = (408, 425, 502, 503, 504)
"""What a gateway answers in the place of what stands behind it."""
_ANY_FILE = ("", "application/octet-stream", "binary/octet-stream")
"""Types that say nothing of what a file is."""
_BLACKED_OUT = "the safety checker blacked it out"
_LEFT_OUT = "the model left it out and does not say why; its content filter may have dropped it"


def job_of(answer: Mapping[str, Any], order: Order, address: str) -> Job:
    """The job that an accepted request began.

    Raises :class:`ProviderDown` where the answer names none, :class:`ResultLost` where the key must not go to the
    addresses it names.
    """
    task = answer.get("request_id")
    urls = {name: answer.get(name) for name in _URLS}
    if not isinstance(task, str) or not all(isinstance(url, str) for url in urls.values()):
        raise ProviderDown(
            f"{_LABEL} took the request and did not say where to wait for it: look at {_LABEL} whether it was made.",
            request_id=task if isinstance(task, str) else None,
        )
    for url in urls.values():
        check_url(str(url), address, task)
    asked = order.inputs.get("prompt")
    # By it a prompt that fal has rewritten is told from one that is only echoed.
    prompt = asked if isinstance(asked, str) else None
    return Job(order.handle(id=task, **urls, prompt=prompt), _queued(answer), POLL_EVERY)


def check_url(url: str, address: str, task: str) -> None:
    """Raises :class:`ResultLost` unless the key may go to ``url``."""
    wire.check_address(url, address, _HOSTS, ACCOUNT, task)


def under_way(job: Job, answer: Mapping[str, Any]) -> Job | None:
    """The job as a look at its status shows it; None once it has ended, well or badly."""
    status = answer.get("status")
    if status == "COMPLETED":
        return None
    return Job(job.handle, _queued(answer) if status == "IN_QUEUE" else Progress("painting"), POLL_EVERY)


def is_queued(status: Any) -> bool:
    """Whether a job still waits for a machine, as its status tells."""
    return isinstance(status, Mapping) and status.get("status") == "IN_QUEUE"


def has_begun(status: Any) -> bool:
    """Whether a job may be billed although cancelling it was accepted: it runs, or has ended well, or nobody knows."""
    if not isinstance(status, Mapping):
        return True
    return not status.get("error") if status.get("status") == "COMPLETED" else status.get("status") == "IN_PROGRESS"


def result_of(job: Job, output: Mapping[str, Any]) -> Result:
    """A finished job's pictures; those that the safety checker blacked out are refusals, and billed."""
    task = str(job.handle["id"])
    wants_pictures = job.handle.get("wants") == "pictures"
    files = list(_files(output, of_pictures=wants_pictures))
    flags = _flags(output, len(files))
    text = "" if wants_pictures else _text(output, files)
    withheld = (Refused(_BLACKED_OUT),) * sum(flags)
    missing = int(job.handle.get("count", 1)) - max(len(files), len(flags)) if wants_pictures else 0
    if not (files or text or withheld):
        raise ResultLost(f"{_LABEL} says that the job is done, and gave nothing to show for it.", request_id=task)
    seed = output.get("seed")
    rewritten = str(output.get("prompt") or "")
    return Result(
        pictures=tuple(
            _picture(url, "" if rewritten == job.handle.get("prompt") else rewritten)
            for url, is_flagged in zip(files, flags, strict=False)
            if not is_flagged
        ),
        refused=withheld + (Refused(_LEFT_OUT),) * missing,
        text=text,
        data={"timings": output["timings"]} if isinstance(output.get("timings"), Mapping) else {},
        bills_refusals=True,
        request_id=task,
        seed=seed if isinstance(seed, int) else None,
    )


def is_in_between(answer: wire.Answer) -> bool:
    """Whether something on the way answered in the model's place: the result is still there to be asked for."""
    if not isinstance(answer.body, Mapping):
        return True
    is_fal = bool(answer.body.get("error_type")) or isinstance(answer.body.get("detail"), list)
    return answer.status in _IN_BETWEEN and not is_fal


def failure(answer: wire.Answer, job: Job, told: Mapping[str, Any]) -> EaselError:
    """Why a job that has ended has no result; ``told`` is its last status."""
    task = str(job.handle["id"])
    words, field, kind = _detail(answer.body)
    words = words or str(told.get("error") or "")
    if kind == _REFUSED:
        return _policy(words, field, task, charged=True)
    if answer.status == 404:
        return ResultLost(
            f"{_LABEL} does not know this job any more. Run again to buy it.", words=words, request_id=task
        )
    if answer.status in (401, 402, 403, 429):
        return refusal(answer, None, task)
    if answer.status in (400, 422):
        at = f" because of {field}" if field else ""
        return InputRefused(
            f"The model at {_LABEL} refused the request{at}.",
            input_name=field,
            words=words,
            request_id=task,
            # fal says of this answer only that it may be billed.
            charge="unsure",
        )
    return ResultLost(
        f"{_LABEL} failed while it made this. Run again to retry.",
        words=words or f"HTTP {answer.status}",
        request_id=task,
        # fal does not bill what ends in a server's error.
        charge="none",
    )


def refusal(answer: wire.Answer, request: Request | None, task: str | None = None) -> EaselError:
    """The error that an HTTP status other than 200 means before there is a job."""
    words, field, kind = _detail(answer.body)
    if kind == _REFUSED:
        return _policy(words, field, task, charged=False)
    if answer.status == 403 and ("balance" in words.lower() or "locked" in words.lower()):
        return QuotaExhausted(
            f"The {_LABEL} account has no credit left. Add some at {_LABEL} and run again: what is done already is kept.",
            words=words,
            request_id=task,
        )
    return wire.refusal(answer, ACCOUNT, request, words=words, field=field, request_id=task)


def _policy(words: str, field: str, task: str | None, *, charged: bool) -> ContentRejected:
    what = "an input picture" if field.startswith("image") or field.endswith("url") else "the prompt"
    return ContentRejected(
        f"{_LABEL}'s content filter refused {what}. Say it differently and run again.",
        stage="input",
        words=words,
        request_id=task,
        # fal says of this answer only that it may be billed.
        charge="unsure" if charged else "none",
    )


def _queued(answer: Mapping[str, Any]) -> Progress:
    place = answer.get("queue_position")
    # fal counts those in front.
    return Progress("queued", queue_position=place + 1 if isinstance(place, int) and place >= 0 else None)


def _files(output: Any, *, of_pictures: bool) -> Iterator[str]:
    """The addresses of every picture file in an output: fal's files are objects with a ``url``."""
    if isinstance(output, Mapping):
        url, kind = output.get("url"), str(output.get("content_type") or "")
        if isinstance(url, str) and is_link(url):
            if kind.startswith("image/") or (kind in _ANY_FILE and is_picture_link(url, of_pictures=of_pictures)):
                yield url
            return
        for value in output.values():
            yield from _files(value, of_pictures=of_pictures)
    elif isinstance(output, list):
        for value in output:
            yield from _files(value, of_pictures=of_pictures)


def _flags(output: Mapping[str, Any], files: int) -> list[bool]:
    """Whether the safety checker blacked out each of the files, and then one for each that is not among them."""
    told = output.get("has_nsfw_concepts")
    flags = [bool(flag) for flag in told] if isinstance(told, list) else [told is True] * files
    if len(flags) > files:
        return [False] * files + [True] * sum(flags)
    return flags + [False] * (files - len(flags))


def _text(output: Mapping[str, Any], files: Sequence[str]) -> str:
    """What an output says beside its pictures; all of it as JSON where that is neither words nor a link."""
    told = {name: value for name, value in output.items() if value not in _NOTHING and name not in _ABOUT_THE_JOB}
    words = list(_words(told, files))
    return "\n".join(words) if words or files or not told else jsonlib.dumps(told, ensure_ascii=False)


def _words(output: Any, files: Sequence[str]) -> Iterator[str]:
    if isinstance(output, Mapping):
        url = output.get("url")
        if isinstance(url, str) and is_link(url):
            # Of a file only its link is news.
            yield from () if url in files else (url,)
            return
        output = list(output.values())
    if isinstance(output, list):
        for value in output:
            yield from _words(value, files)
    elif isinstance(output, str) and output:
        yield output


def _picture(url: str, rewritten: str) -> Inline | Link:
    if url.startswith("data:"):
        return Inline(from_data_uri(url), rewritten)
    return Link(url, rewritten, lifetime=_LINK_LIFETIME)


def _detail(body: Any) -> tuple[str, str, str]:
    """The words of an error answer, the field it is about, and fal's name for it."""
    detail = body.get("detail") if isinstance(body, Mapping) else None
    if isinstance(detail, list) and detail and isinstance(detail[0], Mapping):
        first = detail[0]
        steps = first["loc"] if isinstance(first.get("loc"), list) else []
        field = next((step for step in reversed(steps) if step != "body" and isinstance(step, str)), "")
        words = "; ".join(str(problem.get("msg", "")) for problem in detail if isinstance(problem, Mapping))
        return words, field, str(first.get("type", ""))
    return str(detail or ""), "", ""
