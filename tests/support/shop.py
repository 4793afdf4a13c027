"""What tests buy with: two providers that talk to a QueueHouse, their request, and an engine for them."""

import asyncio
import base64
import contextlib
import hashlib
import json
import sqlite3
import time
from decimal import Decimal
from typing import ClassVar

import aiohttp

from easel.nodes import pictures
from easel.nodes.hosted.engine import errors
from easel.nodes.hosted.engine.account import Account
from easel.nodes.hosted.engine.engine import Engine, Order
from easel.nodes.hosted.engine.inputs import Picture
from easel.nodes.hosted.engine.outcome import Facts
from easel.nodes.hosted.engine.owner import this_process
from easel.nodes.hosted.engine.provider import Inline, Job, Link, Progress, Refused, Result
from easel.nodes.hosted.engine.request import Request

KEY = "hk-a-key-that-nobody-may-ever-see"
PRICE = Decimal("0.04")
POLL_EVERY = 0.05
DEAD = f"{this_process().rsplit('/', 2)[0]}/999999999/1.00"
"""An owner on this machine that does not live."""


class Wish(Request):
    """Bought from the queue."""

    provider: ClassVar[str] = "queue"
    operation = "draw"
    max_seed = 4_294_967_295

    model: str = "house-1"
    prompt: str = "a boat"
    n: int = 1
    seed: int | None = None
    picture: Picture | None = None


class CounterWish(Wish):
    """The same, bought over the counter: the picture comes with the answer."""

    provider: ClassVar[str] = "counter"


class QueueProvider:
    """The house's queue."""

    def __init__(self, *, concurrency=16, patience=60.0, price=PRICE, timeout=30.0, name="queue"):
        self.account = Account(
            name=name,
            label="The House",
            address="https://house.example",
            key_variable="HOUSE_API_KEY",
            concurrency=concurrency,
            patience=patience,
        )
        self.price = price
        self.timeout = aiohttp.ClientTimeout(total=timeout)
        self.before_submit = None

    async def submit(self, request, call):
        if self.before_submit is not None:
            await self.before_submit()
        answer = await self._ask(call, "POST", "/jobs", await self._body(request, call))
        return Job({"job": answer["id"]}, wait=POLL_EVERY)

    async def poll(self, job, call):
        answer = await self._ask(call, "GET", f"/jobs/{job.handle['job']}")
        if answer["status"] == "drawing":
            return Job(job.handle, Progress("drawing", answer["fraction"], answer["position"]), wait=POLL_EVERY)
        if answer["status"] == "cancelled":
            raise errors.ResultLost("The House stopped the job.")
        links = tuple(Link(url, "a revised boat", answer["lifetime"]) for url in answer["pictures"])
        return _result(answer, links)

    async def cancel(self, job, call):
        answer = await self._ask(call, "POST", f"/jobs/{job.handle['job']}/cancel", {})
        return answer["cancelled"]

    def estimate(self, request):
        return None if self.price is None else self.price * request.n

    def explain(self, error, request):
        if isinstance(error, Answered):
            return error.as_ours()
        if isinstance(error, aiohttp.ClientConnectorError):
            return errors.ProviderDown("The House cannot be reached.", retryable=True)
        if isinstance(error, (aiohttp.ClientError, asyncio.TimeoutError)):
            return errors.TimedOut("The House did not answer in time.")
        return None

    async def _body(self, request, call):
        body = request.parameters()
        if request.picture is not None:
            link = await call.link_for(request.picture)
            body["input"] = {"link": link} if link else {"upload": len(request.picture.encoded())}
        return body

    async def _ask(self, call, method, path, body=None):
        headers = {"Authorization": f"Bearer {call.key.reveal()}"}
        async with call.http.request(
            method, call.address + path, json=body, headers=headers, timeout=self.timeout
        ) as answer:
            told = await answer.json()
            if answer.status != 200:
                raise Answered(answer.status, answer.headers, told["error"])
            return told


class CounterProvider(QueueProvider):
    """The house's counter."""

    def __init__(self, **knobs):
        super().__init__(name="counter", **knobs)

    async def submit(self, request, call):
        if self.before_submit is not None:
            await self.before_submit()
        answer = await self._ask(call, "POST", "/jobs", {**await self._body(request, call), "wait": True})
        return _result(answer, tuple(Inline(base64.b64decode(data)) for data in answer["pictures"]))


class Answered(Exception):
    """The house answered, and not with 200."""

    def __init__(self, status, headers, words):
        super().__init__(f"HTTP {status} {words}")
        self.status, self.headers, self.words = status, headers, words

    def as_ours(self):
        if self.status == 429:
            after = self.headers.get("Retry-After")
            return errors.RateLimited("The House is busy.", retry_after=float(after) if after else None)
        if self.status == 503:
            return errors.ProviderDown("The House is closed.", retryable=True)
        if self.status == 404:
            return errors.ResultLost("The House has forgotten the job.")
        kinds = {401: errors.InvalidKey, 402: errors.QuotaExhausted, 400: errors.InputRefused}
        if self.status in kinds:
            return kinds[self.status]("The House says no.", words=self.words)
        if self.status == 451:
            return errors.ContentRejected("The House does not draw this.", stage="input", words=self.words)
        return errors.ProviderDown("The House has a problem.", words=self.words)


def inspect(data):
    """As the nodes do it."""
    picture = pictures.decode(data)
    return Facts(pictures.media_type_of(data), picture.width, picture.height, picture.rgb_digest, picture.has_alpha)


def open_shop(folder, house_url, *, providers=None, environment=None, owner=None, **settings):
    """An engine in ``folder`` whose providers are sent to the house by the operator's settings file."""
    providers = providers or [QueueProvider(), CounterProvider()]
    folder.mkdir(parents=True, exist_ok=True)
    places = {one.account.name: {"base_url": house_url} for one in providers}
    (folder / "settings.json").write_text(json.dumps({"providers": places, **settings}))
    return Engine(
        folder,
        {one.account.name: one for one in providers},
        inspect=inspect,
        open_sandbox=lambda: house_url,
        environment={"HOUSE_API_KEY": KEY} if environment is None else environment,
        **({"owner": owner} if owner else {}),
    )


async def buy(engine, wish=None, *, run="run-1", look=lambda progress: None, **named):
    """One purchase, asked for as a node does."""
    return await engine.buy(wish or Wish(), Order(run=run), look, **named)


def rows(folder, what):
    """What an SQL question to the journal of ``folder`` gives, past the engine."""
    with contextlib.closing(sqlite3.connect(folder / "easel.db")) as database:
        return database.execute(what).fetchall()


def states(folder):
    """The states of all purchases, oldest first; none before the journal is there."""
    if not rows(folder, "SELECT name FROM sqlite_master WHERE name = 'purchases'"):
        return []
    return [state for (state,) in rows(folder, "SELECT state FROM purchases ORDER BY began")]


def ledger(folder):
    """Dollars and source of every line of the ledger."""
    return [
        (micros / 1e6, source) for micros, source in rows(folder, "SELECT usd_micros, source FROM ledger ORDER BY id")
    ]


async def until(condition, seconds=10.0):
    """Wait for ``condition``; fails where it does not come."""
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "it never came"
        await asyncio.sleep(0.01)


def sha256(data):
    return hashlib.sha256(data).hexdigest()


def _result(answer, found):
    return Result(
        pictures=found,
        refused=tuple(Refused(reason) for reason in answer["refused"]),
        cost_usd=None if answer["cost"] is None else Decimal(answer["cost"]),
        request_id=answer["id"],
        seed=answer["seed"],
    )
