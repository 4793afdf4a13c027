"""What every hosted node shares: the one engine of this ComfyUI, the wait with its progress, and what a refusal does.

The engine knows nothing of ComfyUI, the families nothing of each other; this is where they meet the host.
"""

from __future__ import annotations

import asyncio
import datetime as dt
import functools
import io as bytesio
import json
import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar

from .. import host, new_providers, pictures
from . import quoting
from .choices import BLOCK, REPLACE, SECOND, Choices
from .engine.account import Account
from .engine.errors import ContentRejected, EaselError, ModelRetired
from .engine.money import dollars
from .engine.outcome import Delivered, Facts, Outcome
from .engine.provider import Call, Progress
from .engine.request import Request

if TYPE_CHECKING:
    from .engine.engine import Engine
    from .engine.spending import Report

T = TypeVar("T")

log = logging.getLogger("easel")

_SECONDS_FROM = 1.0
_SANDBOX_LATENCY = 0.3
"""Seconds that a stand-in takes, so that progress can be seen."""
_kept_workflows: set[str] = set()
"""Digests of the prompts that this process has written into the books."""


@dataclass(frozen=True)
class Bought:
    """A purchase with its pictures decoded, or the refusal that blocks this branch."""

    outcome: Outcome | None
    pictures: list[pictures.Pixels]
    report: str

    @property
    def is_blocked(self) -> bool:
        return self.outcome is None

    @property
    def delivered(self) -> tuple[Delivered, ...]:
        return self.outcome.pictures if self.outcome else ()

    @property
    def text(self) -> str:
        return self.outcome.text if self.outcome else ""

    @property
    def data(self) -> dict[str, Any]:
        return self.outcome.data if self.outcome else {}


@functools.lru_cache(maxsize=1)
def engine() -> Engine:
    """The engine of this ComfyUI, made on first use."""
    from .engine.engine import Engine

    return Engine(host.state_folder(), new_providers(), inspect=look_at, open_sandbox=_open_sandbox)


async def buy(request: Request, choices: Choices, workflow: Any) -> Bought:
    """Buy ``request`` in the name of the running node; ``workflow`` is the prompt that it belongs to."""
    notes: list[str] = []
    second = None
    if choices.on_refusal == SECOND and choices.second_model not in ("", request.model):
        # Built beforehand: that it cannot be asked for is no news for after a refusal that may have been charged.
        second = request.with_model(choices.second_model)
    buy_one = functools.partial(_buy_living, choices=choices, workflow=workflow, asked_model=request.model, notes=notes)
    try:
        outcome = await buy_one(request)
    except ContentRejected as refusal:
        if choices.on_refusal == BLOCK:
            return Bought(None, [], f"{refusal} This branch was blocked; the others went on.")
        if second is None:
            raise
        notes.append(f"{request.model} refused: {refusal}")
        outcome = await buy_one(second)
    decoded = await asyncio.to_thread(lambda: [pictures.decode(picture.data) for picture in outcome.pictures])
    return Bought(outcome, decoded, _report(outcome, notes))


async def consult(provider: str, profile: str, work: Callable[[Call], Awaitable[T]]) -> T:
    """Ask ``provider`` something that costs nothing, in the name of the running node; its stop is felt meanwhile."""
    if quoting.current() is not None:
        raise quoting.KnownLater
    run = host.place().run
    return await engine().consult(provider, profile, work, lambda: host.throw_if_interrupted(run))


async def spending(by: str, since: dt.date | None) -> Report:
    """What was charged since a day, in the realm in force; ``by`` is day, provider, model or workflow.

    Raises BadQuestion for another way.
    """
    from .engine import books, spending

    way, realm = spending.way_of(by), books.realm_of(engine())
    labels = {name: provider.account.label for name, provider in engine().providers.items()}
    return await books.ask(engine(), lambda ledger: spending.report(ledger, realm, way, since, labels))


def destination_fingerprint(provider: str) -> str:
    """Where this provider's requests go now, for the host's cache: a sandbox picture must not pass for a bought one."""
    account = engine().providers[provider].account
    destination = engine().destination(account)
    return "|".join(destination.scope)


async def _buy_living(
    request: Request, *, choices: Choices, workflow: Any, asked_model: str, notes: list[str]
) -> Outcome:
    """Buy the request, or what takes its place where its model is retired and the user wants that."""
    account = engine().providers[request.provider].account
    retired = request.retired_since(dt.datetime.now(dt.timezone.utc).date())
    try:
        if retired is not None and not engine().destination(account).is_own_server:
            raise ModelRetired(_gone(account, request, retired), input_name="model")
        return await _buy(request, choices, workflow, asked_model)
    except ModelRetired as error:
        # An operator's own server may have dropped the model too, and only its answer tells.
        successor = request.successor() if choices.if_retired == REPLACE else None
        if successor is None:
            raise
        notes.append(f"{error.sentence} It was used here.")
        return await _buy(successor, choices, workflow, asked_model)


async def _buy(request: Request, choices: Choices, workflow: Any, asked_model: str) -> Outcome:
    from .engine.order import Order
    from .engine.workflows import digest_of

    if (quotes := quoting.current()) is not None:
        return await quotes.take(request)
    place = host.place()
    order = Order(place.run, digest_of(workflow), choices.profile, asked_model)
    try:
        outcome = await engine().buy(request, order, _Show(place), stopped=lambda: host.was_interrupted(place.run))
        if not outcome.reused:
            await _keep(workflow)
        return outcome
    except EaselError as error:
        if not place.item:
            # The first item cannot be told from a node that is given no list.
            raise
        raise error.located(f"Item {place.item + 1} of the list") from error


def _gone(account: Account, request: Request, since: dt.date) -> str:
    successor = request.successor()
    hint = f" {successor.model} takes its place." if successor else ""
    return f"{account.label} retired {request.model} on {since.day} {since:%B %Y}.{hint}"


class _Show:
    """Shows the progress on the node, and raises the host's interrupt."""

    def __init__(self, place: host.Place) -> None:
        self._place = place
        self._text = ""
        self._partial: bytes | None = None

    def __call__(self, progress: Progress) -> None:
        host.throw_if_interrupted(self._place.run)
        text = _line(progress)
        if text != self._text:
            self._text = text
            host.show_text(self._place.node, text)
        if progress.partial is not None and progress.partial is not self._partial:
            self._partial = progress.partial
            host.show_progress(self._place.node, progress.fraction or 0.5, _preview(progress.partial))
        elif progress.fraction is not None:
            host.show_progress(self._place.node, progress.fraction)


def _line(progress: Progress) -> str:
    queue = "" if progress.queue_position is None else f", place {progress.queue_position} in the queue"
    seconds = f" · {progress.elapsed:.0f} s" if progress.elapsed >= _SECONDS_FROM else ""
    return f"{progress.status}{queue}{seconds}"


def _preview(data: bytes) -> Any:
    from PIL import Image

    return Image.open(bytesio.BytesIO(data))


def _report(outcome: Outcome, notes: list[str]) -> str:
    """What was really used and paid, for the node to show."""
    record = outcome.record
    cost = dollars(outcome.paid_usd)
    if outcome.reused:
        paid = "free: kept from before"
    elif record["cost_source"] == "reported":
        paid = f"{cost}, as reported"
    elif record["cost_source"] == "unknown":
        paid = "the price is not known"
    else:
        paid = f"about {cost}"
    first = f"{record['model']} · {paid}"
    if record["sandbox"]:
        first = f"SANDBOX (nothing was charged) · {first}"
    seed = "" if record["seed"] is None else f"seed {record['seed']}"
    withheld = f"{len(outcome.refused)} of the pictures were withheld: {outcome.refused[0]}" if outcome.refused else ""
    return "\n".join(line for line in (first, seed, withheld, *notes, *outcome.notes) if line)


def look_at(data: bytes) -> Facts:
    """What the engine wants to know of a delivered picture. Raises ValueError where it is none."""
    picture = pictures.decode(data)
    return Facts(
        media_type=pictures.media_type_of(data) or "image/png",
        width=picture.width,
        height=picture.height,
        pixels=picture.rgb_digest,
        has_alpha=picture.has_alpha,
    )


def _open_sandbox() -> str:
    """The operator's own sandbox process, or one inside this ComfyUI."""
    return engine().settings().sandbox_url or _own_sandbox()


@functools.lru_cache(maxsize=1)
def _own_sandbox() -> str:
    from .. import sandbox

    url, _stop = sandbox.start(latency=_SANDBOX_LATENCY)
    return url


async def _keep(workflow: Any) -> None:
    """Keep the prompt that something was bought for, so that the history can open it again. Once for each prompt."""
    from .engine import workflows
    from .engine.books import ask

    digest = workflows.digest_of(workflow)
    if not isinstance(workflow, dict) or digest in _kept_workflows:
        return
    _kept_workflows.add(digest)
    try:
        text = engine().keys.redact(json.dumps(workflow, default=str))
        await ask(engine(), lambda ledger: ledger.keep(workflows.known(workflow, text)))
    except Exception:
        # What was paid for is at hand: a history with a gap must not take it away.
        log.exception("Easel could not keep the workflow that something was bought for")
