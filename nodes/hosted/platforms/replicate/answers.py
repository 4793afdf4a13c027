"""What Replicate's answers mean: a job, a result, or one of our errors, with Replicate's own words and the job's id.

Source: Replicate's OpenAPI of April 2026; the failures' texts as users report them.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Any

from ...engine import wire
from ...engine.account import Account
from ...engine.errors import ContentRejected, EaselError, InputRefused, ModelRetired, ResultLost, Stage
from ...engine.provider import Inline, Job, Link, Progress, Refused, Result
from ...engine.request import Request
from ..files import from_data_uri, is_link, is_picture_link

if TYPE_CHECKING:
    from replicate.prediction import Prediction

ACCOUNT = Account(
    name="replicate",
    label="Replicate",
    address="https://api.replicate.com",
    key_variable="REPLICATE_API_TOKEN",
    address_variable="REPLICATE_BASE_URL",
    free_call="v1/account",
)

CANCELED = "canceled"
_STATUSES = {status: status for status in ("starting", "processing", "succeeded", "failed", CANCELED)} | {
    # Ended before it began; younger than Replicate's client.
    "aborted": CANCELED
}
_LABEL = ACCOUNT.label
_LINK_LIFETIME = 3600.0
"""Seconds after which Replicate deletes what a prediction was given and gave."""
POLL_EVERY = 0.5
_REFUSALS: tuple[tuple[str, Stage], ...] = (
    ("nsfw", "output"),
    ("flagged as sensitive", "input"),
    ("(e005)", "input"),
    ("request moderated", "input"),
    ("content moderated", "output"),
    ("safety checks", "output"),
    ("is_image_safe", "output"),
)
"""What a failure's text says where a content filter was at work, and at which stage."""
_TOO_LARGE = ("cuda out of memory", "(e1001)", "max size that fits in gpu memory")
_RESETS_IN = re.compile(r"resets in ~?(\d+(?:\.\d+)?)\s*s")


class Told(Exception):
    """An answer that is no success: an error's HTTP status, or no JSON object."""

    def __init__(self, answer: wire.Answer) -> None:
        super().__init__(f"HTTP {answer.status}")
        self.answer = answer


def plain(told: dict[str, Any]) -> dict[str, Any] | None:
    """A prediction in the words that Replicate's client knows; None where it is none.

    The client raises for any other, and a job that is paid for would be lost: what cannot be understood is left out,
    and a status that nobody knows is still under way.
    """
    if not isinstance(told.get("id"), str) or not isinstance(told.get("status"), str):
        return None
    error = told.get("error")
    return {
        "id": told["id"],
        "status": _STATUSES.get(told["status"], "processing"),
        "model": str(told.get("model") or ""),
        "version": str(told.get("version") or ""),
        "output": told.get("output"),
        "error": error if error is None or isinstance(error, str) else json.dumps(error),
        "logs": told["logs"] if isinstance(told.get("logs"), str) else None,
        "metrics": told["metrics"] if isinstance(told.get("metrics"), dict) else None,
        "started_at": told["started_at"] if isinstance(told.get("started_at"), str) else None,
    }


def told_of(prediction: Prediction, handle: Mapping[str, Any]) -> Job | Result:
    """What a look told: still under way, or the result. Raises one of our errors where it ended without one."""
    if prediction.status == "succeeded":
        return _result(prediction, handle)
    if prediction.status == "failed":
        raise _failure(prediction.error or "", prediction.id)
    if prediction.status == CANCELED:
        raise ResultLost(
            f"The job was cancelled at {_LABEL} before it was done. Run again to buy it anew.",
            request_id=prediction.id,
            charge="unsure",
        )
    steps = prediction.progress
    status = "waiting for a machine" if prediction.status == "starting" else "painting"
    return Job(dict(handle), Progress(status, steps.percentage if steps else None), POLL_EVERY)


def refusal(answer: wire.Answer, request: Request | None) -> EaselError:
    """The error that an answer which is no success means."""
    body = answer.body if isinstance(answer.body, Mapping) else {}
    words = str(body.get("detail") or body.get("title") or "")
    if answer.status < 300:
        return wire.not_the_api(ACCOUNT)
    if answer.status == 429 and answer.retry_after is None and (resets := _RESETS_IN.search(words)):
        answer = wire.Answer(429, {"Retry-After": resets[1]}, answer.body)
    if answer.status == 403 or (answer.status == 422 and "version" in str(body.get("title", "")).lower()):
        model = request.model if request else "This model"
        return ModelRetired(f"{_LABEL} does not let this key run {model}.", input_name="model", words=words)
    return wire.refusal(answer, ACCOUNT, request, words=words, field=_field(body))


def _result(prediction: Prediction, handle: Mapping[str, Any]) -> Result:
    found = list(_leaves(prediction.output))
    wants_pictures = handle.get("wants") == "pictures"
    pictures = [leaf for leaf in found if is_picture_link(leaf, of_pictures=wants_pictures)]
    if not (pictures if wants_pictures else found):
        raise ResultLost(
            f"{_LABEL} says that the job is done, and has nothing to show for it: it deletes results after an hour. Run "
            f"again to buy it.",
            request_id=prediction.id,
        )
    missing = int(handle.get("count", 1)) - len(pictures) if wants_pictures else 0
    return Result(
        pictures=tuple(_picture(link) for link in pictures),
        refused=(Refused("the model's content filter dropped it"),) * missing,
        text="" if wants_pictures else _text([leaf for leaf in found if leaf not in pictures], prediction.output),
        data=dict(prediction.metrics or {}),
        request_id=prediction.id,
    )


def _text(leaves: Sequence[str], output: Any) -> str:
    """What an output says beside its pictures. A list of words is one text in pieces; links and fields stand alone."""
    in_pieces = isinstance(output, list) and not any(map(is_link, leaves))
    return ("" if in_pieces else "\n").join(leaves)


def _picture(link: str) -> Inline | Link:
    return Inline(from_data_uri(link)) if link.startswith("data:") else Link(link, lifetime=_LINK_LIFETIME)


def _leaves(output: Any) -> Iterator[str]:
    """Every string of an output: models give one, a list of them, or a list under names of their own."""
    if isinstance(output, Mapping):
        for value in output.values():
            yield from _leaves(value)
    elif isinstance(output, (list, tuple)):
        for value in output:
            yield from _leaves(value)
    elif output is not None:
        yield str(output)


def _failure(words: str, job: str) -> EaselError:
    said = words.lower()
    for sign, stage in _REFUSALS:
        if sign in said:
            what = "the prompt or an input picture" if stage == "input" else "the finished picture"
            return ContentRejected(
                f"The model's content filter at {_LABEL} refused {what}. Say it differently and run again.",
                stage=stage,
                words=words,
                request_id=job,
                charge="unsure",
            )
    if any(sign in said for sign in _TOO_LARGE):
        return InputRefused(
            f"The model at {_LABEL} ran out of memory: use a smaller picture or a smaller scale.",
            words=words,
            request_id=job,
            # Community models are paid by the second, failed runs too.
            charge="unsure",
        )
    return ResultLost(
        f"{_LABEL} failed while it made this. Run again to retry.", words=words, request_id=job, charge="unsure"
    )


def _field(body: Mapping[str, Any]) -> str:
    """The input that a refusal is about, where it names one."""
    fields = body.get("invalid_fields")
    if isinstance(fields, list) and fields and isinstance(fields[0], Mapping):
        return PurePosixPath(str(fields[0].get("field", "")).replace(".", "/")).name
    return ""
