"""Each way in which a provider fails: what the buyer is told, how often it was asked, what stands in the ledger."""

import asyncio
import concurrent.futures
import time
import traceback
from decimal import Decimal

import pytest
from sqlalchemy.exc import OperationalError

from easel.nodes.hosted.engine import errors, retry
from easel.nodes.hosted.engine.journal import Journal
from support.queue_house import WEB_PAGE
from support.shop import (
    KEY,
    CounterProvider,
    CounterWish,
    QueueProvider,
    Wish,
    buy,
    ledger,
    rows,
    states,
    until,
)

BOTH = pytest.mark.parametrize("wish", [Wish, CounterWish])
UNSURE = [(0.04, "unsure")]
CHARGED = [(0.04, "estimated")]
ELSEWHERE = "elsewhere/1/1.00"
"""An owner on another machine, that lives as long as its lease."""


@BOTH
@pytest.mark.parametrize("fault", [429, (429, {"Retry-After": "0.3"}, ""), 503])
async def test_what_surely_cost_nothing_is_sent_again(shop, house, folder, wish, fault):
    house.faults["submit"] = [fault, fault]
    outcome = await buy(shop(), wish())
    assert len(outcome.pictures) == 1
    assert (house.requests["submit"], house.submissions) == (3, 1)
    assert ledger(folder) == CHARGED


async def test_a_refused_connection_is_waited_out(shop, house):
    house.close_door()
    seen = []
    buying = asyncio.ensure_future(buy(shop(), look=seen.append))
    await until(lambda: any("cannot be reached. Trying again" in progress.status for progress in seen))
    house.open_door()
    assert len((await buying).pictures) == 1
    assert house.submissions == 1


async def test_retry_after_is_obeyed_by_everybody_at_the_gate(shop, house):
    house.faults["submit"] = [(429, {"Retry-After": "1.0"}, "")]
    engine = shop()
    first = asyncio.ensure_future(buy(engine, Wish(take=1)))
    await until(lambda: house.requests["submit"] == 1)
    refused_at = time.monotonic()
    await asyncio.sleep(0.1)
    second = asyncio.ensure_future(buy(engine, Wish(take=2)))
    await until(lambda: house.requests["submit"] > 1)
    assert time.monotonic() - refused_at > 0.9
    await asyncio.gather(first, second)
    assert house.submissions == 2


async def test_a_pause_longer_than_anybody_waits_is_told_at_once(shop, house, folder):
    house.faults["submit"] = [(429, {"Retry-After": "86400"}, "")]
    engine = shop()
    with pytest.raises(errors.RateLimited, match="busy"):
        await asyncio.wait_for(buy(engine), 5)
    # The next one is not even sent.
    with pytest.raises(errors.RateLimited, match="left alone"):
        await asyncio.wait_for(buy(engine, Wish(take=2)), 5)
    assert (house.requests["submit"], house.submissions) == (1, 0)
    assert (states(folder), ledger(folder)) == (["failed", "failed"], [])


def test_only_what_surely_cost_nothing_is_sent_again():
    assert retry.costs_nothing(errors.RateLimited("x"))
    assert retry.costs_nothing(errors.ProviderDown("x", retryable=True))
    for kept in (errors.ProviderDown("x"), errors.TimedOut("x"), errors.QuotaExhausted("x"), ValueError("x")):
        assert not retry.costs_nothing(kept)


@BOTH
@pytest.mark.parametrize(
    ("fault", "error", "charged_by_house"),
    [
        ("cut before", errors.TimedOut, 0),
        ("cut after", errors.TimedOut, 1),
        (500, errors.ProviderDown, 0),
    ],
)
async def test_what_may_have_been_charged_is_told_and_never_repeated(
    shop, house, folder, wish, fault, error, charged_by_house
):
    house.faults["submit"] = [fault]
    engine = shop()
    with pytest.raises(error, match="It may have been charged"):
        await buy(engine, wish())
    assert (house.requests["submit"], house.submissions) == (1, charged_by_house)
    assert (states(folder), ledger(folder)) == (["failed"], UNSURE)
    # Asking once more is the user's own decision.
    await buy(engine, wish())
    assert house.submissions == charged_by_house + 1


async def test_an_answer_that_never_comes_is_a_time_out_that_may_have_been_charged(shop, house, folder):
    house.faults["submit"] = [("slow", 5)]
    with pytest.raises(errors.TimedOut, match="It may have been charged"):
        await buy(shop(providers=[CounterProvider(timeout=0.3)]), CounterWish())
    assert (house.requests["submit"], house.submissions) == (1, 1)
    assert ledger(folder) == UNSURE


@BOTH
@pytest.mark.parametrize(
    ("status", "error", "state"),
    [
        (400, errors.InputRefused, "failed"),
        (401, errors.InvalidKey, "failed"),
        (402, errors.QuotaExhausted, "failed"),
        (451, errors.ContentRejected, "refused"),
    ],
)
async def test_a_refusal_is_told_with_its_words_and_costs_nothing(shop, house, folder, wish, status, error, state):
    house.faults["submit"] = [(status, {}, "because of reasons")]
    with pytest.raises(error, match="because of reasons"):
        await buy(shop(), wish())
    assert (house.requests["submit"], house.submissions) == (1, 0)
    assert (states(folder), ledger(folder)) == ([state], [])


@BOTH
@pytest.mark.parametrize(("cost", "line"), [(None, (0.0, "estimated")), ("0.02", (0.02, "reported"))])
async def test_all_refused_is_an_error_that_says_what_it_cost(shop, house, folder, wish, cost, line):
    house.refused, house.cost = ["too bright"], cost
    with pytest.raises(errors.ContentRejected, match="too bright") as caught:
        await buy(shop(), wish())
    assert caught.value.stage == "output"
    assert caught.value.request_id == "job-1"
    assert caught.value.charge == ("charged" if cost else "none")
    assert (states(folder), ledger(folder)) == (["refused"], [line])


async def test_a_refused_prompt_keeps_its_siblings_and_running_again_buys_only_it(shop, house):
    engine = shop(providers=[QueueProvider(concurrency=1)])
    house.faults["submit"] = [None, None, (451, {}, "not this one")]
    wishes = [Wish(prompt=f"boat {number}") for number in range(8)]
    outcomes = await asyncio.gather(*(buy(engine, wish) for wish in wishes), return_exceptions=True)
    assert [isinstance(outcome, errors.ContentRejected) for outcome in outcomes].count(True) == 1
    assert house.submissions == 7
    again = await asyncio.gather(*(buy(engine, wish) for wish in wishes))
    assert house.submissions == 8
    assert [outcome.reused for outcome in again].count(False) == 1


@BOTH
async def test_an_answer_without_a_picture_is_a_lost_result(shop, house, folder, wish):
    house.pictures = 0
    with pytest.raises(errors.ResultLost, match="without a picture"):
        await buy(shop(), wish())
    assert (states(folder), ledger(folder)) == (["failed"], CHARGED)


# While a job is polled


@pytest.mark.parametrize("fault", [500, 503, 429, "cut before"])
async def test_a_failing_look_at_a_job_is_repeated(shop, house, folder, fault):
    house.faults["poll"] = [fault]
    assert len((await buy(shop())).pictures) == 1
    assert (house.submissions, ledger(folder)) == (1, CHARGED)


async def test_a_house_that_is_closed_for_a_while_keeps_its_jobs(shop, house):
    house.seconds = 0.4
    buying = asyncio.ensure_future(buy(shop()))
    await until(lambda: house.requests["poll"] > 0)
    house.close_door()
    await asyncio.sleep(1)
    house.open_door()
    assert len((await buying).pictures) == 1
    assert house.submissions == 1


@pytest.mark.parametrize(("status", "error"), [(401, errors.InvalidKey), (402, errors.QuotaExhausted)])
async def test_a_key_that_fails_while_polling_leaves_the_job_to_be_resumed(shop, house, folder, status, error):
    house.faults["poll"] = [(status, {}, "")]
    engine = shop()
    with pytest.raises(error):
        await buy(engine)
    assert states(folder) == ["running"]
    assert len((await buy(engine)).pictures) == 1
    assert house.submissions == 1


async def test_a_job_that_nobody_works_on_any_more_is_resumed_by_another_process_while_the_first_lives(
    shop, house, folder
):
    house.faults["poll"] = [(401, {}, "")]
    with pytest.raises(errors.InvalidKey):
        await buy(shop(owner=ELSEWHERE))
    outcome = await asyncio.wait_for(buy(shop()), 10)
    assert (len(outcome.pictures), house.submissions, states(folder)) == (1, 1, ["done"])


async def test_a_job_that_takes_too_long_is_resumed_by_running_again(shop, house, folder):
    house.seconds = 60
    engine = shop(providers=[QueueProvider(patience=0.3)])
    with pytest.raises(errors.TimedOut, match="go on waiting"):
        await buy(engine)
    house.seconds = 0.0
    outcome = await buy(engine)
    assert outcome.notes == ("An earlier run had already begun this purchase; it was finished, not bought again.",)
    assert (house.submissions, ledger(folder)) == (1, CHARGED)


async def test_a_job_that_the_house_forgot_is_lost_and_bought_anew_by_running_again(shop, house, folder):
    house.faults["poll"] = [(404, {}, "")]
    engine = shop()
    with pytest.raises(errors.ResultLost, match="It was charged"):
        await buy(engine)
    assert (states(folder), ledger(folder)) == (["failed"], CHARGED)
    await buy(engine)
    assert house.submissions == 2


# While the picture is fetched


@pytest.mark.parametrize("fault", ["cut", "half", "html", 500])
async def test_a_download_that_fails_once_is_repeated(shop, house, folder, fault):
    house.faults["file"] = [fault]
    assert len((await buy(shop())).pictures) == 1
    assert (house.submissions, house.requests["file"], ledger(folder)) == (1, 2, CHARGED)


@pytest.mark.parametrize(
    ("fault", "words"),
    [("expired", "no longer works"), ("huge", "160 MB"), ("html", "web page"), ("half", "not a whole picture")],
)
async def test_a_picture_that_cannot_be_had_is_lost_and_said_to_be_charged(shop, house, folder, fault, words):
    house.faults["file"] = [fault] * 3
    with pytest.raises(errors.ResultLost, match=words) as caught:
        await buy(shop())
    assert "It was charged." in str(caught.value)
    assert (states(folder), ledger(folder), house.submissions) == (["failed"], CHARGED, 1)
    assert WEB_PAGE not in [path.read_bytes() for path in (folder / "pictures").rglob("*") if path.is_file()]


async def test_a_download_that_stays_broken_is_resumed_without_buying(shop, house, folder):
    house.faults["file"] = [503] * 4
    engine = shop()
    with pytest.raises(errors.ResultLost, match="Run again"):
        await buy(engine)
    assert states(folder) == ["ready"]
    assert len((await buy(engine)).pictures) == 1
    assert (house.submissions, ledger(folder)) == (1, CHARGED)


@pytest.mark.parametrize("link", ["http://house.example", "https://127.0.0.1:9", "https://localhost:9", "nonsense"])
async def test_a_link_that_leads_elsewhere_than_into_the_internet_is_not_followed(shop, house, folder, link):
    house.link_base = link
    with pytest.raises(errors.ResultLost, match=r"not follow|could not") as caught:
        await buy(shop())
    assert not caught.value.resumable
    assert house.requests["file"] == 0


async def test_a_redirect_into_a_private_network_is_not_followed(shop, house):
    house.faults["file"] = [("to", "https://192.168.1.1/router.png")]
    with pytest.raises(errors.ResultLost, match="private network"):
        await buy(shop())


async def test_one_lost_picture_of_several_costs_only_itself(shop, house, folder):
    house.faults["file"] = ["expired"]
    engine = shop()
    outcome = await buy(engine, Wish(n=3))
    assert len(outcome.pictures) == 2
    assert "One of 3 pictures was lost" in outcome.notes[0]
    assert len((await buy(engine, Wish(n=3))).pictures) == 2
    assert house.submissions == 1


async def test_a_store_that_takes_nothing_leaves_the_delivery_to_be_resumed(shop, house, folder):
    engine = shop()
    folder.joinpath("pictures").write_text("a file where the folder should be")
    with pytest.raises(errors.ResultLost, match="store"):
        await buy(engine)
    folder.joinpath("pictures").unlink()
    assert len((await buy(engine)).pictures) == 1
    assert (house.submissions, ledger(folder)) == (1, CHARGED)


# What a provider's code may do to the engine


@pytest.mark.parametrize(
    "raised", [asyncio.CancelledError, concurrent.futures.CancelledError, SystemExit, KeyboardInterrupt]
)
async def test_a_library_s_own_cancellation_becomes_a_time_out_and_hurts_nobody(shop, house, folder, raised):
    provider = QueueProvider()

    async def misbehave():
        raise raised

    provider.before_submit = misbehave
    engine = shop(providers=[provider])
    with pytest.raises(errors.TimedOut):
        await buy(engine)
    assert (states(folder), ledger(folder)) == (["failed"], UNSURE)
    provider.before_submit = None
    assert len((await buy(engine)).pictures) == 1


async def test_a_defect_is_raised_as_it_is_and_recorded_as_unsure(shop, house, folder):
    provider = QueueProvider()

    async def misbehave():
        raise LookupError("no such field")

    provider.before_submit = misbehave
    with pytest.raises(LookupError, match="no such field"):
        await buy(shop(providers=[provider]))
    assert (states(folder), ledger(folder)) == (["failed"], UNSURE)


@pytest.mark.parametrize("kind", ["defect", "explained", "ours"])
async def test_no_error_tells_the_key_nor_does_what_led_to_it(shop, house, folder, kind):
    provider = QueueProvider()

    async def misbehave():
        if kind == "defect":
            raise LookupError(f"bad header Bearer {KEY}")
        if kind == "ours":
            raise errors.InvalidKey("No.", words=f"Incorrect key {KEY[:4]}*******{KEY[-3:]}")
        raise OSError(f"sent Bearer {KEY}")

    provider.before_submit = misbehave
    provider.explain = lambda error, request: errors.ProviderDown("Down.") if kind == "explained" else None
    with pytest.raises(errors.EaselError) as caught:
        await buy(shop(providers=[provider]))
    told = "".join(traceback.format_exception(caught.type, caught.value, caught.tb))
    assert KEY not in told
    assert f"{KEY[:4]}****" not in told
    assert KEY not in str(rows(folder, "SELECT * FROM purchases"))


@pytest.mark.parametrize(
    ("charge", "line", "words"),
    [
        ("charged", [(0.07, "reported")], r"It was charged \$0.07."),
        ("unsure", [(0.07, "unsure")], r"It may have been charged \$0.07."),
        ("none", [], "^It is lost.$"),
    ],
)
async def test_what_the_provider_says_that_a_failure_costs_is_told_and_in_the_ledger(shop, folder, charge, line, words):
    class Damaging(CounterProvider):
        async def submit(self, request, call):
            raise errors.ResultLost("It is lost.", charge=charge).costing(Decimal("0.07"))

    with pytest.raises(errors.ResultLost, match=words):
        await buy(shop(providers=[Damaging()]), CounterWish())
    assert ledger(folder) == line


# What else may go wrong on this side


@pytest.mark.parametrize("step", ["running", "ready", "done"])
async def test_a_database_that_is_away_for_a_moment_loses_nothing_that_is_paid_for(
    shop, house, folder, monkeypatch, step
):
    write, failures = (
        getattr(Journal, step),
        [OperationalError("UPDATE", {}, Exception("server closed the connection"))],
    )

    def writes_late(journal, *values, **named):
        if failures:
            raise failures.pop()
        return write(journal, *values, **named)

    monkeypatch.setattr(Journal, step, writes_late)
    assert len((await buy(shop())).pictures) == 1
    assert (failures, house.submissions, states(folder), ledger(folder)) == ([], 1, ["done"], CHARGED)
