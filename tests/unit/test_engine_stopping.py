"""Interrupts, siblings that fail, and the end of the engine: who stops what, and what is kept."""

import asyncio
import time

import pytest

from support.shop import DEAD, CounterWish, QueueProvider, Wish, buy, ledger, states, until

pytestmark = pytest.mark.alone


class Interrupted(BaseException):
    """As the host's own."""


class Switch:
    """A look that raises from the moment on that it is thrown."""

    def __init__(self):
        self.thrown_at = None

    def throw(self):
        self.thrown_at = time.monotonic()

    def __call__(self, progress):
        if self.thrown_at is not None:
            raise Interrupted


async def interrupt(buying, switch):
    """Throw the switch, and see that it is felt within half a second."""
    switch.throw()
    with pytest.raises(Interrupted):
        await buying
    assert time.monotonic() - switch.thrown_at < 0.5


async def test_an_interrupt_before_anything_was_sent_sends_nothing(shop, house, folder):
    house.seconds = 60
    engine = shop(providers=[QueueProvider(concurrency=1)])
    inside = asyncio.ensure_future(buy(engine, Wish(take=1)))
    await until(lambda: house.submissions == 1)
    switch = Switch()
    waiting = asyncio.ensure_future(buy(engine, Wish(take=2), look=switch))
    await until(lambda: len(states(folder)) == 2)
    await interrupt(waiting, switch)
    await until(lambda: states(folder)[1] == "cancelled")
    assert (house.submissions, ledger(folder)) == (1, [])
    inside.cancel()


async def test_an_interrupt_in_a_pause_ends_the_retries(shop, house, folder):
    house.close_door()
    switch = Switch()
    buying = asyncio.ensure_future(buy(shop(), look=switch))
    await until(lambda: states(folder) == ["intended"])
    await asyncio.sleep(0.3)
    await interrupt(buying, switch)
    await until(lambda: states(folder) == ["cancelled"])
    house.open_door()
    await asyncio.sleep(1.5)
    assert house.requests["submit"] == 0


async def test_an_interrupt_cancels_a_job_that_can_be(shop, house, folder):
    house.seconds = 60
    switch = Switch()
    buying = asyncio.ensure_future(buy(shop(), look=switch))
    await until(lambda: states(folder) == ["running"])
    await interrupt(buying, switch)
    await until(lambda: states(folder) == ["cancelled"])
    assert house.requests["cancel"] == 1
    assert all(job.cancelled for job in house.jobs.values())
    assert ledger(folder) == []


async def test_an_interrupt_is_felt_by_a_job_that_waits_long_between_looks(shop, house, folder, monkeypatch):
    monkeypatch.setattr("support.shop.POLL_EVERY", 30.0)
    house.seconds = 60
    switch = Switch()
    buying = asyncio.ensure_future(buy(shop(), look=switch))
    await until(lambda: states(folder) == ["running"])
    await interrupt(buying, switch)
    await until(lambda: states(folder) == ["cancelled"], 2)


@pytest.mark.parametrize("why", ["cannot", "fails", "down"])
async def test_a_job_that_cannot_be_cancelled_is_finished_and_kept(shop, house, folder, why):
    house.seconds = 60
    house.can_cancel = why != "cannot"
    house.faults["cancel"] = {"cannot": [], "fails": [500], "down": [429]}[why]
    switch = Switch()
    engine = shop()
    buying = asyncio.ensure_future(buy(engine, look=switch))
    await until(lambda: states(folder) == ["running"])
    await interrupt(buying, switch)
    await until(lambda: house.requests["cancel"] == 1)
    house.seconds = 0
    await until(lambda: states(folder) == ["done"])
    again = await buy(engine)
    assert again.reused
    assert (house.submissions, house.requests["cancel"]) == (1, 1)
    assert ledger(folder) == [(0.04, "estimated")]


async def test_a_job_that_is_stopped_after_it_began_may_be_in_the_bill(shop, house, folder):
    """Some providers stop a job and charge for what was done until then."""

    class ByTheSecond(QueueProvider):
        async def cancel(self, job, call):
            return "unsure" if await super().cancel(job, call) else False

    house.seconds = 60
    switch = Switch()
    buying = asyncio.ensure_future(buy(shop(providers=[ByTheSecond()]), look=switch))
    await until(lambda: states(folder) == ["running"])
    await interrupt(buying, switch)
    await until(lambda: states(folder) == ["cancelled"])
    assert ledger(folder) == [(0.04, "unsure")]


async def test_a_picture_already_paid_over_the_counter_is_kept(shop, house, folder):
    house.seconds = 60
    switch = Switch()
    engine = shop()
    buying = asyncio.ensure_future(buy(engine, CounterWish(), look=switch))
    await until(lambda: house.submissions == 1)
    await interrupt(buying, switch)
    house.seconds = 0
    await until(lambda: states(folder) == ["done"])
    assert (await buy(engine, CounterWish())).reused
    assert house.submissions == 1


async def test_an_interrupt_is_heard_while_looks_at_the_job_fail(shop, house, folder):
    house.seconds = 60
    house.faults["poll"] = [503] * 100
    switch = Switch()
    buying = asyncio.ensure_future(buy(shop(), look=switch))
    await until(lambda: house.requests["poll"] >= 3)
    await interrupt(buying, switch)
    await until(lambda: states(folder) == ["cancelled"], 2)


async def test_a_failing_sibling_stops_no_purchase(shop, house, folder):
    house.seconds = 60
    engine = shop()
    buying = asyncio.ensure_future(buy(engine))
    await until(lambda: states(folder) == ["running"])
    buying.cancel()
    with pytest.raises(asyncio.CancelledError):
        await buying
    # What would be asked to stop by mistake, is asked by now.
    await asyncio.sleep(0.5)
    house.seconds = 0
    await until(lambda: states(folder) == ["done"])
    assert house.requests["cancel"] == 0
    assert (await buy(engine)).reused


async def test_a_cancelled_sibling_of_an_interrupted_run_stops_its_purchase(shop, house, folder):
    house.seconds = 60
    buying = asyncio.ensure_future(buy(shop(), stopped=lambda: True))
    await until(lambda: states(folder) == ["running"])
    buying.cancel()
    with pytest.raises(asyncio.CancelledError):
        await buying
    await until(lambda: states(folder) == ["cancelled"])


async def test_one_of_two_who_leaves_takes_nothing_from_the_other(shop, house):
    house.seconds = 60
    engine = shop()
    switch = Switch()
    stays, leaves = (asyncio.ensure_future(buy(engine, look=look)) for look in (lambda progress: None, switch))
    await until(lambda: house.submissions == 1)
    await interrupt(leaves, switch)
    house.seconds = 0
    assert len((await stays).pictures) == 1
    assert (house.submissions, house.requests["cancel"]) == (1, 0)


async def test_who_joins_a_purchase_that_is_being_stopped_still_gets_a_picture(shop, house, folder):
    engine = shop()
    for number in range(8):
        house.seconds = 60
        wish = Wish(take=number)
        switch = Switch()
        first = asyncio.ensure_future(buy(engine, wish, look=switch))
        await asyncio.sleep(0.02 * number)
        switch.throw()
        second = asyncio.ensure_future(buy(engine, wish))
        with pytest.raises(Interrupted):
            await first
        house.seconds = 0
        assert len((await asyncio.wait_for(second, 10)).pictures) == 1
    assert states(folder).count("done") == 8


async def test_who_joins_before_the_stop_had_effect_keeps_the_purchase(shop, house):
    engine = shop()
    house.faults["submit"] = ["held"]
    switch = Switch()
    first = asyncio.ensure_future(buy(engine, look=switch))
    await until(lambda: house.submissions == 1)
    await interrupt(first, switch)
    # The request is still on its way: nobody has been asked to cancel anything.
    second = asyncio.ensure_future(buy(engine, look=lambda progress: setattr(house, "held", False)))
    assert len((await second).pictures) == 1
    assert (house.submissions, house.requests["cancel"]) == (1, 0)


async def test_the_end_of_the_engine_leaves_what_is_under_way_to_be_resumed(shop, house, folder):
    house.seconds = 60
    engine = shop(owner=DEAD)
    buying = asyncio.ensure_future(buy(engine))
    await until(lambda: states(folder) == ["running"])
    engine.stop()
    with pytest.raises(RuntimeError, match="stopped"):
        await buying
    assert states(folder) == ["running"]
    house.seconds = 0
    assert len((await buy(shop())).pictures) == 1
    assert house.submissions == 1


async def test_the_end_in_the_middle_of_a_request_leaves_it_open(shop, house, folder):
    house.seconds = 5.0
    engine = shop()
    buying = asyncio.ensure_future(buy(engine, CounterWish()))
    await until(lambda: house.submissions == 1)
    engine.stop()
    with pytest.raises(RuntimeError, match="stopped"):
        await buying
    assert states(folder) == ["sending"]


async def test_an_engine_that_was_stopped_says_so(shop):
    engine = shop()
    engine.stop()
    engine.stop()
    with pytest.raises(RuntimeError, match="stopped"):
        await buy(engine)


async def test_an_interrupt_of_a_resumed_purchase_cancels_it(shop, house, folder):
    house.seconds = 60
    first = shop(owner=DEAD)
    left = asyncio.ensure_future(buy(first))
    await until(lambda: states(folder) == ["running"])
    first.stop()
    with pytest.raises(RuntimeError):
        await left
    switch = Switch()
    buying = asyncio.ensure_future(buy(shop(), look=switch))
    polls = house.requests["poll"]
    await until(lambda: house.requests["poll"] > polls + 1)
    await interrupt(buying, switch)
    await until(lambda: states(folder) == ["cancelled"])
