"""The same wish at several accounts: what is kept, under way or unclear at one of them is not bought at another."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from pydantic import Field

from easel.nodes.hosted.engine import books
from easel.nodes.hosted.engine import engine as engine_module
from easel.nodes.hosted.engine.database import open_database, sqlite_url
from easel.nodes.hosted.engine.errors import ContentRejected, InvalidKey, MissingKey, Stopped, TimedOut
from easel.nodes.hosted.engine.journal import Journal
from easel.nodes.hosted.engine.order import Order
from easel.nodes.hosted.engine.settings import Budget
from easel.nodes.hosted.engine.tickets import CalledOff
from easel.nodes.hosted.engine.wishes import follow, opening_of
from support.shop import DEAD, CounterProvider, CounterWish, QueueProvider, Wish, buy, ledger, rows, states, until

NEIGHBOUR = "elsewhere/1/1.00"
"""An owner on another machine; while it lives, its lease says so."""


class AtQueue(Wish):
    """A wish for the queue that the counter can fulfil as well."""

    at: tuple[Any, ...] = Field(default=(), exclude=True)
    hint: str = Field(default="", exclude=True)

    @property
    def elsewhere(self):
        return self.at

    @property
    def without_key(self):
        return self.hint


class AtCounter(CounterWish):
    """A wish for the counter that the queue can fulfil as well."""

    at: tuple[Any, ...] = Field(default=(), exclude=True)

    @property
    def elsewhere(self):
        return self.at


HERE, THERE = AtQueue(at=(CounterWish(),)), AtCounter(at=(Wish(),))


async def waiting(engine, wish, look=lambda progress: None):
    """The purchase of ``wish``, which by now waits for a job that another began and that is being drawn."""
    seen = []

    def look_twice(progress):
        seen.append(progress.status)
        look(progress)

    buying = asyncio.ensure_future(buy(engine, wish, look=look_twice))
    await until(lambda: "drawing" in seen)
    return buying


async def test_what_is_under_way_at_another_account_is_waited_for(shop, house, folder):
    house.seconds = 60

    def look(progress):
        if progress.status == "drawing":
            house.seconds = 0

    engine = shop()
    there = asyncio.ensure_future(buy(engine, Wish()))
    await until(lambda: states(folder) == ["running"])
    here = await buy(engine, THERE, look=look)
    assert (here.reused, here.paid_usd, here.record["provider"]) == (True, 0, "queue")
    assert here.pictures == (await there).pictures
    assert (house.submissions, ledger(folder)) == (1, [(0.04, "estimated")])


async def test_two_that_could_each_take_the_other_s_are_one_purchase(shop, house):
    house.seconds = 0.2
    engine = shop()
    both = await asyncio.gather(*(buy(engine, wish) for wish in (HERE, THERE, HERE, THERE)))
    assert house.submissions == 1
    assert len({outcome.pictures[0].data for outcome in both}) == 1


async def test_a_job_that_a_dead_process_left_at_another_account_is_resumed(shop, house, folder):
    house.seconds = 60
    first = shop(owner=DEAD)
    left = asyncio.ensure_future(buy(first, Wish()))
    await until(lambda: states(folder) == ["running"])
    first.stop()
    with pytest.raises(RuntimeError):
        await left
    house.seconds = 0.1
    outcome = await buy(shop(), THERE)
    assert (outcome.record["provider"], outcome.paid_usd) == ("queue", 0)
    assert (house.submissions, states(folder)) == (1, ["done"])


async def test_a_request_that_may_have_arrived_at_another_account_is_told_before_it_is_bought_here(shop, house, folder):
    house.seconds = 5.0
    first = shop(owner=DEAD)
    left = asyncio.ensure_future(buy(first, CounterWish()))
    await until(lambda: house.submissions == 1)
    first.stop()
    with pytest.raises(RuntimeError):
        await left
    house.seconds = 0.0
    engine = shop()
    with pytest.raises(TimedOut, match="cannot know whether the request arrived"):
        await buy(engine, HERE)
    assert house.submissions == 1
    assert (await buy(engine, HERE)).record["provider"] == "queue"
    assert house.submissions == 2


async def test_what_ends_for_nothing_at_another_account_is_bought_here(shop, house, folder):
    engine = shop()
    house.faults["submit"] = [(429, {"Retry-After": "0.5"}, ""), (402, {}, "no credit")]
    there = asyncio.ensure_future(buy(engine, CounterWish()))
    await until(lambda: states(folder) == ["intended"])
    here = await buy(engine, HERE)
    assert here.record["provider"] == "queue"
    assert house.submissions == 1
    with pytest.raises(Exception, match="says no"):
        await there


async def test_a_refusal_at_another_account_is_one_here(shop, house, folder):
    engine = shop()
    house.faults["submit"] = [(429, {"Retry-After": "0.5"}, ""), (451, {}, "too bright")]
    there = asyncio.ensure_future(buy(engine, CounterWish()))
    await until(lambda: states(folder) == ["intended"])
    with pytest.raises(ContentRejected, match="too bright"):
        await buy(engine, HERE)
    with pytest.raises(ContentRejected):
        await there
    assert house.submissions == 0


async def test_what_may_have_been_charged_at_another_account_is_told_and_not_bought_here(shop, house, folder):
    engine = shop()
    house.faults["submit"] = [(429, {"Retry-After": "0.5"}, ""), "cut after"]
    there = asyncio.ensure_future(buy(engine, CounterWish()))
    await until(lambda: states(folder) == ["intended"])
    with pytest.raises(TimedOut) as told:
        await buy(engine, HERE)
    assert told.value.charge == "unsure"
    with pytest.raises(TimedOut):
        await there
    assert (house.requests["submit"], ledger(folder)) == (2, [(0.04, "unsure")])


async def test_a_job_that_goes_on_at_another_account_is_not_bought_here(shop, house, folder):
    house.seconds = 60
    engine = shop()
    there = asyncio.ensure_future(buy(engine, Wish()))
    await until(lambda: states(folder) == ["running"])
    here = await waiting(engine, THERE)
    # It cannot be looked at any more, and goes on all the same.
    house.faults["poll"] = [(401, {}, "who?")]
    for one in (there, here):
        with pytest.raises(InvalidKey) as told:
            await one
        assert told.value.resumable
    assert (house.submissions, states(folder)) == (1, ["running"])


async def test_a_job_at_an_account_whose_key_is_gone_does_not_stand_in_the_way(shop, house, folder):
    providers = [QueueProvider(), CounterProvider()]
    house.seconds = 60
    first = shop(owner=DEAD, providers=providers)
    left = asyncio.ensure_future(buy(first, Wish()))
    await until(lambda: states(folder) == ["running"])
    first.stop()
    with pytest.raises(RuntimeError):
        await left
    house.seconds = 0.0
    object.__setattr__(providers[0].account, "key_variable", "QUEUE_API_KEY")
    outcome = await buy(shop(providers=providers), THERE)
    assert (outcome.record["provider"], house.submissions) == ("counter", 2)
    assert "elsewhere could not be had" in outcome.notes[0] and "QUEUE_API_KEY" in outcome.notes[0]


async def test_what_another_machine_buys_elsewhere_is_waited_for_without_its_key(shop, house, folder):
    providers = [QueueProvider(), CounterProvider()]
    house.seconds = 60
    there = asyncio.ensure_future(buy(shop(owner=NEIGHBOUR, providers=providers), Wish()))
    await until(lambda: states(folder) == ["running"])
    mine = [QueueProvider(), CounterProvider()]
    object.__setattr__(mine[0].account, "key_variable", "QUEUE_API_KEY")

    def look(progress):
        if progress.status == "another ComfyUI is buying the same picture":
            house.seconds = 0

    here = await buy(shop(providers=mine), THERE, look=look)
    assert (here.record["provider"], here.paid_usd) == ("queue", 0)
    assert here.pictures == (await there).pictures
    assert (house.submissions, ledger(folder)) == (1, [(0.04, "estimated")])


async def test_a_request_that_may_have_arrived_is_told_even_where_its_key_is_gone(shop, house, folder):
    providers = [QueueProvider(), CounterProvider()]
    house.seconds = 5.0
    first = shop(owner=DEAD, providers=providers)
    left = asyncio.ensure_future(buy(first, CounterWish()))
    await until(lambda: house.submissions == 1)
    first.stop()
    with pytest.raises(RuntimeError):
        await left
    house.seconds = 0.0
    object.__setattr__(providers[1].account, "key_variable", "COUNTER_API_KEY")
    engine = shop(providers=providers)
    with pytest.raises(TimedOut, match="cannot know whether the request arrived"):
        await buy(engine, HERE)
    assert (house.submissions, [source for _, source in ledger(folder)]) == (1, ["unsure"])


async def test_what_is_begun_anew_elsewhere_after_a_failure_is_waited_for_too(shop, house, folder, monkeypatch):
    engine = shop()
    house.faults["submit"] = [(429, {"Retry-After": "0.5"}, ""), (402, {}, "no credit")]
    there = asyncio.ensure_future(buy(engine, CounterWish()))
    await until(lambda: states(folder) == ["intended"])
    again = []

    async def slow_follow(*tickets):
        ended = await follow(*tickets)
        if not again:
            house.seconds = 60
            again.append(asyncio.ensure_future(buy(engine, CounterWish())))
            await until(lambda: states(folder) == ["failed", "sending"])
            asyncio.get_running_loop().call_later(0.5, setattr, house, "seconds", 0)
        return ended

    monkeypatch.setattr(engine_module, "follow", slow_follow)
    here = await buy(engine, HERE)
    assert (here.record["provider"], here.reused) == ("counter", True)
    assert (await again[0]).pictures == here.pictures
    assert house.submissions == 1
    with pytest.raises(Exception, match="says no"):
        await there


async def test_two_that_come_to_wait_for_one_another_are_bought_all_the_same(shop, house, folder):
    """The queue's waits beside a neighbour and the counter's for it, when the neighbour turns to the counter."""
    engine = shop()
    await engine.look_up(lambda tools: asyncio.sleep(0))
    neighbour = Journal(open_database(sqlite_url(folder / "easel.db")), NEIGHBOUR)

    def claim(wish):
        place = engine.destination(engine.providers[wish.provider].account)
        opening = opening_of(wish, Order(), place, None, [wish.fingerprint(*place.scope)], ())
        return neighbour.claim(opening, Budget()).purchase.id

    first = claim(Wish())
    here = asyncio.ensure_future(buy(engine, HERE))
    there = asyncio.ensure_future(buy(engine, THERE))
    await asyncio.sleep(0.3)
    neighbour.ended(first, "failed", "no credit")
    second = claim(CounterWish())
    await asyncio.sleep(1.2)
    neighbour.ended(second, "failed", "no credit")
    both = await asyncio.wait_for(asyncio.gather(here, there), 8)
    assert both[0].pictures == both[1].pictures
    assert house.submissions == 1
    neighbour.close()


async def test_who_stops_the_wait_stops_what_nobody_else_waits_for(shop, house, folder):
    house.seconds = 60
    engine = shop()
    halted = False

    def look(_progress):
        if halted:
            raise KeyError("the host's interrupt")

    there = asyncio.ensure_future(buy(engine, Wish(), look=look))
    await until(lambda: states(folder) == ["running"])
    here = await waiting(engine, THERE, look)
    halted = True
    for one in (there, here):
        with pytest.raises(KeyError):
            await one
    await until(lambda: states(folder) == ["cancelled"])
    assert (house.submissions, house.requests["cancel"]) == (1, 1)


async def test_what_is_called_off_at_another_account_is_not_bought_here(shop, house, folder):
    house.seconds = 60
    engine = shop()
    there = asyncio.ensure_future(buy(engine, Wish()))
    await until(lambda: states(folder) == ["running"])
    here = await waiting(engine, THERE)
    ((purchase_id,),) = rows(folder, "SELECT id FROM purchases")
    await books.cancel(engine, purchase_id)
    with pytest.raises(Stopped):
        await there
    with pytest.raises(CalledOff):
        await here
    await until(lambda: states(folder) == ["cancelled"])
    assert (house.submissions, house.requests["cancel"]) == (1, 1)


async def test_one_who_leaves_takes_nothing_from_those_at_another_account(shop, house, folder):
    house.seconds = 60
    engine = shop()
    there = asyncio.ensure_future(buy(engine, Wish()))
    await until(lambda: states(folder) == ["running"])

    def look(progress):
        if progress.status == "drawing":
            raise KeyError("the host's interrupt")

    with pytest.raises(KeyError):
        await buy(engine, THERE, look=look)
    house.seconds = 0
    assert len((await there).pictures) == 1
    assert house.requests["cancel"] == 0


async def test_what_is_kept_needs_no_key_and_what_is_not_says_which_are_wanted(shop, house):
    bought = await buy(shop(), CounterWish())
    keyless = shop(environment={})
    assert (await buy(keyless, HERE)).pictures == bought.pictures
    with pytest.raises(MissingKey, match="HOUSE_API_KEY"):
        await buy(keyless, AtQueue(take=1))
    with pytest.raises(MissingKey, match=r"^set one of two$"):
        await buy(keyless, AtQueue(take=1, hint="set one of two"))
    assert house.submissions == 1
