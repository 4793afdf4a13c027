"""The same wish at several accounts: what is kept, under way or unclear at one of them is not bought at another."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from pydantic import Field

from easel.nodes.hosted.engine.errors import ContentRejected, MissingKey, TimedOut
from support.shop import DEAD, CounterProvider, CounterWish, QueueProvider, Wish, buy, ledger, states, until


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


async def test_what_is_under_way_at_another_account_is_waited_for(shop, house, folder):
    house.seconds = 0.5
    engine = shop()
    shown = []
    there = asyncio.ensure_future(buy(engine, Wish()))
    await until(lambda: states(folder) == ["running"])
    here = await buy(engine, THERE, look=shown.append)
    assert (here.reused, here.paid_usd, here.record["provider"]) == (True, 0, "queue")
    assert here.pictures == (await there).pictures
    assert any(progress.status == "drawing" for progress in shown)
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


async def test_who_stops_the_wait_stops_what_nobody_else_waits_for(shop, house, folder):
    house.seconds = 60
    engine = shop()
    halted = False

    def look(_progress):
        if halted:
            raise KeyError("the host's interrupt")

    there = asyncio.ensure_future(buy(engine, Wish(), look=look))
    await until(lambda: states(folder) == ["running"])
    here = asyncio.ensure_future(buy(engine, THERE, look=look))
    await asyncio.sleep(0.2)
    halted = True
    for one in (there, here):
        with pytest.raises(KeyError):
            await one
    await until(lambda: states(folder) == ["cancelled"])
    assert (house.submissions, house.requests["cancel"]) == (1, 1)


async def test_one_who_leaves_takes_nothing_from_those_at_another_account(shop, house, folder):
    house.seconds = 0.6
    engine = shop()
    there = asyncio.ensure_future(buy(engine, Wish()))
    await until(lambda: states(folder) == ["running"])

    def look(progress):
        if progress.status == "drawing":
            raise KeyError("the host's interrupt")

    with pytest.raises(KeyError):
        await buy(engine, THERE, look=look)
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
