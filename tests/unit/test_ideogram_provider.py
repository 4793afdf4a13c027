"""Ideogram over real HTTP, on all three APIs: what is bought, what arrives, and what it cost."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from easel.nodes import pictures
from easel.nodes.hosted.engine.errors import (
    BudgetExceeded,
    InputRefused,
    QuotaExhausted,
    ResultLost,
)
from easel.nodes.hosted.ideogram.fields import fields_of
from easel.nodes.hosted.ideogram.models import OFFERS
from easel.nodes.hosted.ideogram.notices import notices_of
from easel.nodes.hosted.ideogram.quotes import Requoted
from easel.nodes.hosted.ideogram.requests import (
    IdeogramDescribe,
    IdeogramDesign,
    IdeogramEdit,
    IdeogramReframe,
    IdeogramRemix,
    IdeogramReplaceBackground,
    IdeogramTransparent,
    IdeogramUpscale,
)
from support.ideogram_desk import (
    AT_ONCE,
    LEGACY,
    PRICE,
    SIDE,
    SMALL,
    Desk,
    asked,
    desk_at,
    drawn,
    plain,
    right_half,
)

each_api = pytest.mark.parametrize("model", list(PRICE))


@pytest.fixture
def desk(tmp_path: Path, sandbox: Any, monkeypatch: pytest.MonkeyPatch) -> Iterator[Desk]:
    with desk_at(tmp_path, sandbox, monkeypatch) as desk:
        yield desk


def red(data: bytes, x: int, y: int) -> bool:
    r, _, b = (int(value) for value in pictures.decode(data).array[y, x, :3])
    return r > 2 * b


async def test_a_queued_picture_is_drawn_as_asked_and_charged_as_reported(desk):
    desk.job_seconds(0.2)
    outcome = await desk.buy(drawn(aspect_ratio="16:9", seed=42))
    picture = outcome.pictures[0]
    assert (picture.width, picture.height, picture.media_type) == (1376, 768, "image/png")
    assert red(picture.data, 688, 330)
    assert await desk.bill() == [(0.06, "reported")]
    assert (outcome.record["seed"], outcome.record["seed_honoured"]) == (42, True)
    assert outcome.record["request_id"] == outcome.record["job"]["id"]
    assert any(look.status == "pending" for look in desk.shown)
    assert desk.counts() == (1, 1)


@pytest.mark.parametrize("model", [AT_ONCE, LEGACY])
async def test_a_picture_that_comes_at_once_is_charged_as_estimated(desk, model):
    outcome = await desk.buy(drawn(model=model, seed=7))
    assert red(outcome.pictures[0].data, 512, 450)
    assert await desk.bill() == [(PRICE[model], "estimated")]
    assert (outcome.record["seed"], outcome.record["seed_honoured"]) == (7, True)
    assert outcome.record["request_id"].startswith("req_")


@each_api
async def test_the_same_request_again_costs_nothing(desk, model):
    first = await desk.buy(asked(model=model))
    second = await desk.buy(asked(model=model))
    assert second.reused and second.pictures[0].data == first.pictures[0].data
    assert desk.counts() == (1, 1)


@pytest.mark.parametrize("model", list(OFFERS["generate"]))
async def test_every_model_delivers_a_picture_for_the_price_that_was_estimated(desk, sandbox, model):
    small = {"aspect_ratio": None, **SMALL} if model.startswith("ideogram-4") else {}
    effort = {"quality": "low"} if OFFERS["generate"][model].qualities else {}
    request = drawn(model=model, **small, **effort)
    outcome = await desk.buy(request)
    assert (outcome.pictures[0].width, outcome.pictures[0].height) == (1024, 1024)
    # What is estimated is what the stand-in, with a table of its own, takes.
    assert sandbox.charges() == [float(desk.engine.estimate(request))]
    assert [usd for usd, _ in await desk.bill()] == sandbox.charges()


async def test_a_price_that_nobody_publishes_is_asked_for_first_and_for_nothing(desk, sandbox):
    await desk.buy(asked(model="ideogram-4-6", quality="low"))
    operations = [request["operation"] for request in sandbox.log()]
    assert operations[:2] == ["quote", "edit"]
    assert desk.counts() == (1, 1)
    assert await desk.bill() == [(0.03, "reported")]


async def test_a_quote_above_the_table_is_checked_against_the_limits_before_anything_is_bought(
    desk, sandbox, monkeypatch
):
    monkeypatch.setattr("easel.nodes.hosted.ideogram.prices._usd", lambda _price: Decimal("0.01"))
    request = asked(model="ideogram-4-6", quality="low")
    with pytest.raises(Requoted, match=r"wants \$0\.03 for this, and \$0\.01 were counted") as told:
        await desk.buy(request)
    assert (told.value.charge, desk.counts(), await desk.bill()) == ("none", (0, 0), [])
    monkeypatch.setenv("EASEL_BUDGET__DAY", "0.02")
    with pytest.raises(BudgetExceeded, match=r"\$0\.03 more is asked"):
        await desk.buy(request)
    monkeypatch.setenv("EASEL_BUDGET__DAY", "0.05")
    assert (await desk.buy(request)).pictures
    assert await desk.bill() == [(0.03, "reported")]


async def test_a_picture_is_edited_by_words_alone(desk):
    image = plain(SIDE, SIDE)
    outcome = await desk.buy(IdeogramEdit.build(model="ideogram-v1-edit", prompt="a blue square", image=image))
    assert (outcome.pictures[0].width, outcome.pictures[0].height) == (SIDE, SIDE)
    assert desk.counts() == (1, 1)


async def test_a_quote_that_fails_does_not_stop_the_purchase_and_one_that_refuses_does(desk, sandbox):
    wish = {"model": "ideogram-4-6"}
    sandbox.fault("server_error", times=1)
    assert (await desk.buy(asked(**wish))).pictures
    sandbox.fault("insufficient_quota", times=1)
    with pytest.raises(QuotaExhausted):
        await desk.buy(asked("another", **wish))
    assert desk.counts() == (1, 1)


async def test_the_key_goes_to_the_api_and_never_to_the_download(desk, sandbox):
    await desk.buy(asked())
    keys = {request["operation"]: request["key"] for request in sandbox.log()}
    assert keys["edit"] and keys["poll"] and keys["fetch"] is None


async def test_where_jobs_cannot_be_polled_v2_answers_at_once(desk, sandbox, monkeypatch):
    monkeypatch.delenv("EASEL_SANDBOX")
    monkeypatch.setenv("IDEOGRAM_API_KEY", "live-key")
    monkeypatch.setenv("EASEL_PROVIDERS__IDEOGRAM__BASE_URL", f"{sandbox.url}/api.ideogram.ai")
    monkeypatch.setenv("EASEL_PROVIDERS__IDEOGRAM__OPTIONS", '{"mode": "synchronous"}')
    outcome = await desk.buy(asked())
    assert len(outcome.pictures) == 1
    assert [request["operation"] for request in sandbox.log()] == ["edit", "fetch"]
    assert desk.counts() == (1, 1)


# What each operation does.


EDITORS = [model for model, offer in OFFERS["edit"].items() if offer.mask]


@pytest.mark.parametrize("model", EDITORS)
async def test_only_what_is_marked_is_painted_anew(desk, model):
    image = plain(SIDE, SIDE)
    request = IdeogramEdit.build(model=model, prompt="a blue square", image=image, mask=right_half(SIDE, SIDE))
    made = pictures.decode((await desk.buy(request)).pictures[0].data)
    assert (made.array[:, : SIDE // 2, :3] == image.array[:, : SIDE // 2]).all()
    assert (made.array[:, SIDE // 2 :, :3] != image.array[:, SIDE // 2 :]).any()
    assert desk.counts() == (1, 1)


@pytest.mark.parametrize("model", ["ideogram-4-5", "ideogram-4-6"])
async def test_a_picture_is_changed_by_words_alone_and_after_others(desk, model):
    request = IdeogramEdit.build(
        model=model,
        prompt="two green stars",
        image=plain(128, 64),
        references=(plain(64, 64), plain(64, 64, (0, 0, 200, 90))),
    )
    made = (await desk.buy(request)).pictures[0]
    assert (made.width, made.height) == (128, 64)
    assert desk.sandbox.log()[-1]["operation"] == "fetch"


async def test_a_soft_mask_is_sent_in_black_and_white(desk):
    marked = np.tile(np.linspace(0, 255, SIDE).astype(np.uint8), (SIDE, 1))
    request = IdeogramEdit.build(model="V_2", prompt="a star", image=plain(SIDE, SIDE), mask=pictures.Mask(marked))
    assert (await desk.buy(request)).pictures


@pytest.mark.parametrize(("marked", "model", "words"), [(0, "V_2", "marks nothing"), (255, "ideogram-4-5", "whole")])
async def test_a_mask_that_leaves_nothing_to_do_is_refused_before_it_is_sent(desk, marked, model, words):
    mask = pictures.Mask(np.full((512, 512), marked, np.uint8))
    with pytest.raises(InputRefused, match=words) as refused:
        await desk.buy(IdeogramEdit.build(model=model, prompt="x", image=plain(), mask=mask))
    assert (refused.value.input_name, refused.value.charge) == ("mask", "none")
    assert desk.counts() == (0, 0)


@pytest.mark.parametrize("model", list(OFFERS["remix"]))
async def test_every_model_remixes(desk, model):
    request = IdeogramRemix.build(
        model=model, prompt="a green star", image=plain(SIDE, SIDE), aspect_ratio="auto", image_weight=70
    )
    made = (await desk.buy(request)).pictures[0]
    assert made.width == made.height
    assert desk.counts() == (1, 1)


@pytest.mark.parametrize(
    ("kind", "model", "name"),
    [
        *((IdeogramRemix, model, "image_weight") for model in OFFERS["remix"]),
        *((IdeogramUpscale, "ideogram-upscale", name) for name in ("resemblance", "detail")),
    ],
)
def test_how_closely_a_picture_is_kept_reaches_the_wire(kind, model, name):
    body = fields_of(kind.build(model=model, prompt="x", image=plain(SIDE, SIDE), **{name: 70}))
    assert body.get("image_request", body)[name] == 70


@pytest.mark.parametrize("model", list(OFFERS["reframe"]))
async def test_every_model_reframes_around_the_picture(desk, model):
    request = IdeogramReframe.build(model=model, image=plain(), aspect_ratio="2:1" if "ideogram" in model else "16:9")
    made = pictures.decode((await desk.buy(request)).pictures[0].data)
    assert made.width > 1.7 * made.height
    assert tuple(made.array[made.height // 2, made.width // 2, :3]) == (200, 30, 30)


@pytest.mark.parametrize("model", list(OFFERS["replace-background"]))
async def test_every_model_replaces_a_background(desk, model):
    request = IdeogramReplaceBackground.build(model=model, prompt="on a green background", image=plain(SIDE, SIDE))
    assert (await desk.buy(request)).pictures[0].width == SIDE
    assert desk.counts() == (1, 1)


async def test_a_picture_is_enlarged(desk):
    outcome = await desk.buy(IdeogramUpscale.build(model="ideogram-upscale", image=plain(300, 200)))
    assert (outcome.pictures[0].width, outcome.pictures[0].height) == (600, 400)
    assert await desk.bill() == [(0.06, "estimated")]


@pytest.mark.parametrize("model", list(OFFERS["generate-transparent"]))
async def test_a_transparent_picture_keeps_its_alpha(desk, sandbox, model):
    request = IdeogramTransparent.build(model=model, prompt="a red circle", aspect_ratio="1:1")
    made = pictures.decode((await desk.buy(request)).pictures[0].data)
    assert made.has_alpha
    assert (made.array[5, 5, 3], made.array[450, 512, 3]) == (0, 255)
    assert sandbox.charges() == [float(desk.engine.estimate(request))]


async def test_a_design_comes_with_its_lettering_as_text(desk):
    request = IdeogramDesign.build(model=AT_ONCE, prompt='a poster that says "JAZZ" and "tonight"', aspect_ratio="2:3")
    outcome = await desk.buy(request)
    design = outcome.data["designs"][0]
    assert design["text_html"] == "<p>JAZZ</p><p>tonight</p>"
    assert [item["spans"][0]["text"] for item in design["text_containers"][0]["items"]] == ["JAZZ", "tonight"]
    assert outcome.pictures[0].height > outcome.pictures[0].width


@pytest.mark.parametrize("model", list(OFFERS["describe"]))
async def test_a_picture_is_put_into_words(desk, model):
    outcome = await desk.buy(IdeogramDescribe.build(model=model, image=plain()))
    assert "red" in outcome.text
    assert await desk.bill() == [(0.01, "estimated")]


async def test_a_description_that_does_not_come_is_an_error(desk, sandbox):
    sandbox.fault("bill_without_picture", times=1)
    with pytest.raises(ResultLost):
        await desk.buy(IdeogramDescribe.build(model="describe-v3", image=plain()))


async def test_style_and_character_pictures_arrive_and_cost_what_they_cost(desk, sandbox):
    extra = {"style_images": (plain(), plain(colour=(0, 0, 200))), "character_image": plain()}
    await desk.buy(asked(model=AT_ONCE, character_mask=right_half(), **extra))
    assert sandbox.charges() == [0.15]
    assert await desk.bill() == [(0.15, "estimated")]


async def test_a_character_goes_with_the_codes_of_a_look(desk):
    assert (await desk.buy(asked(model=AT_ONCE, character_image=plain(), style_codes="AAFF5733"))).pictures
    assert desk.counts() == (1, 1)


async def test_several_pictures_come_and_a_rewritten_prompt_is_told(desk):
    outcome = await desk.buy(asked(model=AT_ONCE, num_images=3, magic_prompt="on"))
    assert len({picture.data for picture in outcome.pictures}) == 3
    assert all("rich detail" in picture.revised_prompt for picture in outcome.pictures)
    assert await desk.bill() == [(0.18, "estimated")]


async def test_an_unchanged_prompt_is_not_called_rewritten(desk):
    assert (await desk.buy(asked())).pictures[0].revised_prompt == ""


async def test_what_is_outdated_says_so(desk):
    legacy = await desk.buy(asked(model=LEGACY))
    assert any("outdated since 1 January 2026" in note and "developer.ideogram.ai" in note for note in legacy.notes)
    assert (await desk.buy(asked(model=AT_ONCE))).notes == ()


@pytest.mark.parametrize(
    ("headers", "body", "told"),
    [
        ({"Deprecation": "true"}, {}, "outdated."),
        ({"Sunset": "Sun, 31 Jan 2027 23:59:59 GMT"}, {}, "31 January 2027"),
        ({"Sunset": "soon"}, {}, "soon"),
        ({"Warning": '299 - "Use v2 in time"'}, {}, "Use v2 in time"),
        ({}, {"warnings": ["Use v2"]}, "Ideogram says: Use v2"),
        ({}, {"notice": "Prices change"}, "Prices change"),
    ],
)
def test_notices_become_sentences(headers, body, told):
    (sentence,) = notices_of(headers, body)
    assert told in sentence
