"""Enlarging and cutting out through Replicate and fal over real HTTP."""

from __future__ import annotations

import asyncio

import numpy as np
import pytest

from easel.nodes import pictures
from easel.nodes.hosted.engine.errors import (
    ContentRejected,
    InputRefused,
    InvalidKey,
    ModelRetired,
    QuotaExhausted,
    ResultLost,
    TimedOut,
)
from easel.nodes.hosted.enhance.models import CUTTERS, UPSCALERS
from easel.nodes.hosted.enhance.provider import PROVIDERS
from easel.nodes.hosted.enhance.requests import RemoveBackground, Upscale
from support.desk import desk_of

CUT = [name for name, row in CUTTERS.items() if row.route != "removebg"]
ONE_EACH = ["real-esrgan (Replicate)", "esrgan (fal)"]


@pytest.fixture
def desk(tmp_path, sandbox, monkeypatch):
    monkeypatch.setenv("EASEL_SANDBOX", "1")
    with desk_of(tmp_path, sandbox, *(provider() for provider in PROVIDERS)) as desk:
        yield desk
    desk.job_seconds(1)


def square(shade: int = 30, width: int = 96, height: int = 64) -> pictures.Pixels:
    """A red square on white; the shade tells one from another."""
    array = np.full((height, width, 3), 250, np.uint8)
    array[16:48, 32:64] = (200, shade, 30)
    return pictures.Pixels(array)


def larger(model: str, image=None, **changes) -> Upscale:
    return Upscale.build(**{"model": model, "image": image or square(), "scale": 4.0, **changes})


def cut_out(model: str, **changes) -> RemoveBackground:
    return RemoveBackground.build(model=model, image=square(), **changes)


async def bought(desk, requests):
    """What each request gave, by its model; all are bought at once, because a queue is looked at twice a second."""
    outcomes = await asyncio.gather(*map(desk.buy, requests))
    return {request.model: outcome for request, outcome in zip(requests, outcomes, strict=True)}


async def test_every_upscaler_makes_the_picture_larger_and_is_charged_once(desk):
    outcomes = await bought(desk, [larger(model) for model in UPSCALERS])
    for model, outcome in outcomes.items():
        large = pictures.decode(outcome.pictures[0].data)
        assert (large.width, large.height, outcome.pictures[0].media_type) == (384, 256, "image/png"), model
        assert outcome.record["provider"] == UPSCALERS[model].route
    assert desk.counts() == (len(UPSCALERS), len(UPSCALERS))
    assert {source for _, source in await desk.bill()} == {"estimated"}


async def test_every_cutter_gives_the_subject_with_its_opacity(desk):
    outcomes = await bought(desk, [cut_out(model) for model in CUT])
    for model, outcome in outcomes.items():
        cut = pictures.decode(outcome.pictures[0].data)
        assert (cut.width, cut.height, cut.has_alpha) == (96, 64, True), model
        assert (cut.array[2, 2, 3], cut.array[18, 48, 3]) == (0, 255), model
    assert desk.counts() == (len(CUT), len(CUT))


async def test_the_options_reach_the_models(desk):
    outcomes = await bought(desk, [cut_out("851-labs (Replicate)", reverse=True), cut_out("rembg (fal)", crop=True)])
    kept, cropped = (pictures.decode(outcome.pictures[0].data) for outcome in outcomes.values())
    assert (kept.array[2, 2, 3], kept.array[18, 48, 3]) == (255, 0)
    assert (cropped.width, cropped.height) == (32, 32)


async def test_the_same_request_again_costs_nothing_and_another_seed_buys_another(desk):
    await bought(desk, [larger(model, seed=1) for model in ONE_EACH])
    again = await bought(desk, [larger(model, seed=1) for model in ONE_EACH])
    assert all(outcome.reused for outcome in again.values())
    await bought(desk, [larger(model, seed=2) for model in ONE_EACH])
    assert desk.counts() == (4, 4)


@pytest.mark.parametrize("model", ONE_EACH)
@pytest.mark.parametrize(
    ("fault", "kind"),
    [("insufficient_quota", QuotaExhausted), ("bad_key", InvalidKey), ("model_not_found", ModelRetired)],
)
async def test_what_was_not_taken_was_not_charged(desk, sandbox, model, fault, kind):
    sandbox.fault(fault)
    with pytest.raises(kind) as error:
        await desk.buy(larger(model))
    assert error.value.charge == "none"
    assert desk.counts() == (1, 0)
    assert await desk.bill() == []


@pytest.mark.parametrize("model", ["clarity (Replicate)", "clarity (fal)"])
async def test_a_content_filter_s_refusal_is_told_as_one(desk, sandbox, model):
    sandbox.fault("refuse_input")
    with pytest.raises(ContentRejected) as refused:
        await desk.buy(larger(model))
    assert (refused.value.stage, bool(refused.value.request_id)) == ("input", True)


@pytest.mark.parametrize("model", ONE_EACH)
async def test_an_expired_link_is_an_error_that_is_billed(desk, sandbox, model):
    sandbox.fault("expired_link")
    with pytest.raises(ResultLost, match="no longer works"):
        await desk.buy(larger(model))
    assert len(await desk.bill()) == 1


@pytest.mark.parametrize("model", ONE_EACH)
async def test_a_cut_is_never_sent_again(desk, sandbox, model):
    sandbox.fault("cut_after_body", times=1)
    with pytest.raises(TimedOut):
        await desk.buy(larger(model))
    assert desk.counts() == (1, 1)


async def test_a_picture_that_replicate_made_goes_back_as_its_link(desk, sandbox):
    noise = pictures.Pixels(np.random.default_rng(0).integers(0, 255, (64, 64, 3), np.uint8))
    made = pictures.decode((await desk.buy(larger("real-esrgan (Replicate)", noise, scale=2.0))).pictures[0].data)
    sandbox.call("DELETE", "/sandbox/log")
    await desk.buy(larger("real-esrgan (Replicate)", made, scale=2.0))
    assert sum(entry["bytes_in"] for entry in sandbox.log()) < 2000


async def test_what_only_the_provider_knows_to_be_too_large_is_told(desk):
    with pytest.raises(InputRefused, match="smaller"):
        # A result as large as this is refused here before it is sent, so that the request has to be made up.
        await desk.buy(larger("clarity (Replicate)", square(width=900, height=900)).model_copy(update={"scale": 10.0}))


async def test_many_pictures_through_throttles_are_each_bought_once(desk, sandbox):
    sandbox.fault("rate_limit", probability=0.1, method="POST", retry_after=0.05)
    wanted = [desk.buy(larger(model, square(shade))) for model in ONE_EACH for shade in range(12)]
    outcomes = await asyncio.gather(*wanted)
    assert sum(len(outcome.pictures) for outcome in outcomes) == 24
    assert sandbox.report()["charged_submissions"] == 24
