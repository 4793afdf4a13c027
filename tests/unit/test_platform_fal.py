"""fal's queue over real HTTP: what is bought, what each refusal and fault means, and what it cost."""

from __future__ import annotations

import asyncio
from decimal import Decimal
from typing import Any

import aiohttp
import numpy as np
import pytest

from easel.nodes import pictures
from easel.nodes.hosted.anymodel.fal import AnyFal
from easel.nodes.hosted.engine import errors, wire
from easel.nodes.hosted.engine.engine import Order
from easel.nodes.hosted.engine.provider import Job
from easel.nodes.hosted.engine.wire import Answer
from easel.nodes.hosted.platforms.fal.answers import (
    _BLACKED_OUT,
    _LEFT_OUT,
    check_url,
    failure,
    job_of,
    result_of,
    under_way,
)
from easel.nodes.hosted.platforms.fal.hosts import beside
from easel.nodes.hosted.platforms.fal.provider import Fal
from easel.nodes.hosted.platforms.fal.uploads import upload
from easel.nodes.hosted.platforms.orders import Order as OrderAtFal
from support.desk import Desk, calling, desk_of, listening

DEV = "fal-ai/flux/dev"
PRO = "fal-ai/flux-pro/v1.1"
FILL = "fal-ai/flux-pro/v1/fill"
ESRGAN = "fal-ai/esrgan"
PRICE = Decimal("0.05")


@pytest.fixture
def desk(tmp_path, sandbox, monkeypatch):
    monkeypatch.setenv("EASEL_SANDBOX", "1")
    with desk_of(tmp_path, sandbox, Fal()) as desk:
        yield desk


def asked(model: str = DEV, files: tuple[Any, ...] = (), masks: tuple[Any, ...] = (), **inputs: Any) -> AnyFal:
    prompt = {} if model == ESRGAN else {"prompt": "a red circle on a blue background"}
    return AnyFal.build(model=model, inputs=prompt | inputs, pictures=files, masks=masks, price=PRICE)


def noise(side: int) -> pictures.Pixels:
    """A picture that does not get small as a file."""
    return pictures.Pixels(np.random.default_rng(side).integers(0, 256, (side, side, 3), np.uint8))


def creates(desk: Desk) -> list[dict[str, Any]]:
    return [line for line in desk.sandbox.log() if "/queue.fal.run/" in line["path"] and line["method"] == "POST"]


def uploads(desk: Desk) -> list[dict[str, Any]]:
    return [line for line in desk.sandbox.log() if line["path"].endswith("/files/upload")]


async def test_pictures_and_their_seed(desk):
    outcome = await desk.buy(asked(num_images=2, seed=7, image_size="square", output_format="png"))
    assert [(picture.width, picture.height) for picture in outcome.pictures] == [(512, 512)] * 2
    assert outcome.record["seed"] == 7
    red, blue = pictures.decode(outcome.pictures[0].data).array[(256, 2), (256, 2), :3].tolist()
    assert red[0] > 150 > red[2]
    assert blue[2] > 100 > blue[0]
    assert desk.counts() == (1, 1)


async def test_an_output_of_one_picture(desk):
    outcome = await desk.buy(asked(ESRGAN, files=(noise(32),), image_url="$file/picture/0", scale=2))
    assert [(picture.width, picture.height) for picture in outcome.pictures] == [(64, 64)]


async def test_the_queue_and_the_work_are_shown(desk):
    desk.job_seconds(1.2)
    await desk.buy(asked())
    assert {"queued", "painting"} <= {look.status for look in desk.shown}
    assert any(look.queue_position for look in desk.shown)


async def test_only_the_addresses_of_the_answer_are_used(desk):
    """They hold the owner and the app only, where the endpoint has a longer path."""
    await desk.buy(asked(PRO))
    looked = {line["path"].split("/requests/")[0] for line in desk.sandbox.log() if "/requests/" in line["path"]}
    assert looked == {"/queue.fal.run/fal-ai/flux-pro"}


async def test_a_small_picture_travels_inside_and_a_large_one_is_uploaded_once(desk):
    await desk.buy(asked(ESRGAN, files=(noise(64),), image_url="$file/picture/0", scale=2))
    assert uploads(desk) == []
    large = noise(620)
    await asyncio.gather(
        *(desk.buy(asked(ESRGAN, files=(large,), image_url="$file/picture/0", scale=scale)) for scale in (1, 1.5, 2))
    )
    assert len(uploads(desk)) == 1
    assert desk.counts()[1] == 4


async def test_a_picture_from_fal_goes_back_as_its_link(desk):
    made = await desk.buy(asked(output_format="png", image_size="square"))
    again = pictures.decode(made.pictures[0].data)
    await desk.buy(asked(ESRGAN, files=(again,), image_url="$file/picture/0", scale=2))
    assert creates(desk)[-1]["bytes_in"] < 500
    assert uploads(desk) == []


async def test_a_mask_is_white_where_to_change(desk):
    picture = pictures.Pixels(np.full((256, 256, 3), 200, np.uint8))
    marked = np.zeros((256, 256), np.uint8)
    marked[:, 128:] = 255
    asked_for = asked(
        FILL, (picture,), (pictures.Mask(marked),),
        prompt="a blue square", image_url="$file/picture/0", mask_url="$file/white/0", output_format="png",
    )  # fmt: skip
    made = pictures.decode((await desk.buy(asked_for)).pictures[0].data).array[..., :3]
    assert (made[:, :100] == 200).all()
    assert (made[:, 160:] != 200).any()


@pytest.mark.parametrize(
    ("fault", "error", "words"),
    [
        ({"kind": "bad_key"}, errors.InvalidKey, "FAL_KEY"),
        ({"kind": "insufficient_quota"}, errors.QuotaExhausted, "Exhausted balance"),
        ({"kind": "model_not_found"}, errors.ModelRetired, "flux/dev"),
        ({"kind": "server_error"}, errors.ProviderDown, "not sent again"),
        ({"kind": "html"}, errors.ProviderDown, "not its API"),
        ({"kind": "cut_after_body"}, errors.TimedOut, "may have been charged"),
    ],
    ids=lambda value: value.get("kind") if isinstance(value, dict) else None,
)
async def test_what_each_failure_of_a_submission_means(desk, fault, error, words):
    desk.sandbox.fault(**fault, path="/queue.fal.run/", method="POST", times=1)
    with pytest.raises(error, match=words):
        await desk.buy(asked())
    assert len(creates(desk)) == 1


async def test_a_refused_prompt_names_the_job_and_fal_s_words(desk):
    with pytest.raises(errors.ContentRejected) as refused:
        await desk.buy(asked(PRO, prompt="something forbidden"))
    assert refused.value.stage == "input"
    assert refused.value.words
    assert refused.value.request_id


@pytest.mark.parametrize(("price", "line"), [(PRICE, (float(PRICE), "estimated")), (None, (0.0, "unknown"))])
async def test_a_picture_that_was_blacked_out_is_a_refusal_and_was_billed(desk, price, line):
    with pytest.raises(errors.ContentRejected, match="blacked it out") as refused:
        await desk.buy(asked(prompt="something forbidden").model_copy(update={"price": price}))
    assert refused.value.charge == "charged"
    assert desk.counts() == (1, 1)
    assert await desk.bill() == [line]


async def test_some_of_several_blacked_out_are_said_and_the_others_kept(desk):
    desk.sandbox.fault("refuse_some", count=1)
    outcome = await desk.buy(asked(num_images=3))
    assert (len(outcome.pictures), len(outcome.refused)) == (2, 1)


async def test_a_wrong_input_is_said_in_fal_s_words(desk):
    with pytest.raises(errors.InputRefused) as refused:
        await desk.buy(asked(image_size="huge"))
    assert refused.value.input_name == "image_size"
    assert desk.counts()[1] == 0


@pytest.mark.parametrize("fault", ["half_picture", "too_many_pixels", "bill_without_picture"])
async def test_what_is_no_picture_is_an_error_and_is_billed_once(desk, fault):
    desk.sandbox.fault(fault, times=1)
    with pytest.raises(errors.ResultLost) as lost:
        await desk.buy(asked(image_size="square"))
    assert lost.value.charge != "none"
    assert desk.counts() == (1, 1)
    assert len(await desk.bill()) == 1


async def test_an_expired_link_is_an_error(desk):
    desk.sandbox.fault("expired_link")
    with pytest.raises(errors.ResultLost, match="no longer works"):
        await desk.buy(asked(image_size="square"))
    assert desk.counts() == (1, 1)


async def test_a_paid_picture_under_a_wrong_content_type_is_judged_by_its_bytes(desk):
    desk.sandbox.fault("wrong_content_type")
    assert len((await desk.buy(asked(image_size="square"))).pictures) == 1


async def test_throttles_and_outages_are_waited_out(desk):
    desk.sandbox.fault("rate_limit", times=1, retry_after=0.1, method="POST")
    desk.sandbox.fault("unavailable", times=1, method="GET", path="/requests/")
    desk.sandbox.fault("html", times=1, method="GET", path="/requests/")
    assert len((await desk.buy(asked())).pictures) == 1
    assert desk.counts()[1] == 1


@pytest.mark.parametrize(("shown", "cancelled"), [("queued", True), ("painting", False)])
async def test_only_a_job_that_still_waits_is_cancelled(desk, shown, cancelled):
    """One that runs may be billed all the same, so it is finished and kept."""
    desk.job_seconds(2 if cancelled else 1)

    class Stop(Exception):
        pass

    def look(progress):
        if progress.status == shown and (progress.queue_position or shown != "queued"):
            raise Stop

    with pytest.raises(Stop):
        await desk.engine.buy(asked(), Order(run="test"), look)
    if cancelled:
        await until(lambda: any(line["path"].endswith("/cancel") for line in desk.sandbox.log()))
        assert desk.counts()[1] == 0
    else:
        await until(lambda: any("/files/" in line["path"] for line in desk.sandbox.log()))
        assert (await desk.buy(asked())).reused
        assert not any(line["path"].endswith("/cancel") for line in desk.sandbox.log())
        assert desk.counts() == (1, 1)


async def until(condition):
    for _ in range(120):
        if condition():
            return
        await asyncio.sleep(0.05)
    pytest.fail("it never came")


JOB = Job({"id": "1", "status_url": "", "response_url": "", "cancel_url": "", "wants": "pictures", "count": 1})


URLS = {
    "status_url": "https://queue.fal.run/a/b/requests/1/status",
    "response_url": "https://queue.fal.run/a/b/requests/1",
    "cancel_url": "https://queue.fal.run/a/b/requests/1/cancel",
}
BEGUN = Job({"id": "1", "wants": "pictures", "count": 1, **URLS})


@pytest.fixture
def scripted(monkeypatch):
    """Answers in the place of fal's, in order; gives what was asked."""

    def play(*answers):
        left, asked_for = list(answers), []

        async def ask(_http, method, url, **_others):
            asked_for.append((method, url))
            status, body = left.pop(0)
            return Answer(status, {}, body)

        monkeypatch.setattr(wire, "ask", ask)
        return asked_for

    return play


@pytest.fixture
async def call():
    async with calling("https://queue.fal.run") as call:
        yield call


async def test_every_submission_has_a_connection_of_its_own():
    """A kept one that the server has just closed looks like one cut after the request."""
    async with listening(401, {"detail": "no"}) as fal, calling(fal.address) as call:
        for _ in range(2):
            with pytest.raises(errors.InvalidKey):
                await Fal().submit(asked(), call)
        assert (fal.connections, len(fal.requests)) == (2, 2)


async def test_a_submission_that_is_cut_off_is_sent_once():
    async with listening(0) as fal, calling(fal.address) as call:
        with pytest.raises(aiohttp.ClientError) as cut:
            await Fal().submit(asked(), call)
        assert len(fal.requests) == 1
        assert isinstance(Fal().explain(cut.value, None), errors.TimedOut)


async def test_the_key_follows_no_redirect():
    async with (
        listening(200, {}) as elsewhere,
        listening(307, {}, Location=f"{elsewhere.address}/a") as fal,
        calling(fal.address) as call,
    ):
        urls = dict.fromkeys(URLS, f"{fal.address}/a")
        with pytest.raises(errors.ProviderDown):
            await Fal().submit(asked(), call)
        with pytest.raises(errors.ProviderDown):
            await Fal().poll(Job({**BEGUN.handle, **urls}), call)
        assert len(fal.requests) == 2
        assert elsewhere.requests == []


async def test_a_page_in_the_place_of_an_answer_ends_no_job(scripted, call):
    scripted((404, None), (404, {"detail": "Request not found"}))
    with pytest.raises(errors.ProviderDown, match="go on waiting"):
        await Fal().poll(BEGUN, call)
    with pytest.raises(errors.ResultLost, match="does not know this job"):
        await Fal().poll(BEGUN, call)


def test_fewer_pictures_than_were_asked_for_are_kept_and_said():
    files = [{"url": f"https://v3.fal.media/files/{number}.png"} for number in range(2)]
    three = Job({**BEGUN.handle, "count": 3})
    result = result_of(three, {"images": files})
    assert (len(result.pictures), [refused.reason for refused in result.refused]) == (2, [_LEFT_OUT])
    flagged = result_of(three, {"images": files, "has_nsfw_concepts": [False, False, True]})
    assert [refused.reason for refused in flagged.refused] == [_BLACKED_OUT]
    assert not result_of(Job({**BEGUN.handle, "count": 2}), {"images": files}).refused
    with pytest.raises(errors.ResultLost):
        result_of(three, {"images": []})


@pytest.mark.parametrize(
    ("after", "cancelled"),
    [
        ({"status": "IN_PROGRESS"}, False),
        ({"status": "COMPLETED", "error": None}, False),
        (None, False),
        ({"status": "COMPLETED", "error": "Request was cancelled."}, True),
        ({"status": "IN_QUEUE"}, True),
    ],
    ids=str,
)
async def test_a_job_that_began_while_it_was_cancelled_is_kept(scripted, call, after, cancelled):
    asked_for = scripted(
        (202, {"status": "IN_QUEUE"}), (202, {"status": "CANCELLATION_REQUESTED"}), (200 if after else 502, after)
    )
    assert await Fal().cancel(BEGUN, call) is cancelled
    assert [method for method, _url in asked_for] == ["GET", "PUT", "GET"]


async def test_a_look_sends_the_key_to_fal_only(scripted, call):
    asked_for = scripted((200, {"status": "COMPLETED"}))
    strange = Job({**BEGUN.handle, "status_url": "https://fal.run.example.com/a"})
    with pytest.raises(errors.ResultLost, match="did not send your key"):
        await Fal().poll(strange, call)
    strange = Job({**BEGUN.handle, "response_url": "https://fal.run.example.com/a"})
    with pytest.raises(errors.ResultLost, match="did not send your key"):
        await Fal().poll(strange, call)
    assert asked_for == [("GET", URLS["status_url"])]


async def test_a_failure_that_is_told_twice_ends_the_wait_though_its_answer_is_no_json(scripted, call):
    scripted((200, {"status": "COMPLETED", "error": "Runner died"}), (500, None))
    with pytest.raises(errors.ResultLost, match="Runner died"):
        await Fal().poll(BEGUN, call)


@pytest.mark.parametrize(("status", "body"), [(502, None), (503, {"detail": "Service unavailable"}), (200, None)])
async def test_a_result_that_a_gateway_keeps_back_is_asked_for_again(scripted, call, status, body):
    scripted((200, {"status": "COMPLETED"}), (status, body))
    with pytest.raises(errors.ProviderDown, match="go on waiting"):
        await Fal().poll(BEGUN, call)


async def test_a_model_s_own_failure_ends_the_wait(scripted, call):
    scripted((200, {"status": "COMPLETED"}), (504, {"detail": [{"msg": "too slow", "type": "generation_timeout"}]}))
    with pytest.raises(errors.ResultLost, match="too slow"):
        await Fal().poll(BEGUN, call)


async def test_an_upload_sends_its_token_to_fal_only(scripted, call):
    asked_for = scripted((200, {"token": "t", "base_url": "https://fal.media.example.com"}))
    with pytest.raises(errors.ProviderDown, match="could not take the picture") as refused:
        await upload(call, b"picture", "image/png")
    assert refused.value.charge == "none"
    assert len(asked_for) == 1


@pytest.mark.parametrize(
    "fault",
    [{"kind": "model_not_found"}, {"kind": "server_error"}, {"kind": "html"}, {"kind": "cut_after_body"}],
    ids=str,
)
@pytest.mark.parametrize("path", ["/storage/auth/token", "/files/upload"])
async def test_an_upload_that_fails_is_tried_again_and_costs_nothing(desk, fault, path):
    desk.sandbox.fault(**fault, path=path, times=1)
    await desk.buy(asked(ESRGAN, files=(noise(620),), image_url="$file/picture/0", scale=1))
    assert desk.counts()[1] == 1


def test_a_job_without_its_addresses_is_still_named():
    with pytest.raises(errors.ProviderDown, match="request id 7") as lost:
        job_of({"request_id": "7"}, OrderAtFal("a/b", {}), "https://queue.fal.run")
    assert lost.value.charge == "unsure"


def result(output, wants="pictures", prompt=None):
    return result_of(Job({**BEGUN.handle, "wants": wants, "prompt": prompt}), output)


FILE = {"url": "https://v3.fal.media/files/a.png", "content_type": "image/png"}
OTHER = {"url": "https://v3.fal.media/files/b.png", "content_type": "image/png"}


@pytest.mark.parametrize(
    ("output", "kept", "refused"),
    [
        ({"images": [FILE, OTHER], "mask": FILE, "has_nsfw_concepts": [True, False]}, 2, 1),
        ({"image": FILE, "has_nsfw_concepts": True}, 0, 1),
        ({"images": [], "has_nsfw_concepts": [True]}, 0, 1),
        ({"images": [OTHER], "has_nsfw_concepts": [True, False]}, 1, 1),
        ({"images": [FILE]}, 1, 0),
        ({"images": [{**FILE, "content_type": "application/octet-stream"}]}, 1, 0),
    ],
)
def test_what_the_safety_checker_says_fits_the_pictures(output, kept, refused):
    found = result(output)
    assert (len(found.pictures), len(found.refused)) == (kept, refused)


@pytest.mark.parametrize(
    ("output", "found", "text"),
    [
        (
            {"video": {"url": "https://v3.fal.media/a.mp4", "content_type": "video/mp4"}},
            0,
            "https://v3.fal.media/a.mp4",
        ),
        ({"image": FILE, "caption": "a boat", "seed": 3}, 1, "a boat"),
        ({"results": {"labels": ["boat", "sea"]}, "prompt": "a boat"}, 0, "boat\nsea"),
        ({"score": 0.5}, 0, '{"score": 0.5}'),
        ({"images": [FILE], "seed": 3, "timings": {"inference": 1.0}}, 1, ""),
    ],
)
def test_nothing_of_an_output_is_lost(output, found, text):
    bought = result(output, wants="anything")
    assert (len(bought.pictures), bought.text) == (found, text)


def test_only_a_prompt_that_was_rewritten_is_shown():
    output = {"images": [FILE], "prompt": "a boat"}
    assert result(output, prompt="a boat").pictures[0].revised_prompt == ""
    assert result(output, prompt="boat").pictures[0].revised_prompt == "a boat"
    begun = job_of({"request_id": "1", **URLS}, OrderAtFal("a/b", {"prompt": "a boat"}), "https://queue.fal.run")
    assert begun.handle["prompt"] == "a boat"


def test_the_key_goes_to_fal_only():
    check_url("https://queue.fal.run/a/b/requests/1", "https://queue.fal.run", "1")
    check_url("https://queue.falrun.com/a/b/requests/1", "https://queue.fal.run", "1")
    for strange in (
        "http://queue.fal.run/a",
        "https://fal.run.example.com/a",
        "https://notfal.run/a",
        "https://queue.fal.run:8443/a",
        "https://me@other.fal.run/a",
        "https://[::",
    ):
        with pytest.raises(errors.ResultLost, match="did not send your key"):
            check_url(strange, "https://queue.fal.run", "1")


def test_a_status_that_nobody_knows_is_still_under_way():
    assert under_way(JOB, {"status": "THINKING"}) is not None
    assert under_way(JOB, {"status": "COMPLETED"}) is None


def test_a_server_s_error_is_not_billed_and_a_refused_input_may_be():
    assert failure(Answer(500, {}, {"detail": "boom"}), JOB, {}).charge == "none"
    refused = failure(
        Answer(422, {}, {"detail": [{"loc": ["body", "seed"], "msg": "bad", "type": "value_error"}]}), JOB, {}
    )
    assert (refused.charge, refused.words) == ("unsure", "bad")


def test_the_other_hosts_lie_beside_the_queue():
    assert beside("https://queue.fal.run", "rest.fal.ai") == "https://rest.fal.ai"
    assert beside("http://127.0.0.1:9/queue.fal.run", "fal.ai") == "http://127.0.0.1:9/fal.ai"
    assert beside("https://proxy.example", "fal.ai") is None
