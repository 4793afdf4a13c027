"""Replicate through its own client over real HTTP: what is bought, what each refusal and fault means, what it cost."""

from __future__ import annotations

import asyncio
from functools import partial
from typing import Any

import httpx
import numpy as np
import pytest
from replicate.prediction import Prediction

from easel.nodes import pictures
from easel.nodes.hosted.anymodel.replicate import AnyReplicate
from easel.nodes.hosted.engine import errors
from easel.nodes.hosted.engine.engine import Order
from easel.nodes.hosted.engine.provider import Job
from easel.nodes.hosted.engine.wire import Answer
from easel.nodes.hosted.platforms.orders import Uploads
from easel.nodes.hosted.platforms.replicate import client
from easel.nodes.hosted.platforms.replicate.answers import plain, refusal, told_of
from easel.nodes.hosted.platforms.replicate.client import new_client
from easel.nodes.hosted.platforms.replicate.provider import Replicate
from support.desk import Desk, calling, desk_of, listening

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


async def stopped_at(desk: Desk, shown: str) -> None:
    """Buy, and stop the run once that is shown."""

    class Stop(Exception):
        pass

    def look(progress):
        if progress.status == shown:
            raise Stop

    with pytest.raises(Stop):
        await desk.engine.buy(asked(), Order(run="test"), look)


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
    await stopped_at(desk, "waiting for a machine")
    for _ in range(100):
        if any(line["path"].endswith("/cancel") for line in desk.sandbox.log()):
            break
        await asyncio.sleep(0.05)
    else:
        pytest.fail("nothing was cancelled")
    assert desk.counts() == (1, 0)


async def test_a_job_that_had_begun_is_in_the_ledger_though_it_was_cancelled(desk):
    desk.job_seconds(20)
    await stopped_at(desk, "painting")
    for _ in range(100):
        if bill := await desk.bill():
            break
        await asyncio.sleep(0.05)
    assert [source for _usd, source in bill] == ["unsure"]
    assert desk.counts() == (1, 1)
    # It has ended here too: nothing is looked at any more.
    looks = len(desk.sandbox.log())
    await asyncio.sleep(0.2)
    assert len(desk.sandbox.log()) == looks


async def test_a_job_that_is_done_is_not_cancelled(desk):
    outcome = await desk.buy(asked())
    job = Job(outcome.record["job"])
    assert not await desk.engine.consult("replicate", "default", partial(Replicate().cancel, job))


async def test_a_submission_without_an_answer_ends(desk, monkeypatch):
    """The client itself begins predictions without any time-out."""
    monkeypatch.setattr(client, "_TIMEOUT", httpx.Timeout(0.3))
    desk.sandbox.fault("slow", seconds=5, path="predictions", method="POST", times=1)
    with pytest.raises(errors.TimedOut, match="may have been charged"):
        await asyncio.wait_for(desk.buy(asked()), 4)
    assert len(creates(desk)) == 1


@pytest.mark.parametrize("fault", ["model_not_found", "server_error", "html", "no_data", "cut_after_body"])
async def test_an_upload_that_fails_is_tried_again_and_costs_nothing(desk, fault):
    desk.sandbox.fault(fault, path="/v1/files", times=1)
    await desk.buy(asked(ESRGAN, files=(noise(420),), image="$file/picture/0", scale=1.5))
    assert len(uploads(desk)) == 2
    assert desk.counts()[1] == 1


async def test_an_upload_belongs_to_one_key():
    shared, sent = Uploads(60), []

    async def upload(owner):
        sent.append(owner)
        return f"https://example.com/{owner}"

    owners = ("mine", "theirs", "mine")
    links = [await shared.link(b"same", ("host", owner), partial(upload, owner)) for owner in owners]
    assert sent == ["mine", "theirs"]
    assert links == [f"https://example.com/{owner}" for owner in owners]


@pytest.mark.parametrize("end", [errors.ProviderDown("It is down."), asyncio.CancelledError()], ids=type)
async def test_an_upload_goes_on_without_its_first_waiter_and_is_forgotten_where_it_fails(end):
    shared, began, may_end = Uploads(60), [], asyncio.Event()

    async def upload():
        began.append(1)
        await may_end.wait()
        if len(began) == 1:
            raise end
        return "https://example.com/a"

    first, second = (asyncio.ensure_future(shared.link(b"same", ("me",), upload)) for _ in range(2))
    await asyncio.sleep(0)
    first.cancel()
    await asyncio.sleep(0)
    assert first.cancelled()
    assert not second.done()
    may_end.set()
    await asyncio.wait({second})
    assert await shared.link(b"same", ("me",), upload) == "https://example.com/a"
    assert began == [1, 1]


async def test_every_request_has_a_connection_of_its_own():
    """A kept one that the server has just closed looks like one cut after the request."""
    async with listening(401, {"detail": "no"}) as server, calling(server.address) as call:
        provider = Replicate()
        for _ in range(2):
            with pytest.raises(errors.InvalidKey):
                await provider.submit(asked(), call)
        assert (server.connections, len(server.requests)) == (2, 2)


async def test_the_key_follows_no_redirect():
    async with (
        listening(200, {}) as elsewhere,
        listening(307, {}, Location=f"{elsewhere.address}/a") as server,
        calling(server.address) as call,
    ):
        with pytest.raises(errors.ProviderDown):
            await Replicate().submit(asked(), call)
        with pytest.raises(errors.ProviderDown):
            await Replicate().poll(Job({"id": "1"}), call)
        assert len(server.requests) == 2
        assert elsewhere.requests == []


async def test_a_page_in_the_place_of_an_answer_ends_no_job():
    job = Job({"id": "1"})
    async with listening(404, None) as page, calling(page.address) as call:
        with pytest.raises(errors.ProviderDown, match="go on waiting"):
            await Replicate().poll(job, call)
    async with listening(404, {"detail": "Not found."}) as api, calling(api.address) as call:
        with pytest.raises(errors.ResultLost, match="does not know this job"):
            await Replicate().poll(job, call)


async def test_a_look_that_is_cut_off_ends_no_job():
    async with listening(0) as server, calling(server.address) as call:
        with pytest.raises(errors.ProviderDown, match="go on waiting"):
            await Replicate().poll(Job({"id": "1"}), call)
        assert len(server.requests) == 1


def told(wants="anything", **answer):
    """What is made of an answer of Replicate."""
    known = plain({"id": "1", "status": "succeeded", **answer})
    return told_of(Prediction(**known), {"id": "1", "wants": wants, "count": 1})


def test_answers_that_the_client_does_not_foresee_lose_no_job():
    assert isinstance(told(status="queued", version=None, logs=[], metrics="none", urls=[]), Job)
    with pytest.raises(errors.ResultLost, match="cancelled"):
        told(status="aborted")
    with pytest.raises(errors.ResultLost, match="broken"):
        told(status="failed", error={"detail": "broken"})
    assert plain({"status": "starting"}) is None
    assert plain({"id": "1"}) is None


@pytest.mark.parametrize(
    ("output", "pictures_found", "text"),
    [
        (["a ", "red ", "boat"], 0, "a red boat"),
        (["https://a.b/one.mp4", "https://a.b/two.mp4"], 0, "https://a.b/one.mp4\nhttps://a.b/two.mp4"),
        ({"image": "https://a.b/c.png", "caption": "a boat", "score": 0.5}, 1, "a boat\n0.5"),
        ("https://a.b/c.webp", 1, ""),
    ],
)
def test_nothing_of_an_output_is_lost(output, pictures_found, text):
    result = told(output=output)
    assert (len(result.pictures), result.text) == (pictures_found, text)


def test_running_out_of_memory_may_be_billed():
    with pytest.raises(errors.InputRefused, match="smaller") as refused:
        told(status="failed", error="CUDA out of memory. Tried to allocate 2 GiB")
    assert refused.value.charge == "unsure"


@pytest.mark.parametrize("link", ["data:image/png;base64,é", "data:image/png;base64,a"])
def test_a_damaged_data_uri_is_said(link):
    with pytest.raises(errors.ResultLost, match="damaged"):
        told(output=link)


async def test_proxies_of_the_environment_are_used(desk, monkeypatch):
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
    monkeypatch.setenv("NO_PROXY", "")
    with pytest.raises(errors.ProviderDown, match="cannot be reached"):
        await desk.engine.consult("replicate", "default", whose_key)


async def whose_key(call):
    return await new_client(call).accounts.async_current()
