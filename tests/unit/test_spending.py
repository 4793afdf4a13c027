"""The books: sums by day, provider, model and workflow, budgets by month, what is under way, and what may be changed."""

import asyncio
import csv
import datetime as dt
import io
import json
import sqlite3
import time

import pytest

from easel.nodes.hosted import buying
from easel.nodes.hosted.engine import books, budget, spending, workflows
from easel.nodes.hosted.engine.errors import BudgetExceeded, Stopped, TimedOut
from easel.nodes.hosted.engine.settings import Settings, SettingsBroken, change, source_of
from support.shop import KEY, CounterWish, QueueProvider, Wish, buy, ledger, states, until

LABELS = {"queue": "The Queue", "counter": "The Counter"}


async def report(engine, by, since=None):
    return await books.ask(engine, lambda known: spending.report(known, "live", by, since, LABELS))


def write(folder, what, *values):
    with sqlite3.connect(folder / "easel.db") as database:
        database.execute(what, values)
    database.close()


async def test_every_way_of_adding_up_gives_the_whole_ledger(shop, house, folder):
    engine = shop()
    for take in range(3):
        await buy(engine, Wish(take=take))
    await buy(engine, CounterWish(model="house-2", n=2))
    whole = sum(cost for cost, _ in ledger(folder))
    assert whole == pytest.approx(0.20)
    for by, names in {
        "provider": ["The Queue", "The Counter"],
        "model": ["house-1", "house-2"],
        "day": [str(dt.date.today())],
    }.items():
        told = await report(engine, by)
        assert [row.label for row in told.rows] == names
        assert float(told.usd) == pytest.approx(whole)
        assert (told.purchases, told.pictures) == (4, 5)
    assert "$0.20 for 4 purchases." in told.as_text()
    rows = list(csv.DictReader(io.StringIO((await report(engine, "model")).as_csv())))
    assert [(row["name"], float(row["usd"])) for row in rows] == [("house-1", 0.12), ("house-2", 0.08)]


async def test_every_line_of_the_ledger_is_in_the_table(shop, folder, monkeypatch):
    monkeypatch.setattr(spending, "_AT_ONCE", 2)
    engine = shop()
    for take in range(5):
        await buy(engine, Wish(take=take))
    text = await books.ask(engine, lambda known: "".join(spending.lines_csv(known, "live", None)))
    rows = list(csv.DictReader(io.StringIO(text)))
    assert len({row["purchase"] for row in rows}) == 5
    assert sum(float(row["usd"]) for row in rows) == pytest.approx(0.20)


async def test_a_day_begins_and_ends_at_midnight_here(shop, folder):
    engine = shop()
    for take in range(3):
        await buy(engine, Wish(take=take))
    midnight = dt.datetime(2026, 3, 4).timestamp()
    for number, at in enumerate((midnight - 1, midnight, midnight + 86_399), start=1):
        write(folder, "UPDATE ledger SET at = ? WHERE id = ?", at, number)
    told = await report(engine, "day")
    assert [(row.name, row.purchases) for row in told.rows] == [("2026-03-03", 1), ("2026-03-04", 2)]
    since = await report(engine, "day", dt.date(2026, 3, 4))
    assert since.purchases == 2


async def test_one_workflow_with_many_prompts_is_one(shop, folder):
    engine = shop()
    for take, prompt in enumerate(("a boat", "a train")):
        node = {"class_type": "EaselX", "inputs": {"prompt": prompt, "of": ["2", 0]}, "_meta": {"title": "My Node"}}
        graph = {"1": node}
        known = workflows.known(graph, json.dumps(graph))
        await books.ask(engine, lambda found, one=known: found.keep(one))
        await buy(engine, Wish(take=take))
        write(folder, "UPDATE ledger SET workflow = ? WHERE id = ?", known.digest, take + 1)
    await buy(engine, Wish(take=7))
    told = await report(engine, "workflow")
    assert [(row.label, row.purchases) for row in told.rows] == [("My Node", 2), ("a workflow of before ()", 1)]
    kept = await books.ask(engine, lambda found: found.graph(told.rows[0].name))
    assert kept["1"]["class_type"] == "EaselX"


async def test_a_workflow_is_kept_without_the_key_in_it_and_a_failure_takes_no_picture_away(shop, monkeypatch, caplog):
    engine = shop()
    monkeypatch.setattr(buying, "engine", lambda: engine)
    graph = {"1": {"class_type": "EaselX", "inputs": {"prompt": f"my key is {KEY}"}}}
    await buying._keep(graph)
    kept = await books.ask(engine, lambda found: found.graph(workflows.digest_of(graph)))
    assert kept["1"]["inputs"]["prompt"] == "my key is [key]"

    async def broken(*_values):
        raise OSError("the disk is full")

    monkeypatch.setattr(books, "ask", broken)
    await buying._keep({**graph, "2": {"class_type": "EaselY", "inputs": {}}})
    assert "could not keep the workflow" in caplog.text


async def test_what_may_not_have_been_charged_is_told_apart(shop, house):
    house.faults["submit"] = ["cut after"]
    engine = shop()
    with pytest.raises(Exception, match="did not answer"):
        await buy(engine, Wish(take=1))
    told = await report(engine, "day")
    assert float(told.unsure_usd) == pytest.approx(0.04)
    assert "may not have been charged" in told.as_text()


@pytest.mark.parametrize("by", ["week", "", "Day"])
def test_another_way_of_adding_up_is_refused_by_name(by):
    with pytest.raises(spending.BadQuestion, match="day, provider, model or workflow"):
        spending.way_of(by)


async def test_a_month_has_a_limit_and_the_last_one_does_not_count(shop, house, folder):
    engine = shop(budget={"month": "0.08"})
    for take in (1, 2):
        await buy(engine, Wish(take=take))
    with pytest.raises(BudgetExceeded, match=r"limit of \$0\.08 a month: \$0\.08 is spent"):
        await buy(engine, Wish(take=3))
    write(folder, "UPDATE ledger SET at = ?", budget.month_began(time.time()) - 1)
    await buy(engine, Wish(take=3))
    assert house.submissions == 3


def test_a_day_before_all_days_takes_everything():
    assert spending.moment_of(dt.date.min) == 0.0 < spending.moment_of(dt.date(2026, 11, 21))


def test_a_month_begins_on_its_first_day():
    now = dt.datetime(2026, 3, 14, 15, 9).timestamp()
    assert budget.month_began(now) == dt.datetime(2026, 3, 1).timestamp()
    assert [budget.began(period, now) for period in budget.PERIODS] == [
        0.0,
        dt.datetime(2026, 3, 14).timestamp(),
        dt.datetime(2026, 3, 1).timestamp(),
    ]


def test_a_change_of_settings_leaves_the_rest_and_never_breaks_them(tmp_path, monkeypatch):
    path = tmp_path / "settings.json"
    path.write_text(json.dumps({"budget": {"run": "1"}, "providers": {"openai": {"base_url": "https://a.example"}}}))
    change(tmp_path, {"budget": {"day": "5"}})
    settings = Settings.load(tmp_path)
    assert (str(settings.budget.run), str(settings.budget.day)) == ("1", "5")
    assert settings.providers["openai"].base_url == "https://a.example"
    before = path.read_bytes()
    with pytest.raises(SettingsBroken):
        change(tmp_path, {"budget": {"day": "-5"}})
    assert path.read_bytes() == before
    assert source_of(tmp_path, "budget", "day") == "settings"
    assert source_of(tmp_path, "budget", "month") == ""
    monkeypatch.setenv("EASEL_BUDGET__MONTH", "9")
    assert source_of(tmp_path, "budget", "month") == "environment"
    assert str(Settings.load(tmp_path).budget.month) == "9"


async def test_the_history_shows_the_newest_first_and_goes_on_before(shop):
    engine = shop()
    for take in range(3):
        await buy(engine, Wish(take=take, prompt=f"boat {take}"))
    first = await books.ask(engine, lambda known: known.history("live", 2))
    assert [entry.purchase.request["prompt"] for entry in first] == ["boat 2", "boat 1"]
    assert len(first[0].pictures) == 1 and first[0].has_workflow is False
    rest = await books.ask(engine, lambda known: known.history("live", 2, first[-1].purchase.began))
    assert [entry.purchase.request["prompt"] for entry in rest] == ["boat 0"]
    digest = first[0].pictures[0].digest
    found = await books.ask(engine, lambda known: known.picture("live", digest))
    assert found.media_type == "image/png"
    assert await books.ask(engine, lambda known: known.picture("sandbox", digest)) is None


async def test_a_job_is_called_off_for_all_who_wait_and_not_bought_again(shop, house, folder):
    house.seconds = 60
    engine = shop()
    waiting = [asyncio.create_task(buy(engine)) for _ in range(2)]
    await until(lambda: states(folder) == ["running"])
    (job,) = await books.jobs(engine)
    assert (job.may_cancel, job.may_resume) == (True, False)
    await books.cancel(engine, job.purchase.id)
    for one in await asyncio.gather(*waiting, return_exceptions=True):
        assert isinstance(one, Stopped)
    await until(lambda: states(folder) == ["cancelled"])
    assert house.submissions == 1 and ledger(folder) == []
    assert await books.jobs(engine) == []
    with pytest.raises(books.NoSuchJob):
        await books.cancel(engine, job.purchase.id)


async def test_who_asks_again_after_that_gets_the_picture(shop, house, folder):
    house.seconds = 60
    engine = shop()
    waiting = asyncio.create_task(buy(engine))
    await until(lambda: states(folder) == ["running"])
    (job,) = await books.jobs(engine)
    await books.cancel(engine, job.purchase.id)
    with pytest.raises(Stopped):
        await waiting
    house.seconds = 0
    assert (await buy(engine)).pictures


async def test_what_nobody_works_on_any_more_is_gone_on_with(shop, house, folder):
    house.seconds = 60
    engine = shop(providers=[QueueProvider(patience=0.2)])
    with pytest.raises(TimedOut):
        await buy(engine)
    (job,) = await books.jobs(engine)
    assert job.is_abandoned and job.may_resume and "left behind" in job.status
    house.seconds = 0
    await books.resume(engine, job.purchase.id)
    await until(lambda: states(folder) == ["done"])
    assert house.submissions == 1
    assert (await buy(engine)).reused


async def test_what_nobody_works_on_any_more_is_stopped_at_the_provider(shop, house, folder):
    house.seconds = 60
    engine = shop(providers=[QueueProvider(patience=0.2)])
    with pytest.raises(TimedOut):
        await buy(engine)
    (job,) = await books.jobs(engine)
    await books.cancel(engine, job.purchase.id)
    await until(lambda: states(folder) == ["cancelled"])
    assert ledger(folder) == []
