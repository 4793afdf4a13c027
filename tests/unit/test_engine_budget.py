"""The user's limits: checked before anything leaves this machine, never passed by what runs side by side."""

import asyncio
import datetime as dt
from decimal import Decimal

import pytest

from easel.nodes.hosted.engine import budget
from easel.nodes.hosted.engine.errors import BudgetExceeded, TimedOut
from easel.nodes.hosted.engine.money import dollars, to_micros, to_usd
from support.shop import CounterWish, QueueProvider, Wish, buy, ledger, states


@pytest.mark.parametrize(("limit", "period"), [({"run": "0.10"}, "run"), ({"day": "0.10"}, "day")])
async def test_a_limit_is_checked_before_any_network(shop, house, folder, limit, period):
    engine = shop(budget=limit)
    for take in (1, 2):
        await buy(engine, Wish(take=take))
    asked = dict(house.requests)
    with pytest.raises(BudgetExceeded, match=rf"limit of \$0\.10 a {period}: \$0\.08 is spent .* \$0\.04 more"):
        await buy(engine, Wish(take=3))
    assert house.requests == asked
    assert len(states(folder)) == 2


async def test_a_run_has_its_own_limit(shop, house):
    engine = shop(budget={"run": "0.05"})
    for run in ("one", "two", "three"):
        await buy(engine, Wish(prompt=run), run=run)
    assert house.submissions == 3


async def test_what_is_kept_or_joined_needs_no_budget(shop, house):
    house.seconds = 0.3
    engine = shop(budget={"run": "0.04"})
    await asyncio.gather(*(buy(engine) for _ in range(5)))
    assert (await buy(engine)).reused
    assert house.submissions == 1


async def test_purchases_side_by_side_do_not_pass_the_limit_together(shop, house, folder):
    house.seconds = 0.3
    engine = shop(budget={"run": "0.12"})
    outcomes = await asyncio.gather(*(buy(engine, Wish(take=take)) for take in range(8)), return_exceptions=True)
    assert sum(isinstance(outcome, BudgetExceeded) for outcome in outcomes) == 5
    assert house.submissions == 3
    assert sum(cost for cost, _ in ledger(folder)) == pytest.approx(0.12)


async def test_what_failed_for_nothing_gives_its_reservation_back(shop, house):
    house.faults["submit"] = [(400, {}, "")]
    engine = shop(budget={"run": "0.04"})
    with pytest.raises(Exception, match="says no"):
        await buy(engine, Wish(take=1))
    await buy(engine, Wish(take=2))
    assert house.submissions == 1


async def test_what_may_have_been_charged_counts(shop, house):
    house.faults["submit"] = ["cut after"]
    engine = shop(budget={"run": "0.04"})
    with pytest.raises(TimedOut):
        await buy(engine, Wish(take=1))
    with pytest.raises(BudgetExceeded):
        await buy(engine, Wish(take=2))


async def test_what_the_provider_reports_counts_and_not_the_estimate(shop, house):
    house.cost = "0.20"
    engine = shop(budget={"day": "0.22"})
    await buy(engine, CounterWish(take=1))
    with pytest.raises(BudgetExceeded, match=r"\$0\.20 is spent"):
        await buy(engine, CounterWish(take=2))


async def test_an_unknown_price_is_refused_under_a_limit_and_only_there(shop, house):
    engine = shop(providers=[QueueProvider(price=None)], budget={"day": "100"})
    with pytest.raises(BudgetExceeded, match="nobody knows the price"):
        await buy(engine)
    assert house.requests["submit"] == 0
    engine = shop(providers=[QueueProvider(price=None)])
    assert len((await buy(engine)).pictures) == 1


async def test_a_changed_limit_counts_at_once(shop, house, monkeypatch):
    engine = shop(budget={"run": "0.04"})
    await buy(engine, Wish(take=1))
    with pytest.raises(BudgetExceeded, match="EASEL_BUDGET__RUN"):
        await buy(engine, Wish(take=2))
    monkeypatch.setenv("EASEL_BUDGET__RUN", "1")
    await buy(engine, Wish(take=2))


def test_a_day_begins_at_local_midnight():
    now = dt.datetime(2026, 3, 4, 17, 30).astimezone()
    assert budget.day_began(now.timestamp()) == dt.datetime(2026, 3, 4).astimezone().timestamp()


def test_money_is_whole_micro_dollars_and_shown_with_the_digits_it_needs():
    assert to_micros(Decimal("0.0000005")) == 1
    assert to_usd(to_micros(Decimal("12.345678"))) == Decimal("12.345678")
    shown = ["0", "0.04", "0.0053", "0.1", "1", "1234.5", "0.00001"]
    assert [dollars(Decimal(usd)) for usd in shown] == [
        "$0.00",
        "$0.04",
        "$0.0053",
        "$0.10",
        "$1.00",
        "$1234.50",
        "less than $0.0001",
    ]
