"""The gate: so many inside, fewer after a throttle, more after success, in the order of coming."""

import asyncio
import time

import pytest

from easel.nodes.hosted.engine.gate import Gate


@pytest.fixture
def never():
    return asyncio.Event()


async def test_as_many_are_inside_as_it_is_wide_first_come_first_served(never):
    gate = Gate(2)
    order = []

    async def pass_through(number):
        assert await gate.enter(never)
        order.append(number)
        await asyncio.sleep(0.02)
        gate.leave()

    await asyncio.gather(*(pass_through(number) for number in range(6)))
    assert order == list(range(6))


async def test_a_throttle_halves_it_and_success_widens_it_again_up_to_where_it_was():
    gate = Gate(8)
    gate.throttled(None)
    assert gate.width == 4
    for _ in range(10):
        gate.throttled(None)
    assert gate.width == 1
    widths = []
    for _ in range(100):
        gate.succeeded()
        widths.append(gate.width)
    assert widths == sorted(widths)
    assert widths[0] == 2
    assert widths[-1] == 8


async def test_nobody_enters_while_the_provider_wants_to_be_left_alone(never):
    gate = Gate(8)
    gate.throttled(0.5)
    assert 0.3 < gate.closed_for <= 0.5
    began = time.monotonic()
    await asyncio.gather(*(gate.enter(never) for _ in range(4)))
    assert time.monotonic() - began > 0.4
    assert gate.closed_for == 0


async def test_a_shorter_pause_never_shortens_a_longer_one():
    gate = Gate(8)
    gate.throttled(10)
    gate.throttled(0.1)
    assert gate.closed_for > 9


async def test_who_leaves_the_queue_or_is_cancelled_takes_no_place(never):
    gate = Gate(1)
    assert await gate.enter(never)
    left = asyncio.Event()
    leaving = asyncio.ensure_future(gate.enter(left))
    cancelled = asyncio.ensure_future(gate.enter(never))
    staying = asyncio.ensure_future(gate.enter(never))
    await asyncio.sleep(0.01)
    left.set()
    cancelled.cancel()
    assert await leaving is False
    gate.leave()
    assert await asyncio.wait_for(staying, 1)


async def test_who_leaves_at_the_very_moment_a_place_is_free_gives_it_on(never):
    gate = Gate(1)
    assert await gate.enter(never)
    left = asyncio.Event()
    leaving = asyncio.ensure_future(gate.enter(left))
    await asyncio.sleep(0.01)
    left.set()
    gate.leave()
    assert await leaving is False
    assert await asyncio.wait_for(gate.enter(never), 1)


async def test_who_is_cancelled_with_a_place_in_hand_gives_it_on(never):
    gate = Gate(1)
    assert await gate.enter(never)
    cancelled = asyncio.ensure_future(gate.enter(never))
    await asyncio.sleep(0.01)
    gate.leave()
    cancelled.cancel()
    with pytest.raises(asyncio.CancelledError):
        await cancelled
    assert await asyncio.wait_for(gate.enter(never), 1)
