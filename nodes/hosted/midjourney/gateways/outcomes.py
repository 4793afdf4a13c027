"""How a task goes and ends, as every gateway tells it in its own shape: under way, pictures, words, or an error."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from decimal import Decimal
from typing import Any

from ...engine.errors import ContentRejected, EaselError, InputRefused, QuotaExhausted, ResultLost
from ...engine.provider import Call, Job, Link, Progress, Refused, Result
from ..account import ACCOUNT
from ..handle import Handle
from ..parameters import VERSIONS
from ..prompt import read, with_links
from ..requests import Describe, Imagine, MidjourneyRequest
from .choice import Gateway, place_of

LINK_LIFETIME = 20 * 3600.0
"""Seconds for which a link is trusted: Discord's live about a day, and no gateway promises more."""
_FIRST_POLL, _SLOWEST_POLL, _SLOWER = 0.15, 5.0, 1.6
_GRID = 4
_MOST_UNKNOWN = 4
"""Looks in a row that must find no such task before it is given up: of several machines one may be behind."""
_LABEL = ACCOUNT.label
_EXISTED = "The gateway had made just this before, and gave it again: it makes each change of a grid once."

_OUTPUT_REFUSED = re.compile(
    r"image.{0,40}(moderated|blocked)|blocked after|filtered by moderation|ai moderator(?!.{0,40}prompt)", re.I
)
_INPUT_REFUSED = re.compile(
    r"banned|moderat|blocked|violat|sensitive|inappropriate|content polic|community standards|nsfw|敏感|违规", re.I
)
_INVALID = re.compile(r"invalid (parameter|link|image|prompt)|not compatible|unrecognized param", re.I)
_NO_CREDIT = re.compile(
    r"insufficient|not enough (credit|quota|point)|run out of|out of (credit|hours|fast)|余额", re.I
)
_WAITS_FOR_OWNER = re.compile(
    r"action needed|captcha|verify you|pending mod message|subscription|account.{0,30}(banned|blocked|suspended|disabled)",
    re.I,
)


def prompt_of(
    request: Imagine, gateway: Gateway, links: Sequence[str] = (), references: Mapping[str, Sequence[str]] | None = None
) -> str:
    """The prompt exactly as this gateway is sent it.

    Links to pictures come first, those of ``references`` (by parameter) behind their flags, the speed last where the
    gateway has no field for it.
    """
    speed = f"--{request.speed}" if request.speed and gateway.speed == "prompt" else ""
    prompt = with_links(request.prompt, references or {})
    return " ".join(part for part in (*links, prompt, speed) if part)


def begun(
    task: str,
    request: MidjourneyRequest,
    gateway: Gateway,
    prompt: str,
    *,
    existed: bool = False,
    place: int | None = None,
    window: Mapping[str, str] | None = None,
) -> Job:
    """The job that an accepted request began; its handle is enough to find it again after a crash.

    ``existed`` says that the gateway had made just this before, and points to it; ``place`` is the one in its queue;
    ``window`` is what the task waits to be told before it begins.
    """
    handle = {
        "task": task,
        "gateway": gateway.name,
        "version": request.version,
        "shows": request.shows,
        "prompt": prompt,
        "describes": isinstance(request, Describe),
        "existed": existed,
        "looks": 0,
        **({"window": dict(window)} if window else {}),
    }
    return Job(handle, Progress(_status("queued", prompt), queue_position=place), _FIRST_POLL)


def under_way(job: Job, status: str, percent: Any) -> Job:
    """The job, looked at once more; the next look is a little later each time."""
    looks = int(job.handle.get("looks", 0)) + 1
    words = status.lower().replace("_", " ")
    progress = Progress(_status(words, str(job.handle.get("prompt", ""))), fraction_of(percent))
    return Job({**job.handle, "looks": looks, "unknown": 0}, progress, min(_SLOWEST_POLL, _FIRST_POLL * _SLOWER**looks))


def unknown(job: Job) -> Job:
    """The job, where a look found no such task. Raises :class:`ResultLost` after several such looks in a row."""
    times = int(job.handle.get("unknown", 0)) + 1
    if times >= _MOST_UNKNOWN:
        raise _forgotten(str(job.handle["task"]))
    waiting = under_way(job, "queued", None)
    return replace(waiting, handle={**waiting.handle, "unknown": times})


def drawn(job: Job, call: Call, links: Sequence[Any], final_prompt: str = "") -> Result:
    """The pictures of a finished task, and the handle by which more can be asked of it."""
    task, prompt = str(job.handle["task"]), str(job.handle.get("prompt", ""))
    found = [link for link in links if isinstance(link, str) and link.startswith(("https://", "http://"))]
    if not found:
        raise ResultLost(f"The {_LABEL} says that the picture is ready, and gave no link to it.", request_id=task)
    handle = Handle(
        task=task,
        gateway=str(job.handle["gateway"]),
        host=place_of(call.address),
        version=_version_in(final_prompt) or str(job.handle["version"]),
        shows=job.handle["shows"],
        # A gateway that was sent the pictures themselves tells their links only here, and what follows needs them.
        prompt=final_prompt if "://" in final_prompt and "://" not in prompt else prompt or final_prompt,
    )
    revised = "" if final_prompt == prompt else final_prompt
    # One link is a grid; of several, each is a picture.
    missing = _GRID - len(found) if handle.shows == "grid" and len(found) > 1 else 0
    return Result(
        pictures=tuple(Link(link, revised, LINK_LIFETIME) for link in found),
        refused=(Refused("the gateway gave fewer than four, and no reason"),) * missing,
        data={"task": handle.model_dump()},
        cost_usd=Decimal(0) if job.handle.get("existed") else None,
        request_id=task,
        notices=(_EXISTED,) if job.handle.get("existed") else (),
    )


def described(job: Job, words: str) -> Result:
    """The words of a finished description."""
    task = str(job.handle["task"])
    if not words.strip():
        raise ResultLost(f"The {_LABEL} says that the description is ready, and gave none.", request_id=task)
    return Result(text=words, request_id=task)


def failed(task: str, words: str) -> EaselError:
    """The error that a task means which was taken and failed, by the gateway's own words.

    Never one that lets the purchase go on: this task has ended.
    """
    if refused := content_refused(words, task):
        return refused
    if _INVALID.search(words):
        return InputRefused("Midjourney did not take a parameter or a link.", words=words, request_id=task)
    if _NO_CREDIT.search(words):
        return ResultLost(
            f"The account behind the {_LABEL} has no credit or fast hours left.",
            words=words,
            request_id=task,
            charge="none",
        )
    if _WAITS_FOR_OWNER.search(words):
        return ResultLost(
            "Midjourney wants something of the account's owner first: look into the account, then run again.",
            words=words,
            request_id=task,
            charge="none",
        )
    return ResultLost(
        f"The {_LABEL} failed while it made this. Run again to retry.", words=words, request_id=task, charge="unsure"
    )


def not_taken(words: str, asked: str) -> EaselError:
    """The error that a plain no to a request means, by the gateway's own words: nothing was begun."""
    if refused := content_refused(words, None):
        return refused
    if _NO_CREDIT.search(words):
        return QuotaExhausted(
            f"The account behind the {_LABEL} has no credit left. Add some and run again: what is done already is kept.",
            words=words,
        )
    return InputRefused(f"The {_LABEL} did not take the request ({asked}).", words=words)


def content_refused(words: str, task: str | None) -> ContentRejected | None:
    """The refusal that moderation's words mean; None where they are about something else."""
    if _WAITS_FOR_OWNER.search(words):
        # An account can be banned too.
        return None
    if _OUTPUT_REFUSED.search(words):
        sentence = "Midjourney's moderation held back the finished pictures."
        return ContentRejected(sentence, stage="output", words=words, request_id=task, charge="unsure")
    if _INPUT_REFUSED.search(words) and not _INVALID.search(words):
        sentence = "Midjourney's moderation refused the prompt or an input picture."
        return ContentRejected(sentence, stage="input", words=words, request_id=task)
    return None


def _forgotten(task: str) -> ResultLost:
    """A task under way that the gateway no longer knows."""
    return ResultLost(f"The {_LABEL} does not know this task any more. Run again to buy it.", request_id=task)


def origin_forgotten(task: str) -> InputRefused:
    """A finished task that more was asked of, and that the gateway no longer knows."""
    return InputRefused(
        f"The {_LABEL} does not know the task any more: gateways forget tasks after a while. Run the node that made it "
        f"again, with another take.",
        input_name="task",
        request_id=task,
    )


def fraction_of(percent: Any) -> float | None:
    """0 to 1 out of ``45%``, 45 or "45"; None for anything else."""
    try:
        share = float(str(percent).rstrip("% ")) / 100
    except ValueError:
        return None
    return share if math.isfinite(share) and 0 <= share <= 1 else None


def text_in(body: Any, *path: str) -> str:
    """The text at the end of a path through nested objects; empty where there is none."""
    for name in path:
        body = body.get(name) if isinstance(body, Mapping) else None
    return body if isinstance(body, str) else ""


def _status(status: str, prompt: str) -> str:
    return f"{status} · {prompt}" if prompt else status


def _version_in(prompt: str) -> str | None:
    """The version that a finished task's own prompt names, where it can be read."""
    try:
        version = read(prompt).version
    except InputRefused:
        # A gateway may add parameters that nobody has heard of.
        return None
    return version if version in VERSIONS else None
