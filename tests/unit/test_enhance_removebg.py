"""Cut-outs by remove.bg over real HTTP: what is bought, what each refusal and fault means, and what it cost."""

from __future__ import annotations

import asyncio
import io
import time
import zipfile
from decimal import Decimal

import numpy as np
import pytest

from easel.nodes import pictures
from easel.nodes.hosted.engine import wire
from easel.nodes.hosted.engine.errors import (
    InputRefused,
    InvalidKey,
    ModelRetired,
    ProviderDown,
    QuotaExhausted,
    RateLimited,
    ResultLost,
    TimedOut,
)
from easel.nodes.hosted.engine.keys import SANDBOX_KEY
from easel.nodes.hosted.engine.provider import Call
from easel.nodes.hosted.enhance.removebg.allowance import Allowance
from easel.nodes.hosted.enhance.removebg.answers import refusal, result_of
from easel.nodes.hosted.enhance.removebg.provider import RemoveBg
from easel.nodes.hosted.enhance.removebg.unpacking import DamagedZip, unpacked
from easel.nodes.hosted.enhance.requests import RemoveBackground
from support.desk import Desk, desk_of

FULL, PREVIEW = 0.2, 0.05


@pytest.fixture
def desk(tmp_path, sandbox, monkeypatch):
    monkeypatch.setenv("EASEL_SANDBOX", "1")
    with desk_of(tmp_path, sandbox, RemoveBg()) as desk:
        yield desk


def square(shade: int = 30, width: int = 96, height: int = 64) -> pictures.Pixels:
    """A red square on white; the shade tells one from another."""
    array = np.full((height, width, 3), 250, np.uint8)
    array[16:48, 32:64] = (200, shade, 30)
    return pictures.Pixels(array)


def asked(image=None, **changes) -> RemoveBackground:
    return RemoveBackground.build(model="remove.bg", image=image or square(), **changes)


def decoded(outcome):
    return [pictures.decode(picture.data) for picture in outcome.pictures]


async def test_the_subject_comes_out_and_its_credits_are_recorded(desk):
    outcome = await desk.buy(asked())
    (cut,) = decoded(outcome)
    assert (cut.width, cut.height, cut.has_alpha) == (96, 64, True)
    assert (cut.array[2, 2, 3], cut.array[20, 48, 3]) == (0, 255)
    assert outcome.data == {"credits": 1.0, "subject": "other", "foreground": [32, 16, 32, 32]}
    assert await desk.bill() == [(FULL, "reported")]
    assert desk.counts() == (1, 1)


async def test_a_preview_costs_what_the_answer_says(desk):
    outcome = await desk.buy(asked(size="preview"))
    assert outcome.data["credits"] == 0.25
    assert await desk.bill() == [(PREVIEW, "reported")]


@pytest.mark.parametrize(("size", "shown"), [(None, "for 1 credit at most"), ("preview", "for 0.25 credits at most")])
async def test_the_credits_are_shown_before_anything_is_sent(sandbox, size, shown):
    looks = []

    def look(progress):
        looks.append(progress.status)
        raise InterruptedError

    call = Call(f"{sandbox.url}/api.remove.bg/v1.0", SANDBOX_KEY, http=None, report=look, link_for=None)
    with pytest.raises(InterruptedError):
        await RemoveBg().submit(asked(size=size), call)
    assert looks == [f"sent to remove.bg, {shown}"]
    assert sandbox.submissions() == 0


async def test_the_same_request_again_costs_nothing(desk):
    await desk.buy(asked())
    assert (await desk.buy(asked())).reused
    assert desk.counts() == (1, 1)


async def test_options_reach_remove_bg(desk):
    options = {"crop": True, "crop_margin": "4px", "background_color": "81d4fa", "size": "full", "subject_type": "car"}
    outcome = await desk.buy(asked(**options))
    (cut,) = decoded(outcome)
    assert (cut.width, cut.height) == (40, 40)
    assert tuple(cut.array[1, 1, :3]) == (0x81, 0xD4, 0xFA)
    assert outcome.data["subject"] == "car"


@pytest.mark.parametrize(
    ("options", "clear", "solid"),
    [
        ({"roi": "0px 0px 48px 64px"}, (20, 56), (20, 40)),
        ({"scale": 100}, (20, 2), (2, 48)),
        ({"position": "0% 50%"}, (20, 60), (20, 4)),
        ({"format": "webp"}, (2, 2), (20, 48)),
    ],
)
async def test_region_scale_and_place_reach_remove_bg(desk, options, clear, solid):
    (cut,) = decoded(await desk.buy(asked(**options)))
    assert (cut.array[(*clear, 3)], cut.array[(*solid, 3)]) == (0, 255)
    assert desk.counts() == (1, 1)


async def test_a_shadow_reaches_remove_bg(desk):
    shadow = {"add_shadow": True, "shadow_type": "drop", "shadow_opacity": 100}
    (cut,) = decoded(await desk.buy(asked(**shadow)))
    assert cut.array[48, 48, 3] > 0


@pytest.mark.parametrize(
    ("code", "name"), [("roi_region_empty", "roi"), ("invalid_scale", "scale"), ("invalid_position", "position")]
)
def test_what_remove_bg_has_against_an_input_names_it(code, name):
    error = refusal(answer(400, body={"errors": [{"title": "No", "code": code}]}), asked())
    assert (type(error), error.input_name, error.charge) == (InputRefused, name, "none")


async def test_a_picture_is_laid_behind(desk):
    blue = pictures.Pixels(np.full((20, 30, 3), (0, 0, 200), np.uint8))
    (cut,) = decoded(await desk.buy(asked(background=blue)))
    assert tuple(cut.array[2, 2, :3]) == (0, 0, 200)


async def test_a_zip_of_colours_and_opacity_is_one_picture(desk):
    (cut,) = decoded(await desk.buy(asked(format="zip")))
    assert (cut.width, cut.height, cut.has_alpha) == (96, 64, True)
    assert cut.array[2, 2].tolist() == [0, 0, 0, 0]
    assert cut.array[20, 40, 0] > 150
    assert cut.array[20, 40, 3] == 255
    assert desk.counts() == (1, 1)


async def test_a_picture_without_a_subject_is_told_and_costs_nothing(desk):
    plain = pictures.Pixels(np.full((64, 64, 3), 250, np.uint8))
    with pytest.raises(InputRefused, match="found no subject") as refused:
        await desk.buy(asked(plain))
    assert (refused.value.input_name, refused.value.charge) == ("image", "none")
    assert "Could not identify foreground" in refused.value.words
    assert desk.counts() == (1, 0)
    assert await desk.bill() == []


@pytest.mark.parametrize(
    ("fault", "kind", "words"),
    [
        ("insufficient_quota", QuotaExhausted, "Insufficient credits"),
        ("bad_key", InvalidKey, "API Key invalid"),
        ("model_not_found", ModelRetired, "Not found"),
    ],
)
async def test_what_was_not_taken_was_not_charged(desk, sandbox, fault, kind, words):
    sandbox.fault(fault)
    with pytest.raises(kind) as error:
        await desk.buy(asked())
    assert (error.value.charge, error.value.words) == ("none", words)
    assert desk.counts() == (1, 0)
    assert await desk.bill() == []


async def test_an_empty_account_is_told_of_the_free_previews(desk, sandbox):
    sandbox.fault("insufficient_quota")
    with pytest.raises(QuotaExhausted, match="no free previews this month"):
        await desk.buy(asked())


@pytest.mark.parametrize("fault", ["rate_limit", "unavailable", "server_error"])
async def test_what_surely_costs_nothing_is_tried_again(desk, sandbox, fault):
    sandbox.fault(fault, times=1, retry_after=0.1)
    assert len((await desk.buy(asked())).pictures) == 1
    assert desk.counts() == (2, 1)
    assert await desk.bill() == [(FULL, "reported")]


@pytest.mark.parametrize(("fault", "charged"), [("cut_after_body", 1), ("cut_before_body", 0)])
async def test_a_cut_is_never_sent_again_and_is_told_as_unsure(desk, sandbox, fault, charged):
    sandbox.fault(fault, times=1)
    with pytest.raises(TimedOut) as error:
        await desk.buy(asked())
    assert error.value.charge == "unsure"
    assert sandbox.report()["charged_submissions"] == charged
    assert [source for _, source in await desk.bill()] == ["unsure"]


async def test_a_page_in_place_of_the_answer_is_unsure_and_not_sent_again(desk, sandbox):
    sandbox.fault("html", times=1)
    with pytest.raises(ProviderDown, match="not its API") as error:
        await desk.buy(asked())
    assert error.value.charge == "unsure"
    assert desk.counts() == (1, 0)


@pytest.mark.parametrize("fault", ["half_picture", "too_many_pixels", "too_many_bytes", "bill_without_picture"])
async def test_what_is_no_picture_is_an_error_and_is_billed_once(desk, sandbox, fault):
    sandbox.fault(fault, times=1, **({"megabytes": 200} if fault == "too_many_bytes" else {}))
    with pytest.raises(ResultLost) as error:
        await desk.buy(asked())
    assert error.value.charge == "charged"
    assert desk.counts() == (1, 1)
    assert len(await desk.bill()) == 1


def packed(**files) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as made:
        for name, data in files.items():
            made.writestr(name.replace("_", "."), data)
    return file.getvalue()


@pytest.mark.parametrize(
    "data",
    [
        b"PK\x03\x04 and no more",
        packed(color_jpg=square().encoded("image/jpeg")),
        packed(color_jpg=square().encoded("image/jpeg"), alpha_png=b"no picture"),
        packed(color_jpg=square().encoded("image/jpeg"), alpha_png=square(width=64).encoded()),
        packed(color_jpg=square().encoded("image/jpeg")[:500], alpha_png=square().encoded()),
    ],
)
def test_a_damaged_zip_is_not_unpacked(data):
    with pytest.raises(DamagedZip, match="not a whole ZIP"):
        unpacked(data)


@pytest.mark.parametrize(("size", "paid"), [("preview", PREVIEW), ("full", FULL)])
async def test_a_damaged_zip_is_billed_by_what_the_answer_reported(desk, sandbox, size, paid):
    sandbox.fault("half_picture", times=1)
    with pytest.raises(ResultLost, match="not a whole ZIP of colours and opacity") as lost:
        await desk.buy(asked(format="zip", size=size))
    assert f"It was charged ${paid:.2f}" in str(lost.value)
    assert await desk.bill() == [(paid, "reported")]
    assert desk.counts() == (1, 1)


def test_an_empty_answer_is_billed_by_what_it_reported():
    headers = {"Content-Type": "image/png", "X-Credits-Charged": "0.25"}
    with pytest.raises(ResultLost, match="empty, or too large to keep") as lost:
        result_of(answer(200, headers), asked(), ())
    assert (lost.value.charge, lost.value.cost_usd) == ("charged", Decimal("0.05"))


def test_a_zip_whose_picture_would_be_too_large_to_keep_is_kept_as_webp(monkeypatch):
    data = packed(color_jpg=square().encoded("image/jpeg"), alpha_png=square(200).encoded())
    usual = pictures.decode(unpacked(data))
    monkeypatch.setattr("easel.nodes.hosted.enhance.removebg.unpacking.MAX_BYTES", 100)
    assert pictures.media_type_of(unpacked(data)) == "image/webp"
    assert (pictures.decode(unpacked(data)).array == usual.array).all()


def test_a_zip_that_would_fill_the_memory_is_not_unpacked(monkeypatch):
    monkeypatch.setattr("easel.nodes.hosted.enhance.removebg.unpacking._MOST_BYTES", 100)
    with pytest.raises(DamagedZip):
        unpacked(packed(color_jpg=square().encoded("image/jpeg"), alpha_png=square().encoded()))


async def test_sixty_four_pictures_through_throttles_and_failures_end_with_sixty_four_charges(desk, sandbox):
    sandbox.fault("rate_limit", probability=0.1, retry_after=0.05)
    sandbox.fault("server_error", probability=0.05)
    wanted = [desk.buy(asked(square(shade))) for shade in range(64)]
    outcomes = await asyncio.gather(*wanted)
    assert sum(len(outcome.pictures) for outcome in outcomes) == 64
    assert sandbox.report()["charged_submissions"] == 64
    assert len(await desk.bill()) == 64


async def test_a_minute_that_is_used_up_is_waited_out_without_asking(desk: Desk, sandbox):
    provider = desk.engine.providers["removebg"]
    await desk.buy(asked())
    (allowance,) = provider._allowances.values()
    ends = time.time() + 0.4
    allowance.told({"X-RateLimit-Remaining": "0", "X-RateLimit-Reset": f"{ends + 120:.0f}"})
    allowance._renewed_at = ends
    await desk.buy(asked(square(77)))
    assert time.time() >= ends
    assert desk.counts() == (2, 2)


def test_an_allowance_is_counted_down_and_renewed():
    allowance = Allowance()
    assert allowance.take(10) == 0
    reset = time.time() + 30
    allowance.told({"X-RateLimit-Remaining": "12", "X-RateLimit-Reset": f"{reset:.0f}"})
    assert allowance.take(10) == 0
    assert 25 < allowance.take(10) <= 31
    allowance.told({"X-RateLimit-Remaining": "500", "X-RateLimit-Reset": f"{reset:.0f}"})
    assert allowance.take(10) > 0
    allowance.told({"X-RateLimit-Remaining": "500", "X-RateLimit-Reset": f"{reset + 29:.0f}"})
    assert allowance.take(10) == 0


def test_a_reset_that_cannot_be_is_waited_for_no_longer_than_a_minute():
    allowance, in_milliseconds = Allowance(), f"{time.time() * 1000:.0f}"
    allowance.told({"X-RateLimit-Remaining": "0", "X-RateLimit-Reset": in_milliseconds})
    assert 0 < allowance.take(1) <= 60
    assert refusal(answer(429, {"X-RateLimit-Reset": in_milliseconds}), asked()).retry_after <= 60


def answer(status, headers=None, body=None, data=b""):
    return wire.Answer(status, headers or {}, body, data)


def test_a_throttle_without_retry_after_waits_for_the_reset():
    error = refusal(answer(429, {"X-RateLimit-Reset": f"{time.time() + 20:.0f}"}), asked())
    assert isinstance(error, RateLimited)
    assert 15 < error.retry_after <= 21


@pytest.mark.parametrize("code", ["file_too_large", "resolution_too_high"])
def test_a_picture_that_is_too_large_after_all_is_named(code):
    error = refusal(answer(400, body={"errors": [{"title": "Too large", "code": code}]}), asked())
    assert (type(error), error.input_name, error.words) == (InputRefused, "image", "Too large")


def test_an_error_without_a_code_keeps_its_words():
    body = {"errors": [{"title": "Failed to download image from given image_url: HTTP Status 404"}]}
    error = refusal(answer(400, body=body), asked())
    assert isinstance(error, InputRefused)
    assert "HTTP Status 404" in error.words


def test_a_gateway_s_failure_is_unsure_and_remove_bg_s_own_is_free():
    gateway = refusal(answer(502, data=b"<html>"), asked())
    own = refusal(answer(500, body={"errors": [{"title": "Internal"}]}), asked())
    assert (gateway.retryable, gateway.charge) == (False, "unsure")
    assert (own.retryable, own.charge) == (True, "none")


@pytest.mark.parametrize("told", ["", "none", "-1", "NaN"])
def test_credits_that_are_no_number_are_left_to_the_estimate(told):
    headers = {"Content-Type": "image/png", "X-Credits-Charged": told}
    result = result_of(answer(200, headers, data=b"png"), asked(), ())
    assert result.cost_usd is None
    assert "credits" not in result.data


def test_a_free_call_is_recorded_as_free():
    headers = {"Content-Type": "image/png", "X-Credits-Charged": "0"}
    assert result_of(answer(200, headers, data=b"png"), asked(), ()).cost_usd == 0


async def test_a_picture_too_large_as_png_goes_as_jpeg_and_that_is_said(desk, sandbox, monkeypatch):
    monkeypatch.setattr("easel.nodes.hosted.enhance.removebg.bodies._MOST_BYTES", 40_000)
    noisy = np.random.default_rng(0).integers(240, 255, (256, 256, 3), np.uint8)
    noisy[64:192, 64:192] = (200, 30, 30)
    outcome = await desk.buy(asked(pictures.Pixels(noisy)))
    assert "sent as a JPEG" in outcome.notes[0]
    assert 5_000 < sandbox.log()[0]["bytes_in"] < 41_000


async def test_a_picture_too_large_as_a_file_is_refused_before_it_is_sent(desk, monkeypatch):
    monkeypatch.setattr("easel.nodes.hosted.enhance.removebg.bodies._MOST_BYTES", 100)
    with pytest.raises(InputRefused, match="scale it down") as refused:
        await desk.buy(asked())
    assert refused.value.charge == "none"
    assert desk.counts() == (0, 0)
