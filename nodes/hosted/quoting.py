"""Prices asked for beforehand: while a graph is estimated, what a node would buy is noted instead of bought.

The node's own code makes the request and the provider's own table prices it, so that there is one truth. Nothing here
sends anything.
"""

from __future__ import annotations

import asyncio
import contextlib
import contextvars
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from .engine.money import to_usd
from .engine.outcome import Outcome
from .engine.request import Request

if TYPE_CHECKING:
    from .engine.engine import Engine
    from .engine.tables import Purchase

_COUNTS = ("n", "num_images", "count")
"""How the families' requests call the number of pictures."""


class Quoted(Exception):
    """Ends the node that would buy now: its request is noted."""


class KnownLater(Exception):
    """Ends a node that has to ask its provider before it knows what it would buy."""


@dataclass(frozen=True)
class Quote:
    """One request that a node would make."""

    usd: Decimal | None
    """What it costs now: nothing where it is kept or paid for already; None where nobody knows."""
    saves: Decimal = Decimal(0)
    """What it would cost were it not kept."""
    is_kept: bool = False
    is_joined: bool = False
    """Whether it is under way already, or another node of the graph asks for the very same."""
    pictures: int = 1
    size: tuple[int, int] | None = None
    """Width and height of what it will give, where the request says."""


class Book:
    """What one estimate knows of the store. Bound to the loop it is used on."""

    def __init__(self, engine: Engine) -> None:
        self.engine = engine
        self._asked: set[str] = set()
        self._scopes: dict[str, tuple[str, ...]] = {}
        self._waiting: dict[str, asyncio.Future[Purchase | None]] = {}
        self._search: asyncio.Task[None] | None = None

    def fingerprints(self, request: Request) -> list[str]:
        """The request's own fingerprint, then those of the same wish at other accounts."""
        return [one.fingerprint(*self._scope(one.provider)) for one in (request, *request.elsewhere)]

    def is_first(self, fingerprint: str) -> bool:
        """Whether nobody has asked for this in this graph; the next one will join."""
        if fingerprint in self._asked:
            return False
        self._asked.add(fingerprint)
        return True

    async def standing(self, fingerprint: str) -> Purchase | None:
        """The purchase of that fingerprint that is kept or under way. Asks for many at once."""
        found = self._waiting.get(fingerprint)
        if found is None:
            found = self._waiting[fingerprint] = asyncio.get_running_loop().create_future()
        if self._search is None or self._search.done():
            self._search = asyncio.create_task(self._look())
        return await asyncio.shield(found)

    async def _look(self) -> None:
        from .engine.standing import standing

        while wanted := {name: future for name, future in self._waiting.items() if not future.done()}:
            try:
                found = await standing(self.engine, list(wanted))
            except Exception as error:
                for future in wanted.values():
                    future.set_exception(error)
                raise
            for name, future in wanted.items():
                future.set_result(found.get(name))

    def _scope(self, provider: str) -> tuple[str, ...]:
        if provider not in self._scopes:
            self._scopes[provider] = self.engine.destination(self.engine.providers[provider].account).scope
        return self._scopes[provider]


@dataclass
class Quotes:
    """What one run of one node would buy."""

    book: Book
    is_certain: bool
    """Whether all its inputs are real; the stand-in for something that is yet to be made was never bought."""
    wants_outcome: bool
    """Whether what is kept is needed, for nodes behind that buy too."""
    noted: list[Quote] = field(default_factory=list)
    _under_way: int = 0
    _is_idle: asyncio.Event = field(default_factory=asyncio.Event)

    async def take(self, request: Request) -> Outcome:
        """Note the request; gives what is kept of it, where that is wanted. Raises :class:`Quoted` otherwise."""
        self._under_way += 1
        try:
            return await self._take(request.with_seed())
        finally:
            self._under_way -= 1
            self._is_idle.set()

    async def settled(self) -> None:
        """Wait for requests that the node made side by side: the first one ended it."""
        while self._under_way:
            self._is_idle.clear()
            await self._is_idle.wait()

    async def _take(self, request: Request) -> Outcome:
        engine = self.book.engine
        usd = engine.estimate(request)
        facts: dict[str, Any] = {"pictures": _pictures_of(request), "size": _size_of(request)}
        if not self.is_certain:
            self.noted.append(Quote(usd, **facts))
            raise Quoted
        own, *elsewhere = self.book.fingerprints(request)
        for fingerprint in (own, *elsewhere):
            purchase = await self.book.standing(fingerprint)
            if purchase is not None and purchase.state == "done":
                self.noted.append(Quote(Decimal(0), saves=_worth(usd, purchase), is_kept=True, **facts))
                return await self._opened(purchase)
            if purchase is not None and fingerprint == own:
                self.noted.append(Quote(Decimal(0), is_joined=True, **facts))
                raise Quoted
        if self.book.is_first(own):
            self.noted.append(Quote(usd, **facts))
        else:
            self.noted.append(Quote(Decimal(0), is_joined=True, **facts))
        raise Quoted

    async def _opened(self, purchase: Purchase) -> Outcome:
        from .engine.standing import kept_outcome

        outcome = await kept_outcome(self.book.engine, purchase) if self.wants_outcome else None
        if outcome is None:
            raise Quoted
        return outcome


_quotes: contextvars.ContextVar[Quotes | None] = contextvars.ContextVar("easel_quotes", default=None)


def current() -> Quotes | None:
    """Where to note what would be bought; None where it is bought."""
    return _quotes.get()


@contextlib.contextmanager
def noting(quotes: Quotes) -> Iterator[None]:
    """Note in ``quotes`` what is bought meanwhile, in this task and those it starts."""
    token = _quotes.set(quotes)
    try:
        yield
    finally:
        _quotes.reset(token)


def total(quotes: Sequence[Quote]) -> Decimal | None:
    """What they cost together; None where the price of one is not known."""
    prices = [quote.usd for quote in quotes]
    return None if None in prices else sum((price for price in prices if price is not None), Decimal(0))


def _worth(usd: Decimal | None, purchase: Purchase) -> Decimal:
    return to_usd(purchase.cost or 0) if usd is None else usd


def _pictures_of(request: Request) -> int:
    found = (getattr(request, name, None) for name in _COUNTS)
    return next((count for count in found if isinstance(count, int)), 1)


def _size_of(request: Request) -> tuple[int, int] | None:
    """The size that the request names, or that of the first picture in it."""
    size = getattr(request, "size", None)
    if isinstance(size, tuple) and len(size) == 2:
        return int(size[0]), int(size[1])
    if isinstance(size, str) and (sides := size.split("x"))[0].isdigit() and sides[-1].isdigit() and len(sides) == 2:
        return int(sides[0]), int(sides[1])
    width, height = getattr(request, "width", None), getattr(request, "height", None)
    if isinstance(width, int) and isinstance(height, int):
        return width, height
    for name in type(request).model_fields:
        value = getattr(request, name)
        first = value[0] if isinstance(value, (tuple, list)) and value else value
        if hasattr(first, "encoded"):
            return first.width, first.height
    return None
