"""What Ideogram's refusals and faults mean over real HTTP, on all three APIs, and what they cost."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from easel.nodes import pictures
from easel.nodes.hosted.engine.engine import Order
from easel.nodes.hosted.engine.errors import (
    ContentRejected,
    InputRefused,
    InvalidKey,
    ModelRetired,
    ProviderDown,
    QuotaExhausted,
    ResultLost,
    TimedOut,
)
from easel.nodes.hosted.engine.provider import Job, Progress, Result
from easel.nodes.hosted.engine.wire import Answer
from easel.nodes.hosted.ideogram.account import ACCOUNT
from easel.nodes.hosted.ideogram.answers import job_of, told_of
from easel.nodes.hosted.ideogram.refusals import refusal
from easel.nodes.hosted.ideogram.requests import IdeogramUpscale
from support.ideogram_desk import AT_ONCE, LEGACY, PATH, PRICE, QUEUED, SOURCE, Desk, asked, desk_at, plain

each_api = pytest.mark.parametrize("model", list(PRICE))


@pytest.fixture
def desk(tmp_path: Path, sandbox: Any, monkeypatch: pytest.MonkeyPatch) -> Iterator[Desk]:
    with desk_at(tmp_path, sandbox, monkeypatch) as desk:
        yield desk


@each_api
async def test_a_refused_prompt_costs_nothing_and_says_why(desk, model):
    with pytest.raises(ContentRejected) as refused:
        await desk.buy(asked("a forbidden picture", model=model))
    assert (refused.value.stage, refused.value.charge) == ("input", "none")
    assert "failed the safety checks" in refused.value.words and refused.value.request_id.startswith("req_")
    assert desk.counts() == (1, 0)
    assert await desk.bill() == []


@each_api
async def test_pictures_that_are_all_held_back_are_a_refusal_and_are_paid_for(desk, sandbox, model):
    sandbox.fault("refuse_output")
    with pytest.raises(ContentRejected) as refused:
        await desk.buy(asked(model=model))
    assert (refused.value.stage, refused.value.charge) == ("output", "charged")
    assert "held back" in str(refused.value) and refused.value.request_id
    assert desk.counts() == (1, 1)
    assert await desk.bill() == [(PRICE[model], SOURCE[model])]


@each_api
async def test_one_of_several_held_back_is_said_and_the_rest_kept(desk, sandbox, model):
    sandbox.fault("refuse_some", count=1)
    outcome = await desk.buy(asked(model=model, num_images=3))
    assert len(outcome.pictures) == 2
    assert outcome.refused == ("Ideogram's safety check held back picture 1 of 3",)
    assert await desk.bill() == [(pytest.approx(3 * PRICE[model]), SOURCE[model])]


REFUSALS = [
    ("insufficient_quota", QuotaExhausted, "Insufficient credits"),
    ("bad_key", InvalidKey, "Not authorized"),
    ("not_verified", InvalidKey, "terms have not been accepted"),
    ("model_not_found", ModelRetired, "Not found"),
]


@pytest.mark.parametrize("model", [QUEUED, LEGACY])
@pytest.mark.parametrize(("fault", "kind", "words"), REFUSALS)
async def test_what_was_not_taken_was_not_charged(desk, sandbox, model, fault, kind, words):
    sandbox.fault(fault)
    with pytest.raises(kind) as error:
        await desk.buy(asked(model=model))
    assert error.value.charge == "none" and words in error.value.words
    assert error.value.request_id.startswith("req_")
    assert desk.counts() == (1, 0)
    assert await desk.bill() == []


@pytest.mark.parametrize(
    ("reason", "status", "kind"),
    [
        ("daily_limit", 429, QuotaExhausted),
        ("subscription_required", 402, QuotaExhausted),
        ("priority_credit_required", 402, QuotaExhausted),
        ("feature_limit", 429, QuotaExhausted),
        ("insufficient_funds", 402, QuotaExhausted),
    ],
)
def test_each_reason_that_v2_gives_is_told_apart_from_a_throttle(reason, status, kind):
    error = refusal(Answer(status, {}, {"error": "No.", "reject_reason": reason}), None)
    assert isinstance(error, kind) and not error.retryable
    assert error.words == "No."


@pytest.mark.parametrize("model", [AT_ONCE, QUEUED])
async def test_what_the_stand_in_refuses_names_the_field(desk, monkeypatch, model):
    monkeypatch.setattr(
        "easel.nodes.hosted.ideogram.uploads.fields_of", lambda _: {"prompt": "x", "style_type": "PLAID"}
    )
    with pytest.raises(InputRefused) as error:
        await desk.buy(asked(model=model))
    assert error.value.input_name == ("style_type" if model == AT_ONCE else "")
    assert "style_type" in str(error.value.input_name) + error.value.words
    assert desk.counts() == (1, 0)


async def test_a_picture_too_large_as_a_file_is_refused_before_it_is_sent(desk):
    noise = np.random.default_rng(0).integers(0, 256, (1900, 1900, 3), np.uint8)
    with pytest.raises(InputRefused, match="scale it down") as refused:
        await desk.buy(IdeogramUpscale.build(model="ideogram-upscale", image=pictures.Pixels(noise)))
    assert (refused.value.input_name, refused.value.charge) == ("image", "none")
    assert desk.counts() == (0, 0)


async def test_style_pictures_too_large_together_are_refused_before_they_are_sent(desk):
    noise = pictures.Pixels(np.random.default_rng(0).integers(0, 256, (1200, 1200, 3), np.uint8))
    with pytest.raises(InputRefused, match="MB together") as refused:
        await desk.buy(asked(model=AT_ONCE, style_images=(noise,) * 3))
    assert (refused.value.input_name, refused.value.charge) == ("style_images", "none")
    assert desk.counts() == (0, 0)


async def test_more_pictures_than_v2_takes_at_once_are_refused_before_they_are_sent(desk):
    await desk.buy(asked(model="ideogram-3", style_images=(plain(64, 64),) * 8))
    with pytest.raises(InputRefused, match="these are 11") as refused:
        await desk.buy(asked(model="ideogram-3", style_images=(plain(64, 64),) * 9))
    assert refused.value.input_name == "style_images"
    assert desk.counts() == (1, 1)


# Faults.


@each_api
async def test_a_throttle_is_waited_out(desk, sandbox, model):
    sandbox.fault("rate_limit", times=1, retry_after=0.1, path=PATH[model])
    assert len((await desk.buy(asked(model=model))).pictures) == 1
    assert desk.counts() == (2, 1)
    assert await desk.bill() == [(PRICE[model], SOURCE[model])]


@each_api
async def test_a_refused_connection_is_tried_again(desk, sandbox, model):
    sandbox.fault("connection_refused", seconds=0.4)
    assert len((await desk.buy(asked(model=model))).pictures) == 1
    assert desk.counts() == (1, 1)


@each_api
@pytest.mark.parametrize(("fault", "charged"), [("cut_after_body", 1), ("cut_before_body", 0)])
async def test_a_cut_is_never_sent_again_and_is_told_as_unsure(desk, sandbox, model, fault, charged):
    sandbox.fault(fault, times=1)
    with pytest.raises(TimedOut) as error:
        await desk.buy(asked(model=model))
    assert error.value.charge == "unsure"
    assert sandbox.report()["charged_submissions"] == charged
    assert [source for _, source in await desk.bill()] == ["unsure"]


@pytest.mark.parametrize(
    ("model", "fault"),
    [(QUEUED, "server_error"), (LEGACY, "server_error"), (AT_ONCE, "unavailable"), (QUEUED, "html"), (AT_ONCE, "html")],
)
async def test_an_answer_that_tells_nothing_is_unsure_and_not_sent_again(desk, sandbox, model, fault):
    sandbox.fault(fault, times=1)
    with pytest.raises(ProviderDown) as error:
        await desk.buy(asked(model=model))
    assert error.value.charge == "unsure"
    assert desk.counts() == (1, 0)


@pytest.mark.parametrize("fault", ["server_error", "rate_limit", "html", "cut_before_body"])
async def test_a_poll_that_fails_is_repeated_and_buys_nothing(desk, sandbox, fault):
    # aiohttp itself asks again once where a kept connection is cut.
    sandbox.fault(fault, path="generations", times=2 if fault == "cut_before_body" else 1)
    assert len((await desk.buy(asked())).pictures) == 1
    assert desk.counts() == (1, 1)


@pytest.mark.parametrize(("fault", "kind"), [("bad_key", InvalidKey), ("insufficient_quota", QuotaExhausted)])
async def test_a_key_that_fails_while_the_job_runs_leaves_the_job_to_be_resumed(desk, sandbox, fault, kind):
    sandbox.fault(fault, path="generations", times=1)
    with pytest.raises(kind):
        await desk.buy(asked())
    assert len((await desk.buy(asked())).pictures) == 1
    assert desk.counts() == (1, 1)


async def test_a_job_that_failed_is_told_with_what_it_cost(desk, sandbox):
    sandbox.fault("bill_without_picture")
    with pytest.raises(ResultLost) as error:
        await desk.buy(asked())
    assert error.value.charge == "charged" and "The model failed" in error.value.words
    assert desk.counts() == (1, 1)
    assert await desk.bill() == [(PRICE[QUEUED], "reported")]


async def test_a_lost_job_is_told_as_charged(desk, sandbox):
    sandbox.fault("model_not_found", path="generations", times=1)
    with pytest.raises(ResultLost) as error:
        await desk.buy(asked())
    assert error.value.charge == "charged" and error.value.request_id
    assert [source for _, source in await desk.bill()] == ["estimated"]


@pytest.mark.parametrize(
    ("model", "fault"),
    [
        *((model, "no_data") for model in PRICE),
        (QUEUED, "half_picture"),
        (LEGACY, "too_many_bytes"),
    ],
)
async def test_what_is_no_picture_is_an_error_and_is_billed_once(desk, sandbox, model, fault):
    sandbox.fault(fault, times=1, **({"megabytes": 200} if fault == "too_many_bytes" else {}))
    with pytest.raises(ResultLost):
        await desk.buy(asked(model=model))
    assert desk.counts()[0] == 1
    assert len(await desk.bill()) == 1


@each_api
async def test_a_bill_without_a_picture_is_an_error(desk, sandbox, model):
    sandbox.fault("bill_without_picture", times=1)
    with pytest.raises(ResultLost):
        await desk.buy(asked(model=model))
    assert desk.counts() == (1, 1)


@each_api
async def test_an_expired_link_is_an_error(desk, sandbox, model):
    sandbox.fault("expired_link")
    with pytest.raises(ResultLost, match="no longer works"):
        await desk.buy(asked(model=model))
    assert await desk.bill() == [(PRICE[model], SOURCE[model])]


async def test_a_link_with_the_wrong_content_type_is_still_a_picture(desk, sandbox):
    sandbox.fault("wrong_content_type")
    assert len((await desk.buy(asked())).pictures) == 1


async def test_more_than_the_allowed_requests_wait_for_a_place_and_all_arrive(desk):
    desk.job_seconds(0.2)
    wanted = [desk.buy(asked(f"picture {number}")) for number in range(14)]
    outcomes = await asyncio.gather(*wanted)
    assert sum(len(outcome.pictures) for outcome in outcomes) == 14
    submitted, charged = desk.counts()
    # One may come a moment before a place is free there; without waiting four would come, and come again.
    assert charged == 14 and submitted <= 15


async def test_sixty_four_prompts_through_throttles_end_with_sixty_four_charges(desk, sandbox):
    sandbox.fault("rate_limit", probability=0.1, path="/v2/image")
    sandbox.fault("server_error", probability=0.05, path="generations")
    wanted = [desk.buy(asked(f"picture {number}")) for number in range(64)]
    outcomes = await asyncio.gather(*wanted)
    assert sum(len(outcome.pictures) for outcome in outcomes) == 64
    assert sandbox.report()["charged_submissions"] == 64
    assert len(await desk.bill()) == 64


class Impatient(Exception):
    """Raised by a look, as the host's interrupt is."""


async def test_who_leaves_does_not_stop_what_is_paid_for(desk):
    desk.job_seconds(0.4)
    began = time.monotonic()

    def look(_progress: Progress) -> None:
        if time.monotonic() - began > 0.15:
            raise Impatient

    with pytest.raises(Impatient):
        await desk.engine.buy(asked(), Order(run="test"), look)
    assert len((await desk.buy(asked())).pictures) == 1
    assert desk.counts() == (1, 1)


async def test_a_job_outlives_the_process_that_began_it(desk, sandbox, tmp_path):
    desk.job_seconds(0.8)
    is_pending = asyncio.Event()

    def look(progress: Progress) -> None:
        if progress.status == "pending":
            is_pending.set()

    under_way = asyncio.ensure_future(desk.engine.buy(asked(), Order(run="test"), look))
    await asyncio.wait_for(is_pending.wait(), 20)
    desk.engine.stop()
    await asyncio.gather(under_way, return_exceptions=True)
    later = Desk(tmp_path, sandbox)
    try:
        assert len((await later.buy(asked())).pictures) == 1
        assert await later.bill() == [(PRICE[QUEUED], "reported")]
    finally:
        later.engine.stop()
    assert desk.counts() == (1, 1)


# Answers that the stand-in never gives.


JOB = Job({"id": "abc", "prompt": "x", "notices": ["outdated"], "quote": 30_000, "seed": 5})


def test_a_job_without_a_usable_name_is_an_error():
    for name in (None, 7, "", "..", "../account", "a b"):
        with pytest.raises(ProviderDown, match="named nothing"):
            job_of({"generation_id": name}, asked(), (), None)


def test_a_status_that_nobody_knows_means_that_the_job_goes_on():
    told = told_of(JOB, {"status": "upscaling"}, ())
    assert isinstance(told, Job) and told.progress.status == "upscaling"


@pytest.mark.parametrize(("usage", "usd"), [(52_000, "0.052"), (None, "0.03")])
def test_the_reported_usage_wins_over_the_quote(usage, usd):
    item = {"url": "https://x.example/a.png", "is_image_safe": True, "prompt": "x"}
    told = told_of(JOB, {"status": "completed", "usage_cost_usd_micros": usage, "data": [item]}, ("new",))
    assert isinstance(told, Result)
    assert (str(told.cost_usd), told.seed, told.notices) == (usd, 5, ("outdated", "new"))
    assert told.pictures[0].lifetime == 86_400


@pytest.mark.parametrize(("cost", "charge"), [(60_000, "charged"), (0, "none"), (None, "none")])
def test_a_job_that_the_safety_check_ended_is_a_refusal(cost, charge):
    answer = {"status": "failed", "failure_reason": "Image failed safety check", "usage_cost_usd_micros": cost}
    with pytest.raises(ContentRejected) as refused:
        told_of(JOB, answer, ())
    assert (refused.value.stage, refused.value.charge, refused.value.request_id) == ("output", charge, "abc")


def test_the_account_is_the_usual_one():
    assert (ACCOUNT.key_variable, ACCOUNT.address, ACCOUNT.concurrency) == (
        "IDEOGRAM_API_KEY",
        "https://api.ideogram.ai",
        10,
    )
