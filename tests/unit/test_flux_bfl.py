"""FLUX through BFL over real HTTP: what is bought, what each refusal and fault means, and what it cost."""

from __future__ import annotations

import asyncio
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
from easel.nodes.hosted.engine.provider import Progress
from easel.nodes.hosted.flux.bfl.provider import Bfl
from easel.nodes.hosted.flux.models import OFFERS
from easel.nodes.hosted.flux.requests import FluxEdit, FluxErase, FluxExpand, FluxFill, FluxGenerate
from support.desk import Desk, desk_of
from support.flux_wishes import plain, right_half
from support.shop import until

PRICE = 0.03


def asked(prompt: str = "a red circle on a blue background", **changes: Any) -> FluxGenerate:
    size = {} if "aspect_ratio" in changes else {"width": 256, "height": 256}
    return FluxGenerate.build(**{"model": "flux-2-pro", "prompt": prompt, **size, **changes})


@pytest.fixture
def desk(tmp_path: Path, sandbox: Any, monkeypatch: pytest.MonkeyPatch) -> Iterator[Desk]:
    monkeypatch.setenv("EASEL_SANDBOX", "1")
    monkeypatch.setattr("easel.nodes.hosted.flux.bfl.answers._POLL_EVERY", 0.05)
    with desk_of(tmp_path, sandbox, Bfl()) as desk:
        yield desk
    sandbox.call("POST", "/sandbox/settings", {"job_seconds": 1.0, "link_seconds": 3600.0})


async def test_a_picture_is_drawn_as_asked_and_charged_as_reported(desk):
    desk.job_seconds(1.2)
    outcome = await desk.buy(asked(aspect_ratio="16:9", seed=42))
    picture = outcome.pictures[0]
    assert (picture.width, picture.height, picture.media_type) == (1360, 768, "image/png")
    red, _, blue = (int(value) for value in pictures.decode(picture.data).array[330, 680, :3])
    assert red > 2 * blue
    assert await desk.bill() == [(PRICE, "reported")]
    assert (outcome.record["seed"], outcome.record["seed_honoured"]) == (42, True)
    assert outcome.record["request_id"] == outcome.record["job"]["id"]
    assert any(look.status == "pending" and look.fraction for look in desk.shown)
    assert desk.counts() == (1, 1)


async def test_the_same_request_again_costs_nothing(desk):
    first = await desk.buy(asked())
    second = await desk.buy(asked())
    assert second.reused and second.pictures[0].data == first.pictures[0].data
    assert desk.counts() == (1, 1)


async def test_every_model_delivers_a_picture_for_what_is_estimated(desk):
    requests = [asked(model=model, aspect_ratio="1:1") for model in OFFERS["generate"]["bfl"]]
    outcomes = await asyncio.gather(*(desk.buy(request) for request in requests))
    assert [len(outcome.pictures) for outcome in outcomes] == [1] * len(requests)
    assert desk.counts() == (len(requests),) * 2
    for request, outcome in zip(requests, outcomes, strict=True):
        # What is estimated is what the stand-in, with a table of its own, reports.
        estimate = desk.engine.estimate(request)
        assert outcome.record["cost_source"] == "reported"
        assert estimate is None or float(estimate) == outcome.record["cost_usd"]


@pytest.mark.parametrize("output_format", ["jpeg", "webp"])
async def test_other_formats(desk, output_format):
    outcome = await desk.buy(asked(output_format=output_format))
    assert outcome.pictures[0].media_type == f"image/{output_format}"


async def test_the_key_goes_to_the_queue_and_never_to_the_download(desk, sandbox):
    await desk.buy(asked())
    keys = {request["operation"]: request["key"] for request in sandbox.log()}
    assert keys["generate"] and keys["poll"] and keys["fetch"] is None


async def test_a_refused_prompt_costs_nothing_and_says_why(desk):
    with pytest.raises(ContentRejected) as refused:
        await desk.buy(asked("a forbidden picture"))
    assert (refused.value.stage, refused.value.charge) == ("input", "none")
    assert refused.value.request_id and "sexual" in refused.value.words
    assert desk.counts() == (1, 0)
    assert await desk.bill() == []


async def test_a_refused_picture_costs_nothing_and_says_at_which_stage(desk, sandbox):
    sandbox.fault("refuse_output", category="violence")
    with pytest.raises(ContentRejected) as refused:
        await desk.buy(asked())
    assert (refused.value.stage, refused.value.words) == ("output", "violence")
    assert desk.counts() == (1, 0)
    assert await desk.bill() == []


@pytest.mark.parametrize(
    ("fault", "kind", "words"),
    [
        ("insufficient_quota", QuotaExhausted, "Insufficient credits"),
        ("bad_key", InvalidKey, "Invalid API key format"),
        ("not_verified", InvalidKey, "Not authenticated"),
        ("model_not_found", ModelRetired, "Not Found"),
    ],
)
async def test_what_was_not_taken_was_not_charged(desk, sandbox, fault, kind, words):
    sandbox.fault(fault)
    with pytest.raises(kind) as error:
        await desk.buy(asked())
    assert (error.value.charge, error.value.words) == ("none", words)
    assert desk.counts() == (1, 0)
    assert await desk.bill() == []


@pytest.mark.parametrize("fault", ["rate_limit", "unavailable"])
async def test_a_throttle_or_a_full_house_is_waited_out(desk, sandbox, fault):
    sandbox.fault(fault, times=2, retry_after=0.2)
    assert len((await desk.buy(asked())).pictures) == 1
    assert desk.counts() == (3, 1)
    assert await desk.bill() == [(PRICE, "reported")]


async def test_a_refused_connection_is_tried_again(desk, sandbox):
    sandbox.fault("connection_refused", seconds=1)
    assert len((await desk.buy(asked())).pictures) == 1
    assert desk.counts() == (1, 1)


@pytest.mark.parametrize(("fault", "charged"), [("cut_after_body", 1), ("cut_before_body", 0)])
async def test_a_cut_is_never_sent_again_and_is_told_as_unsure(desk, sandbox, fault, charged):
    sandbox.fault(fault, times=1)
    with pytest.raises(TimedOut) as error:
        await desk.buy(asked())
    assert error.value.charge == "unsure"
    assert sandbox.report()["charged_submissions"] == charged
    assert [source for _, source in await desk.bill()] == ["unsure"]


@pytest.mark.parametrize("fault", ["server_error", "html"])
async def test_an_answer_that_tells_nothing_is_unsure_and_not_sent_again(desk, sandbox, fault):
    sandbox.fault(fault, times=1)
    with pytest.raises(ProviderDown) as error:
        await desk.buy(asked())
    assert error.value.charge == "unsure"
    assert desk.counts() == (1, 0)


async def test_what_the_stand_in_refuses_names_the_field(desk, monkeypatch):
    async def wrong_body(_request: Any, _call: Any) -> dict[str, Any]:
        return {"prompt": "x", "width": 1000}

    monkeypatch.setattr("easel.nodes.hosted.flux.bfl.provider.body_of", wrong_body)
    with pytest.raises(InputRefused) as error:
        await desk.buy(asked())
    assert error.value.input_name == "width" and "multiple of 16" in error.value.words
    assert desk.counts() == (1, 0)


@pytest.mark.parametrize("fault", ["server_error", "unavailable", "rate_limit", "html"])
async def test_a_poll_that_fails_is_repeated_and_buys_nothing(desk, sandbox, fault):
    sandbox.fault(fault, path="get_result", times=1)
    assert len((await desk.buy(asked())).pictures) == 1
    assert desk.counts() == (1, 1)


async def test_a_cut_poll_is_repeated(desk, sandbox):
    sandbox.fault("cut_before_body", path="get_result", times=1)
    assert len((await desk.buy(asked())).pictures) == 1
    assert desk.counts() == (1, 1)


async def test_a_key_that_fails_while_the_job_runs_leaves_the_job_to_be_resumed(desk, sandbox):
    sandbox.fault("bad_key", path="get_result", times=1)
    with pytest.raises(InvalidKey):
        await desk.buy(asked())
    assert len((await desk.buy(asked())).pictures) == 1
    assert desk.counts() == (1, 1)


async def test_a_task_that_failed_is_told_even_with_an_error_status(desk, sandbox):
    sandbox.fault("bill_without_picture")
    with pytest.raises(ResultLost) as error:
        await desk.buy(asked())
    assert error.value.charge == "unsure" and "The model failed" in error.value.words
    assert desk.counts() == (1, 1)
    assert [source for _, source in await desk.bill()] == ["unsure"]


async def test_a_lost_task_is_told_as_charged(desk, sandbox):
    sandbox.fault("model_not_found", path="get_result", times=1)
    with pytest.raises(ResultLost) as error:
        await desk.buy(asked())
    assert error.value.charge == "charged" and error.value.request_id
    assert [source for _, source in await desk.bill()] == ["estimated"]


@pytest.mark.parametrize("fault", ["no_data", "half_picture", "too_many_pixels", "too_many_bytes"])
async def test_what_is_no_picture_is_an_error_and_is_billed_once(desk, sandbox, fault):
    sandbox.fault(fault, times=1, **({"megabytes": 200} if fault == "too_many_bytes" else {}))
    with pytest.raises(ResultLost):
        await desk.buy(asked())
    assert desk.counts() == (1, 1)
    assert len(await desk.bill()) == 1


async def test_an_expired_link_is_an_error(desk, sandbox):
    sandbox.fault("expired_link")
    with pytest.raises(ResultLost, match="no longer works"):
        await desk.buy(asked())
    assert await desk.bill() == [(PRICE, "reported")]


async def test_more_than_the_allowed_tasks_wait_for_a_place_and_all_arrive(desk):
    desk.job_seconds(0.8)
    wanted = [desk.buy(asked(f"picture {number}", model="flux-2-klein-4b")) for number in range(40)]
    outcomes = await asyncio.gather(*wanted)
    assert sum(len(outcome.pictures) for outcome in outcomes) == 40
    assert desk.sandbox.report()["charged_submissions"] == 40


async def test_sixty_four_prompts_through_throttles_end_with_sixty_four_charges(desk, sandbox):
    sandbox.fault("rate_limit", probability=0.1, path="/v1/flux")
    sandbox.fault("server_error", probability=0.05, path="get_result")
    wanted = [desk.buy(asked(f"picture {number}", model="flux-2-klein-4b")) for number in range(64)]
    outcomes = await asyncio.gather(*wanted)
    assert sum(len(outcome.pictures) for outcome in outcomes) == 64
    assert sandbox.report()["charged_submissions"] == 64
    assert len(await desk.bill()) == 64


async def test_every_model_edits_several_pictures_in_the_shape_of_the_first(desk):
    images = (plain(640, 320), plain(), plain(colour=(0, 0, 200, 90)))
    models = list(OFFERS["edit"]["bfl"])
    wishes = [
        FluxEdit.build(model=model, prompt="a green star", images=images, aspect_ratio="auto") for model in models
    ]
    for outcome in await asyncio.gather(*(desk.buy(wish) for wish in wishes)):
        assert outcome.pictures[0].width == pytest.approx(2 * outcome.pictures[0].height, rel=0.03)
    assert {line["operation"] for line in desk.sandbox.log() if line["submission"]} == {"edit"}
    assert desk.counts() == (len(models), len(models))


async def test_a_picture_that_bfl_made_goes_back_as_its_link(desk, sandbox):
    made = pictures.decode((await desk.buy(asked())).pictures[0].data)
    await desk.buy(FluxEdit.build(model="flux-2-pro", prompt="now at night", images=(made,), aspect_ratio="auto"))
    submissions = [request for request in sandbox.log() if request["submission"]]
    assert submissions[1]["bytes_in"] < 1000
    assert submissions[1]["charged_usd"] == pytest.approx(0.045)


async def test_only_what_is_white_in_the_mask_is_filled(desk):
    image = plain()
    fill = FluxFill.build(model="flux-1-fill-pro", prompt="a blue square", image=image, mask=right_half())
    filled = pictures.decode((await desk.buy(fill)).pictures[0].data)
    assert (filled.array[:, :256, :3] == image.array[:, :256]).all()
    assert (filled.array[:, 256:, :3] != image.array[:, 256:]).any()
    assert await desk.bill() == [(0.05, "reported")]


@pytest.mark.parametrize("model", list(OFFERS["expand"]["bfl"]))
async def test_a_picture_grows_by_what_is_asked_at_each_side(desk, model):
    image = plain()
    request = FluxExpand.build(model=model, prompt="a beach", image=image, left=128, right=64, bottom=32)
    grown = pictures.decode((await desk.buy(request)).pictures[0].data)
    assert (grown.width, grown.height) == (704, 544)
    assert (grown.array[:512, 128:640, :3] == image.array).all()


async def test_what_is_marked_is_taken_away_and_the_rest_stays(desk):
    pixels = np.full((256, 256, 3), (200, 30, 30), np.uint8)
    pixels[:, 200:] = 0
    marked = np.zeros((256, 256), np.uint8)
    marked[:, 200:] = 255
    image, mask = pictures.Pixels(pixels), pictures.Mask(marked)
    erased = await desk.buy(FluxErase.build(model="flux-erase", image=image, mask=mask, grow=0))
    cleared = pictures.decode(erased.pictures[0].data).array
    assert (cleared[:, :200, :3] == image.array[:, :200]).all()
    assert np.median(cleared[:, 200:, 0]) == 200
    assert desk.sandbox.log()[0]["operation"] == "erase"


async def test_a_picture_too_large_as_a_file_is_refused_before_it_is_sent(desk, monkeypatch):
    monkeypatch.setattr("easel.nodes.hosted.flux.bfl.bodies._MOST_BYTES", 100)
    with pytest.raises(InputRefused, match="scale it down") as refused:
        await desk.buy(FluxEdit.build(model="flux-2-pro", prompt="x", images=(plain(),), aspect_ratio="auto"))
    assert refused.value.charge == "none"
    assert desk.counts() == (0, 0)


class Impatient(Exception):
    """Raised by a look, as the host's interrupt is."""


async def test_who_leaves_does_not_stop_what_is_paid_for(desk):
    desk.job_seconds(0.8)

    def look(progress: Progress) -> None:
        if progress.status == "pending":
            raise Impatient

    with pytest.raises(Impatient):
        await desk.engine.buy(asked(), Order(run="test"), look)
    await until(lambda: any(line["operation"] == "fetch" for line in desk.sandbox.log()))
    assert (await desk.buy(asked())).reused
    assert desk.counts() == (1, 1)
