"""What the engine asks of a provider, and what it gives one to work with."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any, Protocol

import aiohttp

from .account import Account
from .errors import Charge, EaselError
from .inputs import InputPicture
from .keys import Key
from .request import Request


@dataclass(frozen=True)
class Progress:
    """What is known of a purchase under way, as the node shows it."""

    status: str
    fraction: float | None = None
    """0-1, where the provider tells."""
    queue_position: int | None = None
    partial: bytes | None = None
    """An unfinished picture to look at, as an encoded file."""
    elapsed: float = 0.0
    """Seconds since the purchase began; filled in by the engine."""


@dataclass(frozen=True)
class Inline:
    """A finished picture that came with the answer."""

    data: bytes
    revised_prompt: str = ""


@dataclass(frozen=True)
class Link:
    """A finished picture that must still be fetched; ``lifetime`` in seconds where the provider states one."""

    url: str
    revised_prompt: str = ""
    lifetime: float | None = None


@dataclass(frozen=True)
class Refused:
    """One of several pictures that a content filter held back."""

    reason: str


@dataclass(frozen=True)
class Result:
    """What a provider delivered: pictures, or text, or both, and what it says that it cost."""

    pictures: tuple[Inline | Link, ...] = ()
    refused: tuple[Refused, ...] = ()
    text: str = ""
    data: dict[str, Any] = field(default_factory=dict)
    """What else the provider said (usage, scores), as plain JSON."""
    cost_usd: Decimal | None = None
    """The price as the provider reports it; None where it says nothing."""
    bills_refusals: bool = False
    """Whether the request is charged as estimated even where every picture was held back."""
    request_id: str | None = None
    seed: int | None = None
    """The seed that was really used, where the provider tells."""
    notices: tuple[str, ...] = ()
    """What the provider wants the user to know (deprecations)."""


@dataclass(frozen=True)
class Job:
    """Work that a provider has accepted and goes on with by itself; ``handle`` is enough to find it again."""

    handle: dict[str, Any]
    progress: Progress = Progress("queued")
    wait: float = 1.0
    """Seconds until the next poll makes sense."""


@dataclass(frozen=True)
class Call:
    """One provider's surroundings for one purchase: where to, with which key, and what helps on the way."""

    address: str
    """Base URL without a trailing slash; set by the operator or by sandbox mode, never by a graph."""
    key: Key
    http: aiohttp.ClientSession
    report: Callable[[Progress], None]
    link_for: Callable[[InputPicture], Awaitable[str | None]]
    """A link of this same provider to these very pixels, still alive; None where an upload is needed."""
    options: dict[str, str] = field(default_factory=dict)
    """What the operator configured for this provider beside its address (an API version, say)."""


class Provider(Protocol):
    """A provider family's wire: synchronous and queued providers look the same from here.

    A synchronous provider answers ``submit`` with a :class:`Result`, a queued one with a :class:`Job`. All three
    may raise any exception: ``explain`` turns a foreign one into one of ours.
    """

    account: Account

    async def submit(self, request: Request, call: Call) -> Job | Result:
        """Send the request. Called again only after an error that is ``retryable``."""
        ...

    async def poll(self, job: Job, call: Call) -> Job | Result:
        """Ask for a job's state. Safe to repeat."""
        ...

    async def cancel(self, job: Job, call: Call) -> bool | Charge:
        """Ask for a job to be stopped; False where it goes on, which is then waited for and kept.

        True where it was stopped for nothing, else what is known of the bill for what was done until then.
        """
        ...

    def explain(self, error: Exception, request: Request | None) -> EaselError | None:
        """The error of ours that this one of the SDK's or the transport's means; None where it is a defect."""
        ...

    def estimate(self, request: Request) -> Decimal | None:
        """What the request will cost in US dollars, rounded up where unsure; None where nobody knows."""
        ...
