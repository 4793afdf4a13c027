"""Waiting for another loop's work: nothing of it may harm the loop that waits."""

import asyncio
import concurrent.futures
import time

import pytest

from easel.nodes.hosted.engine.loop import LoopThread, look_until_done


@pytest.fixture
def thread():
    thread = LoopThread("a-test")
    yield thread

    async def nothing_more():
        pass

    thread.stop(nothing_more)


@pytest.mark.parametrize("raised", [asyncio.CancelledError, concurrent.futures.CancelledError])
async def test_no_cancellation_of_the_work_is_one_of_who_waits(thread, raised):
    async def work():
        raise raised

    with pytest.raises(RuntimeError, match="stopped"):
        await look_until_done(thread.submit(work()), lambda: None)


@pytest.mark.alone
async def test_who_waits_looks_ten_times_a_second_and_may_stop_waiting_by_it(thread):
    looks = []

    def look():
        looks.append(time.monotonic())
        if len(looks) == 12:
            raise InterruptedError

    work = thread.submit(asyncio.sleep(60))
    with pytest.raises(InterruptedError):
        await look_until_done(work, look)
    assert not work.done()
    assert looks[-1] - looks[0] < 5


async def test_a_waiter_that_is_cancelled_leaves_the_work_alone(thread):
    work = thread.submit(asyncio.sleep(0.3, "done"))
    waiting = asyncio.ensure_future(look_until_done(work, lambda: None))
    await asyncio.sleep(0.05)
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    assert await look_until_done(work, lambda: None) == "done"
