"""Any model by name: its published inputs, what a user writes, and what is sent."""

from __future__ import annotations

import asyncio
import os
from dataclasses import replace
from decimal import Decimal
from functools import partial

import numpy as np
import pytest

from easel.nodes import pictures
from easel.nodes.hosted.anymodel import fal, replicate
from easel.nodes.hosted.anymodel.inputs import fill, read, replaced
from easel.nodes.hosted.anymodel.library import published
from easel.nodes.hosted.anymodel.published import Published
from easel.nodes.hosted.anymodel.requests import AnyFal, AnyReplicate
from easel.nodes.hosted.engine import errors, wire
from easel.nodes.hosted.platforms.fal.provider import Fal
from easel.nodes.hosted.platforms.replicate.provider import Replicate
from support.desk import desk_of

INPUTS = {
    "components": {
        "schemas": {
            "Input": {
                "type": "object",
                "required": ["prompt"],
                "properties": {
                    "prompt": {"type": "string"},
                    "image": {"type": "string", "format": "uri"},
                    "images": {"anyOf": [{"type": "array", "items": {"type": "string"}}, {"type": "null"}]},
                    "size": {"allOf": [{"$ref": "#/components/schemas/size"}]},
                    "steps": {"type": "integer", "maximum": 50},
                    "boxes": {"type": "array"},
                },
            },
            "size": {"enum": ["small", "large"], "type": "string"},
        }
    }
}
MODEL = Published.read(model="somebody/something", schema=INPUTS, inputs="/components/schemas/Input")
RED = pictures.Pixels(np.full((8, 8, 3), (200, 0, 0), np.uint8))
BLUE = pictures.Pixels(np.full((8, 8, 3), (0, 0, 200), np.uint8))
MASK = pictures.Mask(np.full((8, 8), 255, np.uint8))


def filled(values, images=None, masks=None, texts=None):
    return fill(values, images or {}, masks or {}, texts or {}, MODEL.takes_list)


@pytest.fixture
def desk(tmp_path, sandbox, monkeypatch):
    monkeypatch.setenv("EASEL_SANDBOX", "1")
    with desk_of(tmp_path / "easel", sandbox, Replicate(), Fal()) as desk:
        yield desk


def test_what_is_connected_stands_where_it_is_named():
    found = filled(
        {"prompt": "a photo of $text, $text_2", "image": "$image", "images": ["$image_2", "https://a.b/c.png"]},
        {"image": [RED], "image_2": [BLUE, RED]},
        texts={"text": "a cat", "text_2": "at night"},
    )
    assert found.values["prompt"] == "a photo of a cat, at night"
    assert found.pictures == [RED, BLUE, RED]
    sent = replaced(found.values, lambda kind, number: (kind, number))
    assert sent["image"] == ("picture", 0)
    assert sent["images"] == [("picture", 1), ("picture", 2), "https://a.b/c.png"]


def test_a_batch_fills_a_list_and_nothing_else():
    assert filled({"images": "$image"}, {"image": [RED, BLUE]}).values == {
        "images": ["$file/picture/0", "$file/picture/1"]
    }
    with pytest.raises(errors.InputRefused, match="holds 2 pictures"):
        filled({"image": "$image"}, {"image": [RED, BLUE]})


def test_lists_of_lists_stay_as_they_are():
    assert filled({"boxes": [[0, 1], [2, 3]]}).values == {"boxes": [[0, 1], [2, 3]]}


def test_a_mask_has_two_polarities():
    white = AnyFal.of("a/b", filled({"image": "$mask"}, masks={"mask": MASK}), None, 0).order()
    black = AnyFal.of("a/b", filled({"image": "$mask_black"}, masks={"mask": MASK}), None, 0).order()
    assert white.inputs["image"].encoded() == MASK.as_white()
    assert black.inputs["image"].encoded() == MASK.as_black()


def test_a_name_without_a_connection_and_a_connection_without_a_name():
    with pytest.raises(errors.InputRefused, match="nothing is connected at image"):
        filled({"image": "$image"})
    with pytest.raises(errors.InputRefused, match="nothing is connected at image_3"):
        filled({"image": "$image_3"}, {"image": [RED]})
    with pytest.raises(errors.InputRefused, match='write "\\$image" in the inputs'):
        filled({"prompt": "a cat"}, {"image": [RED]})
    with pytest.raises(errors.InputRefused, match="nothing is connected at text"):
        filled({"prompt": "a $text"})


def test_words_are_not_looked_into_for_names():
    assert filled({"prompt": "$text"}, texts={"text": "$5 for $image, $mask and $text_2"}).values == {
        "prompt": "$5 for $image, $mask and $text_2"
    }
    assert filled({"prompt": "$texture at $5, $text"}, texts={"text": "a"}).values == {"prompt": "$texture at $5, a"}
    for values, texts in (({"image": "$file/picture/0"}, {}), ({"image": "$text"}, {"text": "$file/white/7"})):
        with pytest.raises(errors.InputRefused, match="cannot be an input"):
            filled(values, texts=texts)


def test_a_name_may_be_used_twice():
    twice = AnyFal.of("a/b", filled({"image": "$image", "images": ["$image"]}, {"image": [RED]}), None, 0).order()
    assert twice.inputs == {"image": RED, "images": [RED]}


@pytest.mark.parametrize("text", ["{", "[1]", '"words"', '{"seed": NaN}', '{"seed": -Infinity}'])
def test_inputs_that_are_no_object_are_refused(text):
    with pytest.raises(errors.InputRefused) as refused:
        read(text)
    assert refused.value.input_name == "inputs"


def test_empty_inputs_are_none():
    assert read("  ") == {}


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"prompt": "a", "step": 9}, "no input step. Did you mean steps"),
        ({"prompt": "a", "zzz": 9}, "It takes: prompt, image, images, size, steps, boxes"),
        ({"prompt": "a", "steps": 51}, "steps: 51 is greater than the maximum of 50"),
        ({"prompt": "a", "size": "huge"}, "size: 'huge' is not one of"),
        ({"steps": 5}, "'prompt' is a required property"),
    ],
)
def test_inputs_are_checked_against_what_is_published(values, words):
    with pytest.raises(errors.InputRefused, match=words) as refused:
        MODEL.check(values)
    assert refused.value.input_name == "inputs"


def test_right_inputs_pass():
    MODEL.check({"prompt": "a", "size": "large", "images": ["https://a.b/c.png"], "steps": 50})


def model_with(**properties):
    schema = {"components": {"schemas": {"Input": {"type": "object", "properties": properties}, **NAMED}}}
    return Published.read(model="somebody/something", schema=schema, inputs="/components/schemas/Input")


NAMED = {
    "ratio": {"enum": ["1:1", "3:2"], "type": "string"},
    "pictures": {"anyOf": [{"type": "array", "items": {"type": "string"}}, {"type": "string"}]},
    "circle": {"$ref": "#/components/schemas/circle"},
}


def test_schemas_of_openapi_3_0():
    model = model_with(
        strength={"type": "number", "minimum": 0, "exclusiveMinimum": True, "maximum": 1, "exclusiveMaximum": False},
        seed={"type": "integer", "nullable": True},
        ratio={"allOf": [{"$ref": "#/components/schemas/ratio"}], "nullable": True, "default": "1:1"},
        nullable={"type": "boolean"},
    )
    model.check({"strength": 0.5, "seed": None, "ratio": None, "nullable": True})
    model.check({"strength": 1, "seed": 3, "ratio": "3:2"})
    for values, words in (
        ({"strength": 0}, "strength: 0 is less than or equal to the minimum of 0"),
        ({"strength": 2}, "strength: 2 is greater than the maximum of 1"),
        ({"seed": "many"}, "seed: 'many' is not "),
        ({"nullable": 3}, "nullable: 3 is not of type 'boolean'"),
        ({"ratio": "5:4"}, "ratio: '5:4' is not "),
    ):
        with pytest.raises(errors.InputRefused, match=words):
            model.check(values)


def test_lists_behind_names_and_choices():
    model = model_with(
        several={"$ref": "#/components/schemas/pictures"},
        maybe={"type": ["array", "null"]},
        either={"oneOf": [{"type": "string"}, {"$ref": "#/components/schemas/pictures"}]},
        single={"type": "string"},
        anything=True,
        lost={"$ref": "#/components/schemas/nowhere"},
        round={"$ref": "#/components/schemas/circle"},
    )
    names = ("several", "maybe", "either", "single", "anything", "lost", "round", "unknown")
    assert [name for name in names if model.takes_list(name)] == ["several", "maybe", "either"]


@pytest.mark.parametrize(
    "schema",
    [
        {"$ref": "#/components/schemas/nowhere"},
        {"$ref": "#/components/schemas/circle"},
        {"type": "file"},
        {"type": "string", "pattern": "("},
    ],
    ids=str,
)
def test_a_schema_that_cannot_be_understood_is_said(schema):
    with pytest.raises(errors.InputRefused, match="cannot be understood"):
        model_with(image=schema).check({"image": "https://a.b/c.png"})


def test_a_schema_sends_nobody_to_other_addresses(monkeypatch):
    asked = []
    monkeypatch.setattr("urllib.request.urlopen", lambda request, *_: asked.append(request))
    with pytest.raises(errors.InputRefused, match="cannot be understood"):
        model_with(image={"$ref": "http://127.0.0.1:9/schema.json"}).check({"image": "a"})
    assert asked == []


def test_a_long_value_is_not_quoted_whole():
    with pytest.raises(errors.InputRefused) as refused:
        model_with(prompt={"type": "string", "maxLength": 5}).check({"prompt": "a" * 5000})
    assert len(str(refused.value)) < 500


@pytest.mark.parametrize(
    ("values", "unit", "usd", "price"),
    [
        ({}, "images", "0.04", "0.08"),
        ({"num_images": 3}, "images", "0.04", "0.12"),
        ({}, "megapixels", "0.04", None),
        ({}, "images", "", None),
    ],
)
def test_a_price_counts_what_the_model_makes(values, unit, usd, price):
    model = replace(model_with(num_images={"type": "integer", "default": 2}), unit=unit, unit_usd=usd)
    assert model.price(values) == (price and Decimal(price))


def test_an_expected_price_does_not_make_another_request():
    one, other = (AnyFal.of("a/b", filled({"prompt": "a"}), price, 0) for price in (None, Decimal("0.5")))
    assert one.fingerprint() == other.fingerprint()
    assert AnyFal.of("a/b", filled({"prompt": "a"}), None, 1).fingerprint() != one.fingerprint()
    here, there = (
        kind.of("a/b", filled({"image": "$image"}, {"image": [picture]}), None, 0)
        for kind, picture in ((AnyFal, RED), (AnyFal, BLUE))
    )
    assert here.fingerprint() != there.fingerprint()


@pytest.mark.parametrize(
    ("name", "same"),
    [
        ("owner/name", "owner/name"),
        (" https://replicate.com/owner/name/ ", "owner/name"),
        ("owner/name:" + "a" * 64, "owner/name:" + "a" * 64),
    ],
)
def test_names_at_replicate(name, same):
    assert replicate.checked_name(name) == same


@pytest.mark.parametrize("name", ["", "flux", "owner/name:latest", "owner/name/more", "../secrets", "owner/name?x=1"])
def test_what_names_no_model_at_replicate(name):
    with pytest.raises(errors.InputRefused, match="owner/name"):
        replicate.checked_name(name)


def test_names_at_fal():
    assert fal.checked_name("https://fal.ai/models/fal-ai/flux/dev") == "fal-ai/flux/dev"
    with pytest.raises(errors.InputRefused):
        fal.checked_name("flux dev")
    with pytest.raises(errors.InputRefused):
        fal.checked_name("fal-ai/../secrets")


async def test_an_official_model_is_ordered_by_name_and_a_community_one_by_version(desk):
    official = await known(desk, "replicate", "black-forest-labs/flux-schnell")
    community = await known(desk, "replicate", "nightmareai/real-esrgan")
    assert official.model == "black-forest-labs/flux-schnell"
    assert community.model.startswith("nightmareai/real-esrgan:")
    assert "num_outputs" in official.names
    pinned = await known(desk, "replicate", community.model)
    assert pinned.names == community.names


async def test_an_endpoint_s_inputs_and_price(desk):
    found = await known(desk, "fal", "fal-ai/flux-pro/kontext")
    assert "image_url" in found.names
    assert found.unit


@pytest.mark.parametrize(("market", "name"), [("replicate", "nobody/nothing"), ("fal", "nobody/nothing")])
async def test_a_model_that_is_not_there(desk, market, name):
    with pytest.raises(errors.ModelRetired, match="nobody/nothing"):
        await known(desk, market, name)


async def test_inputs_that_pass_the_check_are_bought(desk):
    model = await known(desk, "replicate", "black-forest-labs/flux-schnell")
    values = {"prompt": "a red circle", "num_outputs": 2, "output_format": "png"}
    model.check(values)
    outcome = await desk.buy(AnyReplicate.of(model.model, filled(values), None, 0))
    assert len(outcome.pictures) == 2
    endpoint = await known(desk, "fal", "fal-ai/flux/dev")
    values = {"prompt": "a red circle", "num_images": 2, "image_size": {"width": 256, "height": 128}}
    endpoint.check(values)
    outcome = await desk.buy(AnyFal.of(endpoint.model, filled(values), None, 0))
    assert [picture.width for picture in outcome.pictures] == [256, 256]


async def test_a_schema_is_fetched_once_and_kept_through_an_outage(tmp_path):
    fetched = []

    async def fetch():
        fetched.append(1)
        return MODEL

    async def down():
        raise errors.ProviderDown("It is down.", retryable=True)

    async def look(fetch, may_change=True):
        return await published(tmp_path, "here", "a/b", fetch, may_change=may_change)

    assert await look(fetch) == MODEL
    assert await look(fetch) == MODEL
    assert len(fetched) == 1
    (kept,) = tmp_path.iterdir()
    os.utime(kept, (1, 1))
    assert await look(down) == MODEL
    assert await look(fetch, may_change=False) == MODEL
    assert len(fetched) == 1
    await look(fetch)
    assert len(fetched) == 2
    kept.write_text("{")
    await look(fetch)
    assert len(fetched) == 3
    with pytest.raises(errors.ProviderDown):
        await published(tmp_path, "elsewhere", "a/b", down, may_change=True)


async def test_a_list_of_items_asks_for_the_schema_once_and_one_who_leaves_takes_it_from_nobody(tmp_path):
    asked, may_end = [], asyncio.Event()

    async def fetch():
        asked.append(1)
        await may_end.wait()
        if len(asked) == 1:
            raise errors.ProviderDown("It is down.", retryable=True)
        return MODEL

    def items():
        return [asyncio.ensure_future(published(tmp_path, "here", "a/b", fetch, may_change=True)) for _ in range(8)]

    first, *others = items()
    await asyncio.sleep(0)
    first.cancel()
    may_end.set()
    ends = await asyncio.gather(*others, return_exceptions=True)
    assert (len(asked), {type(end) for end in ends}) == (1, {errors.ProviderDown})
    # What failed is asked for again.
    assert await asyncio.gather(*items()) == [MODEL] * 8
    assert len(asked) == 2


async def test_a_schema_that_cannot_be_kept_is_used_all_the_same(tmp_path):
    async def fetch():
        return MODEL

    (tmp_path / "schemas").write_text("a file where the folder should be")
    assert await published(tmp_path / "schemas", "here", "a/b", fetch, may_change=True) == MODEL


@pytest.mark.parametrize(("market", "path"), [("replicate", "/models/"), ("fal", "/openapi.json")])
@pytest.mark.parametrize("fault", ["cut_after_body", "server_error", "unavailable"])
async def test_a_question_that_fails_has_cost_nothing(desk, market, path, fault):
    name = {"replicate": "black-forest-labs/flux-schnell", "fal": "fal-ai/flux/dev"}[market]
    desk.sandbox.fault(fault, path=path)
    with pytest.raises(errors.ProviderDown) as down:
        await known(desk, market, name)
    assert down.value.charge == "none"
    assert "buy" not in str(down.value)


@pytest.mark.parametrize("fault", ["cut_after_body", "server_error", "html"])
async def test_an_endpoint_without_a_price_can_be_run(desk, fault):
    desk.sandbox.fault(fault, path="/pricing")
    found = await known(desk, "fal", "fal-ai/flux/dev")
    assert (found.unit, found.unit_usd) == ("", "")


async def test_the_key_does_not_go_where_schemas_are_published(desk, monkeypatch):
    sent = {}
    ask = wire.ask

    async def noted(http, method, url, *, headers, **others):
        sent[url.partition("?")[0].rpartition("/")[2]] = headers
        return await ask(http, method, url, headers=headers, **others)

    monkeypatch.setattr(wire, "ask", noted)
    await known(desk, "fal", "fal-ai/flux/dev")
    assert sent["openapi.json"] == {}
    assert set(sent) == {"openapi.json", "pricing"}


async def test_a_question_s_error_never_tells_a_key(desk, monkeypatch):
    monkeypatch.setenv("FAL_KEY", "id-of-a-key:and-its-secret")

    async def echoing(_call):
        raise errors.ProviderDown("The key id-of-a-key:and-its-secret is odd.", words="id-of-a-key:and-its-secret")

    with pytest.raises(errors.ProviderDown) as raised:
        await desk.engine.consult("fal", "default", echoing)
    assert "secret" not in str(raised.value)


async def known(desk, market, name):
    fetch = {"replicate": replicate.fetch, "fal": fal.fetch}[market]
    return await desk.engine.consult(market, "default", partial(fetch, name))
