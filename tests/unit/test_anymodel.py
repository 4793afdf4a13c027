"""Any model by name: its published inputs, what a user writes, and what is sent."""

from __future__ import annotations

import os
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
from easel.nodes.hosted.engine import errors
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
    with pytest.raises(errors.InputRefused, match='write "\\$image" in the inputs'):
        filled({"prompt": "a cat"}, {"image": [RED]})
    with pytest.raises(errors.InputRefused, match="nothing is connected at text"):
        filled({"prompt": "a $text"})


@pytest.mark.parametrize("text", ["{", "[1]", '"words"'])
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


async def known(desk, market, name):
    fetch = {"replicate": replicate.fetch, "fal": fal.fetch}[market]
    return await desk.engine.consult(market, "default", partial(fetch, name))
