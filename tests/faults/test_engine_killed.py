"""kill -9 at every step of a purchase, and processes that share one journal: never bought twice, never lost."""

import asyncio
import json
import subprocess
import sys
from pathlib import Path

import pytest

from easel.nodes.hosted.engine.errors import TimedOut
from support.queue_house import QueueHouse
from support.shop import CounterWish, Wish, buy, ledger, open_shop, states, until

BUYER = Path(__file__).parents[1] / "support" / "buyer.py"
UNSURE = [(0.04, "unsure")]
CHARGED = [(0.04, "estimated")]


@pytest.fixture
def house():
    house = QueueHouse()
    yield house
    house.close()


@pytest.fixture
def folder(tmp_path):
    return tmp_path / "easel"


@pytest.fixture
def engine(house, folder):
    engine = open_shop(folder, house.url)
    yield engine
    engine.stop()


@pytest.fixture
def start(house, folder):
    """Starts processes that buy ``wishes``; kills what is left of them at the end."""
    started = []

    def start(*wishes, **told):
        order = {"folder": str(folder), "url": house.url, "wishes": wishes or [{}], **told}
        buyer = subprocess.Popen(
            [sys.executable, str(BUYER), json.dumps(order)], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )
        started.append(buyer)
        return buyer

    yield start
    for buyer in started:
        buyer.kill()
        buyer.communicate()


async def told_by(buyer):
    # Four cold starts at once on a busy machine take their time; a buyer that hangs is what this ends.
    out, err = await asyncio.to_thread(buyer.communicate, timeout=240)
    assert buyer.returncode == 0, err
    return json.loads(out)


async def test_a_process_killed_while_it_polls_is_taken_over_without_buying_again(house, folder, start, engine):
    house.seconds = 60
    buyer = start()
    await until(lambda: house.requests["poll"] > 2, 30)
    buyer.kill()
    buyer.wait()
    assert states(folder) == ["running"]
    house.seconds = 0
    outcome = await buy(engine)
    assert len(outcome.pictures) == 1
    assert "finished, not bought again" in outcome.notes[0]
    assert (house.submissions, states(folder), ledger(folder)) == (1, ["done"], CHARGED)


@pytest.mark.parametrize("counter", [False, True])
async def test_a_process_killed_while_it_sends_is_told_once_and_never_repeated_silently(
    house, folder, start, engine, counter
):
    house.faults["submit"] = [("slow", 60)]
    buyer = start(counter=counter)
    await until(lambda: house.submissions == 1, 30)
    buyer.kill()
    buyer.wait()
    assert states(folder) == ["sending"]
    wish = CounterWish() if counter else Wish()
    with pytest.raises(TimedOut, match="Run again to buy it now"):
        await buy(engine, wish)
    assert (house.submissions, ledger(folder)) == (1, UNSURE)
    assert len((await buy(engine, wish)).pictures) == 1
    assert (house.submissions, ledger(folder)) == (2, UNSURE + CHARGED)


async def test_what_waited_for_its_turn_when_the_process_died_is_simply_bought(house, folder, start, engine):
    house.faults["submit"] = [(429, {"Retry-After": "60"}, "")]
    buyer = start()
    await until(lambda: house.requests["submit"] == 1 and states(folder) == ["intended"], 30)
    buyer.kill()
    buyer.wait()
    outcome = await buy(engine)
    assert (outcome.reused, house.submissions, ledger(folder)) == (False, 1, CHARGED)
    assert states(folder) == ["cancelled", "done"]


async def test_a_process_killed_while_it_fetches_is_finished_by_fetching(house, folder, start, engine):
    house.faults["file"] = [503] * 4
    buyer = start()
    await until(lambda: house.requests["file"] >= 1, 30)
    buyer.kill()
    buyer.wait()
    assert states(folder) == ["ready"]
    house.faults["file"].clear()
    assert len((await buy(engine)).pictures) == 1
    assert (house.submissions, ledger(folder)) == (1, CHARGED)


async def test_what_a_dead_process_had_under_way_is_collected_when_another_begins(house, folder, start, engine):
    house.seconds = 60
    buyer = start({"prompt": "an older boat"})
    await until(lambda: house.requests["poll"] > 0, 30)
    buyer.kill()
    buyer.wait()
    house.seconds = 0
    await buy(engine, Wish(prompt="another boat"))
    await until(lambda: states(folder) == ["done", "done"])
    assert (await buy(engine, Wish(prompt="an older boat"))).reused
    assert house.submissions == 2


async def test_an_engine_in_the_sandbox_leaves_real_purchases_alone(house, folder, start):
    house.seconds = 60
    buyer = start()
    await until(lambda: house.requests["poll"] > 0, 30)
    buyer.kill()
    buyer.wait()
    polls = house.requests["poll"]
    engine = open_shop(folder, house.url, sandbox=True)
    assert await engine.charges("live") == []
    await asyncio.sleep(0.5)
    engine.stop()
    assert (states(folder), house.requests["poll"]) == (["running"], polls)


async def test_a_living_process_is_waited_for_and_its_picture_shared(house, folder, start, engine):
    house.seconds = 60
    buyer = start()
    await until(lambda: house.submissions == 1, 30)

    def look(progress):
        if progress.status == "another ComfyUI is buying the same picture":
            house.seconds = 0

    outcome = await buy(engine, look=look)
    assert outcome.reused
    (theirs,) = await told_by(buyer)
    assert not theirs["reused"]
    assert (house.submissions, ledger(folder)) == (1, CHARGED)


async def test_who_waits_for_a_living_process_takes_over_when_it_dies(house, folder, start, engine):
    house.seconds = 60
    buyer = start()
    await until(lambda: house.requests["poll"] > 0, 30)
    waiting = asyncio.ensure_future(buy(engine))
    await asyncio.sleep(1)
    buyer.kill()
    buyer.wait()
    house.seconds = 0
    assert len((await waiting).pictures) == 1
    assert house.submissions == 1


async def test_four_processes_that_begin_at_once_buy_each_picture_once(house, folder, start):
    house.seconds = 0.5
    wishes = [{"prompt": f"boat {number}"} for number in range(5)]
    told = await asyncio.gather(*(told_by(start(*wishes)) for _ in range(4)))
    assert house.submissions == 5
    assert states(folder) == ["done"] * 5
    pictures = [[outcome["pictures"] for outcome in outcomes] for outcomes in told]
    assert pictures == [pictures[0]] * 4
    assert len(ledger(folder)) == 5


async def test_a_budget_holds_across_processes(house, folder, start):
    house.seconds = 0.5
    wishes = [{"prompt": f"boat {number}"} for number in range(4)]
    others = [{"prompt": f"ship {number}"} for number in range(4)]
    settings = {"budget": {"day": "0.16"}}
    told = await asyncio.gather(*(told_by(start(*some, settings=settings)) for some in (wishes, others)))
    errors = [outcome["error"] for outcomes in told for outcome in outcomes if "error" in outcome]
    assert errors == ["BudgetExceeded"] * 4
    assert house.submissions == 4
