"""Where everything is bought: one engine a process, on a thread of its own, so that work goes on while others block."""

from __future__ import annotations

import asyncio
import logging
import os
import threading
from collections.abc import Awaitable, Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from decimal import Decimal
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

import aiohttp

from .account import Account
from .calls import guarded, question, tells, unanswered
from .database import insist, open_database, sqlite_url
from .destination import Destination, Realm, live, stand_in
from .errors import EaselError, MissingKey, ResultLost, Stopped
from .fetch import Downloader
from .gate import Gate
from .journal import Journal
from .kept import outcome_of, read_pictures
from .keys import NO_KEY, SANDBOX_KEY, Key, Keyring
from .ledger import Ledger
from .loop import LoopThread, look_until_done
from .order import Order
from .outcome import Facts, Outcome
from .owner import this_process
from .provider import Call, Progress, Provider
from .purchase import Steps
from .recovery import RESUMED, asks, beat, give_way, log_failure, orphans, settle, unsure
from .request import Request
from .settings import Settings
from .standing import maker_of
from .store import Store
from .tables import Charge, Purchase
from .tickets import CalledOff, Ticket, Tickets
from .tools import Tools
from .wishes import follow, opening_of

T = TypeVar("T")

log = logging.getLogger("easel")


@dataclass
class Engine:
    """Buys requests: never the same one twice, never beyond the budget, never without a trace.

    ``folder`` holds keys, settings and, unless an operator names other places, the database and the pictures.
    ``inspect`` looks at an encoded picture. ``open_sandbox`` gives the address of the stand-in providers, starting
    them where needed. Nothing is opened before the first purchase.
    """

    folder: Path
    providers: Mapping[str, Provider]
    inspect: Callable[[bytes], Facts]
    open_sandbox: Callable[[], str]
    environment: Mapping[str, str] = field(default_factory=lambda: os.environ)
    owner: str = field(default_factory=this_process)

    def __post_init__(self) -> None:
        self.keys = Keyring(self.folder / "keys.json", self.environment)
        self._lock = threading.Lock()
        self._tickets = Tickets()
        self._thread: LoopThread | None = None
        self._is_stopped = False
        self._tools: Tools | None = None
        self._life: asyncio.Task[None] | None = None
        self._gates: dict[tuple[str, str, str], Gate] = {}
        self._opening = asyncio.Lock()
        # One thread: the journal's transactions are short, and SQLite has one writer anyway.
        self._journal_thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="easel-journal")

    # What callers on any thread and any loop use.

    async def buy(
        self,
        request: Request,
        order: Order,
        look: Callable[[Progress], None],
        *,
        stopped: Callable[[], bool] = lambda: False,
    ) -> Outcome:
        """The result of ``request``: kept from before, joined, resumed, or bought now.

        ``look`` is called with the progress at least every tenth of a second, and stops the wait by raising. A caller
        that is cancelled leaves the purchase to go on, unless ``stopped`` says that the whole run was stopped. Raises
        one of :mod:`errors`.
        """
        request = request.with_seed()
        while True:
            ticket, is_first = self._join(request, order)
            try:
                outcome = await self._wait_for(ticket, look, stopped)
            except Stopped as error:
                if ticket.is_called_off or isinstance(error, CalledOff):
                    raise
                # Who stopped it was an earlier waiter; this one still wants the picture.
                continue
            return outcome if is_first else replace(outcome, paid_usd=Decimal(0), reused=True)

    async def _wait_for(self, ticket: Ticket, look: Callable[[Progress], None], stopped: Callable[[], bool]) -> Outcome:
        try:
            return await look_until_done(ticket.future, lambda: look(ticket.watched()))
        except CalledOff:
            self._tickets.leave(ticket, on_purpose=True)
            raise
        except EaselError:
            raise
        except (asyncio.CancelledError, GeneratorExit):
            self._tickets.leave(ticket, on_purpose=stopped())
            raise
        except BaseException:
            self._tickets.leave(ticket, on_purpose=True)
            raise

    def settings(self) -> Settings:
        """The operator's settings in force now."""
        return Settings.load(self.folder)

    def destination(self, account: Account) -> Destination:
        """Where this provider's requests go now. Raises SettingsBroken where a setting cannot be used."""
        settings = self.settings()
        if settings.sandbox:
            return stand_in(account, self.open_sandbox())
        return live(account, settings, self.environment)

    def live_address(self, account: Account) -> str:
        """The base URL of the provider itself, or of what an operator has put in its place, sandbox mode or not."""
        return live(account, self.settings(), self.environment).address

    def estimate(self, request: Request) -> Decimal | None:
        """What ``request`` will cost in US dollars; None where nobody knows."""
        return self.providers[request.provider].estimate(request)

    async def consult(
        self, name: str, profile: str, work: Callable[[Call], Awaitable[T]], look: Callable[[], None] = lambda: None
    ) -> T:
        """Ask the provider ``name`` something that costs nothing: a schema, a price, whether a key is good.

        ``work`` runs on the engine's loop; ``look`` is called meanwhile and stops the wait by raising. Raises one of
        :mod:`errors`.
        """
        consulting = self._consult(self.providers[name], profile, work)
        return await look_until_done(self._loop_thread().submit(consulting), look)

    async def look_up(self, question: Callable[[Tools], Awaitable[T]]) -> T:
        """What ``question`` finds in the journal and the store; it runs on the engine's loop. From any loop."""
        return await look_until_done(self._loop_thread().submit(self._ask_tools(question)), lambda: None)

    async def record_of_pixels(self, pixels: str) -> dict[str, Any] | None:
        """How the picture with these RGB pixels was bought; None where none was. From any loop."""
        return await self.look_up(partial(maker_of, pixels))

    async def charges(self, realm: Realm, run: str | None = None) -> Sequence[Charge]:
        """Lines of the ledger, oldest first; of one run where it is named. From any loop."""
        return await self.look_up(lambda tools: tools.in_order(tools.journal.charges, realm, run))

    def progress_of(self, fingerprint: str) -> Progress | None:
        """How far a purchase is that is under way in this process; None where none is."""
        ticket = self._tickets.find(fingerprint)
        return None if ticket is None else ticket.progress

    def call_off(self, fingerprint: str) -> bool:
        """Stop waiting for a purchase, and the purchase where it can be stopped; False where none is under way here."""
        ticket = self._tickets.find(fingerprint)
        if ticket is not None:
            ticket.call_off()
        return ticket is not None

    async def take_up(self, orphan: Purchase) -> bool:
        """Go on with a purchase that nobody works on any more; False where somebody does. From any loop."""
        return await self.look_up(partial(self._adopt_now, orphan))

    def stop(self) -> None:
        """Drop everything for good, as the end of the process would: what is under way stays open in the journal."""
        with self._lock:
            thread, self._thread, self._is_stopped = self._thread, None, True
        if thread is not None:
            thread.stop(self._close_tools)
        self._journal_thread.shutdown()

    def _join(self, request: Request, order: Order) -> tuple[Ticket, bool]:
        """The ticket of this request, and whether it is a new one."""
        account = self.providers[request.provider].account
        destination = self.destination(account)
        fingerprint = request.fingerprint(*destination.scope)
        return self._tickets.join(
            fingerprint,
            self._loop_thread(),
            lambda ticket: self._buy(ticket, fingerprint, request, order, destination),
        )

    def _loop_thread(self) -> LoopThread:
        with self._lock:
            if self._is_stopped:
                raise RuntimeError("this engine was stopped")
            if self._thread is None:
                self._thread = LoopThread("easel-engine")
            return self._thread

    # What runs on the engine's own loop.

    async def _buy(
        self, ticket: Ticket, fingerprint: str, request: Request, order: Order, destination: Destination
    ) -> Outcome:
        tools = await self._open_tools()
        provider = self.providers[request.provider]
        names = [fingerprint, *map(self._fingerprint, request.elsewhere)]
        notes: list[str] = []
        passed: list[str] = []
        while True:
            kept = await self._kept(tools, names, notes)
            if kept is not None:
                return kept
            key = self._key(provider.account, destination, order.profile, request.without_key)
            opening = opening_of(request, order, destination, provider.estimate(request), names, passed)
            claim = await self._in_order(tools.journal.claim, opening, self.settings().budget)
            if claim.verdict == "unsure":
                raise unsure(self.providers[claim.purchase.provider].account, request)
            if claim.verdict == "theirs" and claim.purchase.fingerprint != fingerprint:
                ended = await self._follow(tools, claim.purchase, ticket)
                if isinstance(ended, Outcome):
                    return ended
                if not isinstance(ended, Stopped):
                    passed.append(claim.purchase.id)
                    notes.append(f"What was under way for this elsewhere could not be had. {ended.sentence}")
                continue
            if claim.verdict == "theirs":
                key = self._key_of(claim.purchase, destination)
            steps = self._steps(tools, claim.purchase, ticket, key, destination, request)
            if claim.verdict == "mine":
                return await self._outcome(tools, await steps.buy(), notes, paid_now=True)
            if claim.verdict == "theirs":
                resumed = await settle(steps, self.owner)
                if resumed is not None:
                    return await self._outcome(tools, resumed, [*notes, RESUMED])

    def _fingerprint(self, request: Request) -> str:
        return request.fingerprint(*self.destination(self.providers[request.provider].account).scope)

    async def _kept(self, tools: Tools, names: Sequence[str], notes: list[str]) -> Outcome | None:
        """What was bought under one of these fingerprints; None where nothing is kept."""
        for name in names:
            found = await self._in_order(tools.journal.kept, name)
            outcome = await self._open_kept(tools, found, notes) if found is not None else None
            if outcome is not None:
                return outcome
        return None

    async def _follow(self, tools: Tools, other: Purchase, ticket: Ticket) -> Outcome | EaselError:
        """The end of ``other``, which is under way at another account for the same wish; see :func:`follow`."""
        finish = partial(self._finish_orphan, tools, other)
        joined, _ = self._tickets.join(other.fingerprint, self._loop_thread(), finish)
        return await follow(self._tickets, joined, ticket)

    async def _live(self, tools: Tools) -> None:
        """Collect what a process that died left behind, then tell other machines that this one lives."""
        try:
            # A session in the sandbox sends nothing to a real provider, not even a question.
            if not self.settings().sandbox:
                for orphan in await orphans(tools):
                    self._adopt(tools, orphan)
        except Exception:
            log.exception("Easel could not look for purchases that an earlier run left open")
        await beat(tools, lambda: len(self._tickets) > 0)

    async def _consult(self, provider: Provider, profile: str, work: Callable[[Call], Awaitable[T]]) -> T:
        tools = await self._open_tools()
        destination = self.destination(provider.account)
        key = self._key(provider.account, destination, profile)
        call = question(destination.address, key, tools.http, destination.options)
        redact = self.keys.redact
        try:
            return await guarded(work(call), provider, None, lambda: self._is_stopped)
        except EaselError as error:
            # The provider explains its errors as those of a purchase, and here nothing is bought.
            told = error if error.charge == "none" else unanswered(provider.account, error)
            raise told.rewritten(redact) from None
        except Exception as error:
            if tells(error, redact):
                raise EaselError(redact(f"{type(error).__name__}: {error}")) from None
            raise

    async def _ask_tools(self, question: Callable[[Tools], Awaitable[T]]) -> T:
        return await question(await self._open_tools())

    async def _adopt_now(self, orphan: Purchase, tools: Tools) -> bool:
        return self._adopt(tools, orphan)

    def _adopt(self, tools: Tools, orphan: Purchase) -> bool:
        if orphan.provider not in self.providers:
            return False
        finish = partial(self._finish_orphan, tools, orphan)
        ticket = self._tickets.start(orphan.fingerprint, self._loop_thread(), finish)
        if ticket is not None:
            ticket.future.add_done_callback(log_failure)
        return ticket is not None

    async def _finish_orphan(self, tools: Tools, orphan: Purchase, ticket: Ticket) -> Outcome:
        account = self.providers[orphan.provider].account
        place = self.destination(account)
        if orphan.realm == "live":
            place = Destination("live", orphan.address, place.options, ())
        await give_way(orphan, self.owner, ticket)
        steps = self._steps(tools, orphan, ticket, self._key_of(orphan, place), place, None)
        finished = await settle(steps, self.owner)
        if finished is None:
            raise Stopped(f"Nothing of {orphan.operation} with {orphan.model} was left to collect.")
        return await self._outcome(tools, finished, [RESUMED])

    def _steps(
        self, tools: Tools, purchase: Purchase, ticket: Ticket, key: Key, place: Destination, request: Request | None
    ) -> Steps:
        provider = self.providers[purchase.provider]
        return Steps(
            tools=tools,
            provider=provider,
            gate=self._gate(provider.account, purchase.realm, purchase.profile),
            key=key,
            purchase=purchase,
            address=place.address,
            ticket=ticket,
            options=place.options,
            purchase_summary=request.summary if request else f"{purchase.operation} with {purchase.model}",
            request=request,
        )

    def _gate(self, account: Account, realm: str, profile: str) -> Gate:
        return self._gates.setdefault((realm, account.name, profile), Gate(account.concurrency))

    def _key(self, account: Account, destination: Destination, profile: str, otherwise: str = "") -> Key:
        if destination.realm == "sandbox":
            return SANDBOX_KEY
        try:
            return self.keys.find(account, destination.address, profile)
        except MissingKey as error:
            raise (MissingKey(otherwise) if otherwise else error) from None

    def _key_of(self, purchase: Purchase, place: Destination) -> Key:
        """The key to go on with: whoever began it may have used another profile's, and no other account knows the job."""
        account = self.providers[purchase.provider].account
        return self._key(account, place, purchase.profile) if asks(purchase, self.owner) else NO_KEY

    async def _open_tools(self) -> Tools:
        if self._tools is None:
            async with self._opening:
                if self._tools is None:
                    self._tools = await self._make_tools()
                    self._life = asyncio.create_task(self._live(self._tools))
        return self._tools

    async def _make_tools(self) -> Tools:
        settings = self.settings()
        self.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        url = settings.database_url or sqlite_url(self.folder / "easel.db")
        database = await self._in_order(open_database, url)
        http = aiohttp.ClientSession()
        return Tools(
            journal=Journal(database, self.owner),
            ledger=Ledger(database),
            store=Store(settings.store_url or (self.folder / "pictures").as_uri(), may_go=bool(settings.store_url)),
            keys=self.keys,
            http=http,
            downloads=Downloader.beside(http),
            inspect=self.inspect,
            in_order=self._in_order,
            is_stopping=lambda: self._is_stopped,
        )

    async def _close_tools(self) -> None:
        if self._tools is not None:
            await self._tools.downloads.close()
            await self._in_order(self._tools.journal.close)

    async def _in_order(self, step: Callable[..., Any], *values: Any, **named: Any) -> Any:
        """Run a blocking step on the journal's thread, after those that came before."""
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._journal_thread, partial(insist, step, *values, **named))

    async def _open_kept(self, tools: Tools, purchase: Purchase, notes: list[str]) -> Outcome | None:
        """A finished purchase with its bytes; None (and marked as damaged) where they cannot be had any more."""
        pictures = await read_pictures(tools, purchase, notes)
        if pictures is None:
            await self._in_order(tools.journal.ended, purchase.id, "damaged", "files lost")
            notes.append("The kept picture was damaged and could not be fetched again, so it was bought again.")
            return None
        return outcome_of(purchase, pictures, notes, paid_now=False)

    async def _outcome(self, tools: Tools, purchase: Purchase, notes: list[str], *, paid_now: bool = False) -> Outcome:
        pictures = await read_pictures(tools, purchase, notes)
        if pictures is None:
            raise ResultLost("The picture arrived, and its file was gone from Easel's store a moment later.")
        return outcome_of(purchase, pictures, notes, paid_now=paid_now)
