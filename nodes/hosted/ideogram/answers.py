"""What Ideogram's good answers mean: a job, or a result with its links and what was held back."""

from __future__ import annotations

import re
import time
from collections.abc import Mapping
from decimal import Decimal
from typing import Any
from urllib.parse import parse_qs, urlsplit

from ..engine.errors import Charge, ContentRejected, ProviderDown, ResultLost
from ..engine.provider import Job, Link, Progress, Refused, Result
from .account import LABEL
from .requests import IdeogramRequest

DAY = 86_400.0
"""Seconds that v2 keeps a picture behind its link."""
POLL_EVERY = 1.0
_MICROS = Decimal(1_000_000)
_ID = re.compile(r"[A-Za-z0-9_=-]+")
_UNSAFE = re.compile(r"safety|unsafe|moderat|content policy|copyright|prohibited", re.IGNORECASE)
_DESIGN = ("text_html", "text_containers", "image_layers")


def job_of(answer: Mapping[str, Any], request: IdeogramRequest, notices: tuple[str, ...], quote: int | None) -> Job:
    """The job that an accepted request began; ``quote`` is its price in micro-dollars, where one was asked for.

    Raises :class:`ProviderDown` where the answer names none.
    """
    task = answer.get("generation_id")
    if not (isinstance(task, str) and _ID.fullmatch(task)):
        raise ProviderDown(
            f"{LABEL} took the request and named nothing to wait for.",
            words=str(answer.get("error") or ""),
            request_id=str(task) if task else None,
        )
    handle = {"id": task, "prompt": request.prompt, "notices": list(notices), "quote": quote}
    handle["has_seed"] = request.offer.seed
    if isinstance(answer.get("seed"), int):
        handle["seed"] = answer["seed"]
    return Job(handle, Progress("queued"), POLL_EVERY)


def told_of(job: Job, answer: Mapping[str, Any], notices: tuple[str, ...]) -> Job | Result:
    """What a poll told: still under way, or the result. Raises one of our errors where it failed.

    A status that nobody knows yet means that the job goes on.
    """
    task, status = str(job.handle["id"]), answer.get("status")
    cost = answer.get("usage_cost_usd_micros")
    if status == "failed":
        raise _failed(str(answer.get("failure_reason") or ""), cost, task)
    if status != "completed":
        return Job(job.handle, Progress(str(status)), POLL_EVERY)
    kept = tuple(job.handle.get("notices", ()))
    return result_of(
        answer,
        prompt=str(job.handle.get("prompt", "")),
        notices=tuple(dict.fromkeys((*kept, *notices))),
        micros=cost if isinstance(cost, int) else job.handle.get("quote"),
        request_id=task,
        seed=job.handle.get("seed"),
        has_seed=job.handle.get("has_seed", True),
        lifetime=DAY,
    )


def result_of(
    answer: Mapping[str, Any],
    *,
    prompt: str,
    notices: tuple[str, ...],
    request_id: str | None,
    micros: Any = None,
    seed: Any = None,
    has_seed: bool = True,
    lifetime: float | None = None,
) -> Result:
    """The pictures of an answer, and those that the safety check held back; ``micros`` is its price in micro-dollars.

    Without ``has_seed`` the seed is not told: asking for it would buy another picture.
    """
    items = [item for item in answer.get("data") or () if isinstance(item, Mapping)]
    pictures: list[Link] = []
    refused: list[Refused] = []
    designs: list[dict[str, Any]] = []
    for place, item in enumerate(items, start=1):
        url = item.get("url")
        if item.get("is_image_safe") is False or not isinstance(url, str) or not url:
            refused.append(Refused(f"{LABEL}'s safety check held back picture {place} of {len(items)}"))
            continue
        rewritten = str(item.get("prompt") or "")
        pictures.append(Link(url, "" if rewritten == prompt else rewritten, _lifetime(url, lifetime)))
        designs.append({name: item.get(name) for name in _DESIGN})
    used = next((item["seed"] for item in items if isinstance(item.get("seed"), int)), seed)
    return Result(
        pictures=tuple(pictures),
        refused=tuple(refused),
        # One design a picture, so that each finds its own.
        data={"designs": designs} if any(any(design.values()) for design in designs) else {},
        cost_usd=Decimal(micros) / _MICROS if isinstance(micros, int) else None,
        # A picture that is held back was made, and is paid for.
        bills_refusals=True,
        request_id=request_id,
        seed=used if has_seed and isinstance(used, int) else None,
        notices=notices,
    )


def description_of(answer: Mapping[str, Any], notices: tuple[str, ...], request_id: str | None) -> Result:
    """The words for a picture: the first description as text, all of them as data."""
    found = [item.get("text") for item in answer.get("descriptions") or () if isinstance(item, Mapping)]
    texts = [text for text in found if isinstance(text, str) and text.strip()]
    return Result(
        text=texts[0] if texts else "",
        data={"descriptions": texts} if texts else {},
        request_id=request_id,
        notices=notices,
    )


def _failed(reason: str, cost: Any, task: str) -> ContentRejected | ResultLost:
    # What fails is not billed, says Ideogram's page on errors and billing; a cost that it names all the same counts.
    charge: Charge = "charged" if cost else "none"
    named = Decimal(cost) / _MICROS if isinstance(cost, int) and cost else None
    if _UNSAFE.search(reason):
        return ContentRejected(
            f"{LABEL}'s safety check refused this.", stage="output", words=reason, request_id=task, charge=charge
        ).costing(named)
    sentence = f"{LABEL} failed while it made this. Run again to retry."
    return ResultLost(sentence, words=reason, request_id=task, charge=charge).costing(named)


def _lifetime(url: str, otherwise: float | None) -> float | None:
    """Seconds that a link still works: signed links say until when (``exp``, seconds since 1970)."""
    try:
        until = int(parse_qs(urlsplit(url).query).get("exp", [""])[0])
    except ValueError:
        return otherwise
    return max(0.0, until - time.time())
