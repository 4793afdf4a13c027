"""What fal's answers mean: a job, a result, or one of our errors, with fal's own words and the job's id.

Source: fal's documentation of 2026 and its clients' types; wording of the platform's errors as users report it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
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
_BLACKED_OUT = "the safety checker blacked it out"


def job_of(answer: Mapping[str, Any], order: Order, address: str) -> Job:
    """The job that an accepted request began.

    Raises :class:`ProviderDown` where the answer names none, :class:`ResultLost` where the key must not go to the
    addresses it names.
    """
    task = answer.get("request_id")
    urls = {name: answer.get(name) for name in _URLS}
    if not isinstance(task, str) or not all(isinstance(url, str) for url in urls.values()):
        raise ProviderDown(f"{_LABEL} took the request and named no job to wait for.")
    for url in urls.values():
        check_url(str(url), address, task)
    return Job(order.handle(id=task, **urls), _queued(answer), POLL_EVERY)


def check_url(url: str, address: str, task: str) -> None:
    """Raises :class:`ResultLost` unless the key may go to ``url``."""
    wire.check_address(url, address, _HOSTS, ACCOUNT, task)


def under_way(job: Job, answer: Mapping[str, Any]) -> Job | None:
    """The job as a look at its status shows it; None once it has ended, well or badly."""
    status = answer.get("status")
    if status == "COMPLETED":
        return None
    return Job(job.handle, _queued(answer) if status == "IN_QUEUE" else Progress("painting"), POLL_EVERY)


def result_of(job: Job, output: Mapping[str, Any]) -> Result:
    """A finished job's pictures; those that the safety checker blacked out are refusals, and billed."""
    task = str(job.handle["id"])
    wants_pictures = job.handle.get("wants") == "pictures"
    files = list(_files(output, of_pictures=wants_pictures))
    texts = [] if files else list(_texts(output))
    if not (files if wants_pictures else files or texts):
        raise ResultLost(f"{_LABEL} says that the job is done, and gave nothing to show for it.", request_id=task)
    flags = output.get("has_nsfw_concepts")
    flags = flags if isinstance(flags, list) and len(flags) == len(files) else [False] * len(files)
    seed = output.get("seed")
    rewritten = str(output.get("prompt") or "")
    return Result(
        pictures=tuple(
            _picture(url, "" if rewritten == job.handle.get("prompt") else rewritten)
            for url, is_flagged in zip(files, flags, strict=True)
            if not is_flagged
        ),
        refused=(Refused(_BLACKED_OUT),) * sum(map(bool, flags)),
        text="\n".join(texts),
        data={"timings": output["timings"]} if isinstance(output.get("timings"), Mapping) else {},
        bills_refusals=True,
        request_id=task,
        seed=seed if isinstance(seed, int) else None,
    )


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
            if kind.startswith("image/") or (not kind and is_picture_link(url, of_pictures=of_pictures)):
                yield url
            return
        for value in output.values():
            yield from _files(value, of_pictures=of_pictures)
    elif isinstance(output, list):
        for value in output:
            yield from _files(value, of_pictures=of_pictures)


def _texts(output: Mapping[str, Any]) -> Iterator[str]:
    """What an output says in words; the prompt that was asked is none of it."""
    yield from (value for name, value in output.items() if isinstance(value, str) and name != "prompt" and value)


def _picture(url: str, rewritten: str) -> Inline | Link:
    if url.startswith("data:"):
        return Inline(from_data_uri(url), rewritten)
    return Link(url, rewritten, lifetime=_LINK_LIFETIME)


def _detail(body: Any) -> tuple[str, str, str]:
    """The words of an error answer, the field it is about, and fal's name for it."""
    detail = body.get("detail") if isinstance(body, Mapping) else None
    if isinstance(detail, list) and detail and isinstance(detail[0], Mapping):
        first = detail[0]
        field = next(
            (str(step) for step in reversed(first.get("loc", ())) if step != "body" and isinstance(step, str)), ""
        )
        words = "; ".join(str(problem.get("msg", "")) for problem in detail if isinstance(problem, Mapping))
        return words, field, str(first.get("type", ""))
    return str(detail or ""), "", ""
