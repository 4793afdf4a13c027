"""Replicate through its own client over real HTTP: what is bought, what each refusal and fault means, what it cost."""

from __future__ import annotations

import asyncio
from typing import Any

import numpy as np
import pytest

from easel.nodes import pictures
from easel.nodes.hosted.anymodel.replicate import AnyReplicate
from easel.nodes.hosted.engine import errors
from easel.nodes.hosted.engine.engine import Order
from easel.nodes.hosted.engine.wire import Answer
from easel.nodes.hosted.platforms.replicate.answers import refusal
from easel.nodes.hosted.platforms.replicate.client import new_client
from easel.nodes.hosted.platforms.replicate.provider import Replicate
from support.desk import Desk, desk_of

SCHNELL = "black-forest-labs/flux-schnell"
PRO = "black-forest-labs/flux-1.1-pro"
FILL = "black-forest-labs/flux-fill-dev"
ESRGAN = "nightmareai/real-esrgan:350d32041630ffbe63c8352783a26d94126809164e54085352f8326e53999085"
PREDICTIONS = "/predictions"


@pytest.fixture
def desk(tmp_path, sandbox, monkeypatch):
    monkeypatch.setenv("EASEL_SANDBOX", "1")
    with desk_of(tmp_path, sandbox, Replicate()) as desk:
        yield desk


def asked(
    model: str = SCHNELL, files: tuple[Any, ...] = (), masks: tuple[Any, ...] = (), **inputs: Any
) -> AnyReplicate:
    inputs = {"prompt": "a red circle on a blue background"} | inputs if model != ESRGAN else inputs
    return AnyReplicate.build(model=model, inputs=inputs, pictures=files, masks=masks)


def noise(side: int) -> pictures.Pixels:
    """A picture that does not get small as a file."""
    return pictures.Pixels(np.random.default_rng(side).integers(0, 256, (side, side, 3), np.uint8))


def creates(desk: Desk) -> list[dict[str, Any]]:
    return [line for line in desk.sandbox.log() if line["path"].endswith("predictions") and line["method"] == "POST"]


def uploads(desk: Desk) -> list[dict[str, Any]]:
    return [line for line in desk.sandbox.log() if line["path"].endswith("/v1/files")]


async def test_a_model_that_gives_a_list_and_one_that_gives_a_string(desk):
    schnell = await desk.buy(asked(num_outputs=2, output_format="png"))
    pro = await desk.buy(asked(PRO))
    assert (len(schnell.pictures), len(pro.pictures)) == (2, 1)
    red, blue = pictures.decode(schnell.pictures[0].data).array[(512, 2), (512, 2), :3].tolist()
    assert red[0] > 150 > red[2]
    assert blue[2] > 100 > blue[0]
    assert desk.counts() == (2, 2)
    assert schnell.record["job"]


async def test_a_community_model_is_ordered_by_its_version(desk):
    outcome = await desk.buy(asked(ESRGAN, files=(noise(32),), image="$file/picture/0", scale=2))
    assert (outcome.pictures[0].width, outcome.pictures[0].height) == (64, 64)
    assert [line["path"].rpartition("/v1")[2] for line in creates(desk)] == [PREDICTIONS]


async def test_it_polls_to_the_end_where_the_client_s_own_run_stops_at_processing(desk):
    desk.job_seconds(1.2)
    outcome = await desk.buy(asked())
    assert len(outcome.pictures) == 1
    assert {"waiting for a machine", "painting"} <= {look.status for look in desk.shown}


async def test_a_small_picture_travels_inside_and_a_large_one_is_uploaded_once(desk):
    small, large = noise(64), noise(420)
    await desk.buy(asked(ESRGAN, files=(small,), image="$file/picture/0", scale=2))
    assert uploads(desk) == []
    scales = (1.5, 2, 2.5, 3)
    await asyncio.gather(
        *(desk.buy(asked(ESRGAN, files=(large,), image="$file/picture/0", scale=scale)) for scale in scales)
    )
    assert len(uploads(desk)) == 1
    assert desk.counts()[1] == 5


async def test_a_picture_from_replicate_goes_back_as_its_link(desk):
    made = await desk.buy(asked(output_format="png"))
    again = pictures.decode(made.pictures[0].data)
    before = len(desk.sandbox.log())
    await desk.buy(asked(ESRGAN, files=(again,), image="$file/picture/0", scale=2))
    sent = next(line for line in desk.sandbox.log()[before:] if line["path"].endswith("predictions"))
    assert sent["bytes_in"] < 1000
    assert uploads(desk) == []


async def test_a_mask_is_white_where_to_change(desk):
    picture = pictures.Pixels(np.full((256, 256, 3), 200, np.uint8))
    marked = np.zeros((256, 256), np.uint8)
    marked[:, 128:] = 255
    outcome = await desk.buy(
        asked(
            FILL, (picture,), (pictures.Mask(marked),),
            prompt="a blue square", image="$file/picture/0", mask="$file/white/0",
            megapixels="match_input", output_format="png",
        )
    )  # fmt: skip
    made = pictures.decode(outcome.pictures[0].data).array[..., :3]
    assert (made[:, :100] == 200).all()
    assert (made[:, 160:] != 200).any()


@pytest.mark.parametrize(
    ("fault", "error", "words"),
    [
        ({"kind": "bad_key"}, errors.InvalidKey, "REPLICATE_API_TOKEN"),
        ({"kind": "insufficient_quota"}, errors.QuotaExhausted, "credit"),
        ({"kind": "model_not_found"}, errors.ModelRetired, "flux-schnell"),
        ({"kind": "server_error"}, errors.ProviderDown, "not sent again"),
        ({"kind": "html"}, errors.ProviderDown, "not its API"),
        ({"kind": "cut_after_body"}, errors.TimedOut, "may have been charged"),
        ({"kind": "refuse_input"}, errors.ContentRejected, "refused"),
        ({"kind": "refuse_output"}, errors.ContentRejected, "refused"),
    ],
    ids=lambda value: value.get("kind") if isinstance(value, dict) else None,
)
async def test_what_each_failure_of_a_submission_means(desk, fault, error, words):
    desk.sandbox.fault(**fault, path="predictions", method="POST", times=1)
    with pytest.raises(error, match=words) as raised:
        await desk.buy(asked())
    assert len(creates(desk)) == 1
    if error is errors.ContentRejected:
        assert raised.value.request_id
        assert raised.value.words


async def test_a_refused_prompt_is_charged_nothing(desk):
    with pytest.raises(errors.ContentRejected, match="NSFW") as refused:
        await desk.buy(asked(prompt="something forbidden"))
    assert refused.value.stage == "output"
    with pytest.raises(errors.ContentRejected, match="E005") as refused:
        await desk.buy(asked(PRO, prompt="something forbidden"))
    assert refused.value.stage == "input"
    assert desk.counts() == (2, 0)


async def test_a_wrong_input_is_said_in_replicate_s_words(desk):
    with pytest.raises(errors.InputRefused, match="num_inference_steps") as refused:
        await desk.buy(asked(num_inference_steps=80))
    assert refused.value.input_name == "num_inference_steps"
    assert desk.counts()[1] == 0


async def test_an_unknown_version_is_a_retired_model(desk):
    with pytest.raises(errors.ModelRetired):
        await desk.buy(asked(ESRGAN[:-8] + "00000000", image="https://example.com/a.png"))


@pytest.mark.parametrize("fault", ["half_picture", "too_many_pixels", "bill_without_picture"])
async def test_what_is_no_picture_is_an_error_and_is_billed_once(desk, fault):
    desk.sandbox.fault(fault, times=1)
    with pytest.raises(errors.ResultLost) as lost:
        await desk.buy(asked())
    assert lost.value.charge != "none"
    assert desk.counts() == (1, 1)
    assert len(await desk.bill()) == 1


async def test_an_expired_link_is_an_error(desk):
    desk.sandbox.fault("expired_link")
    with pytest.raises(errors.ResultLost, match="no longer works"):
        await desk.buy(asked())
    assert desk.counts() == (1, 1)


async def test_a_paid_picture_under_a_wrong_content_type_is_judged_by_its_bytes(desk):
    desk.sandbox.fault("wrong_content_type")
    assert len((await desk.buy(asked())).pictures) == 1


async def test_throttles_and_outages_are_waited_out(desk):
    desk.sandbox.fault("rate_limit", times=1, retry_after=0.1, method="POST")
    desk.sandbox.fault("unavailable", times=1, method="GET", path="predictions")
    desk.sandbox.fault("html", times=1, method="GET", path="predictions")
    assert len((await desk.buy(asked())).pictures) == 1
    assert desk.counts()[1] == 1


def test_a_throttle_says_how_long_even_without_the_header():
    throttled = Answer(429, {}, {"detail": "Request was throttled. Your rate limit resets in ~30s.", "status": 429})
    assert refusal(throttled, None).retry_after == 30


async def test_a_run_that_is_stopped_is_cancelled_there(desk):
    desk.job_seconds(30)

    class Stop(Exception):
        pass

    def look(progress):
        if progress.status == "waiting for a machine":
            raise Stop

    with pytest.raises(Stop):
        await desk.engine.buy(asked(), Order(run="test"), look)
    for _ in range(100):
        if any(line["path"].endswith("/cancel") for line in desk.sandbox.log()):
            break
        await asyncio.sleep(0.05)
    else:
        pytest.fail("nothing was cancelled")
    assert desk.counts() == (1, 0)


async def test_proxies_of_the_environment_are_used(desk, monkeypatch):
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
    monkeypatch.setenv("NO_PROXY", "")
    with pytest.raises(errors.ProviderDown, match="cannot be reached"):
        await desk.engine.consult("replicate", "default", whose_key)


async def whose_key(call):
    return await new_client(call).accounts.async_current()
