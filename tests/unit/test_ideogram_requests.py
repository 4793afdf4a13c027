"""What may be asked of Ideogram: refused by name before any money moves, written as each API wants it, priced."""

from __future__ import annotations

import datetime as dt
import json
from decimal import Decimal
from pathlib import Path

import pytest
from jsonschema import Draft202012Validator

from easel.nodes.hosted.engine.errors import InputRefused
from easel.nodes.hosted.engine.request import RANDOM_SEED
from easel.nodes.hosted.ideogram import prices
from easel.nodes.hosted.ideogram.fields import fields_of, files_of
from easel.nodes.hosted.ideogram.models import OFFERS, Offer, nearest_size, number_of, sides
from easel.nodes.hosted.ideogram.requests import (
    IdeogramDescribe,
    IdeogramDesign,
    IdeogramEdit,
    IdeogramGenerate,
    IdeogramReframe,
    IdeogramRemix,
    IdeogramReplaceBackground,
    IdeogramRequest,
    IdeogramTransparent,
    IdeogramUpscale,
)
from easel.nodes.hosted.ideogram.styling import PRESETS
from easel.nodes.sandbox import specs
from support import ideogram_desk


def plain(width: int = 64, height: int = 64):
    return ideogram_desk.plain(width, height)


def right_half(width: int = 64, height: int = 64):
    return ideogram_desk.right_half(width, height)


KINDS = {
    kind.operation: kind
    for kind in (
        *(IdeogramGenerate, IdeogramTransparent, IdeogramDesign, IdeogramEdit, IdeogramRemix, IdeogramReframe),
        *(IdeogramReplaceBackground, IdeogramUpscale, IdeogramDescribe),
    )
}
EVERY = [(operation, model) for operation, offers in OFFERS.items() for model in offers]
# A folder with the providers' own specifications, where there is one: newer than what is shipped, perhaps.
PUBLISHED = Path(__file__).resolve().parents[3] / "shared/wire/specs"


def asked(model: str = "ideogram-4-5", operation: str = "generate", **changes) -> IdeogramRequest:
    """A plain request of that operation, with the pictures it needs."""
    kind = KINDS[operation]
    needed = {"prompt": "a red circle"} if kind.needs_prompt() else {}
    if "image" in kind.model_fields:
        needed["image"] = plain()
    if operation == "edit" and OFFERS[operation][model].mask == "must":
        needed["mask"] = right_half()
    if operation == "reframe":
        needed["aspect_ratio"] = "16:9"
    return kind.build(model=model, **{**needed, **changes})


def fullest(operation: str, model: str) -> list[IdeogramRequest]:
    """Requests that together have every setting the model takes, those that exclude each other apart."""
    offer = OFFERS[operation][model]
    fields: dict = {"seed": 42, "num_images": 2}
    values = {
        "magic_prompt": "on",
        "negative_prompt": "blur",
        "image_weight": 70,
        "color_palette": "ember",
        "character_image": plain(),
    }
    fields |= {name: value for name, value in values.items() if name in offer.takes}
    fields |= {"rendering_speed": "quality"} if offer.speeds else {}
    fields |= {"quality": offer.qualities[-1]} if offer.qualities else {}
    fields |= {"upscale_factor": offer.factors[-1]} if offer.factors else {}
    fields |= {"aspect_ratio": "9:16"} if offer.ratios else {}
    fields |= {"references": (plain(),) * offer.references} if offer.references else {}
    fields |= {"mask": right_half()} if offer.mask else {}
    fields |= dict.fromkeys(("font_h1", "font_body"), "Inter") if "fonts" in offer.takes else {}
    if operation == "describe":
        fields = {}
    styled = {"style_type": "auto"} if offer.styles else {}
    styled |= {"style_images": (plain(),)} if offer.style_images else {}
    found = [asked(model, operation, **fields, **styled)]
    if "style_preset" in offer.takes:
        found.append(asked(model, operation, **fields, style_preset="watercolor"))
    if "style_codes" in offer.takes:
        found.append(asked(model, operation, **fields, style_codes="aaff5733, 0133FF57"))
    if "color_palette" in offer.takes:
        own = {**fields, "color_palette": None, "colors": "#ff8800 0.2, #224466 0.8\n#FFF"}
        found.append(asked(model, operation, **own))
    if "character_image" in offer.takes:
        found.append(asked(model, operation, **fields, character_mask=right_half()))
    return found


def whole(request: IdeogramRequest) -> dict:
    """The fields and, under their names, the files: as the schemas see a form."""
    body, lists = fields_of(request), specs.validator("ideogram", request.offer.path).schema["properties"]
    for file in files_of(request):
        if lists.get(file.field, {}).get("type") == "array":
            body.setdefault(file.field, []).append("file")
        else:
            assert file.field not in body
            body[file.field] = "file"
    return body


@pytest.mark.parametrize(("operation", "model"), EVERY)
def test_every_setting_of_every_model_fits_the_schema(operation, model):
    for request in (asked(model, operation), *fullest(operation, model)):
        assert specs.problem("ideogram", request.offer.path, whole(request)) is None


def _published(path: str) -> Draft202012Validator | None:
    """The validator of an endpoint in the published specification; None where that has none."""
    if path.startswith("v2/"):
        found = json.loads((PUBLISHED / "ideogram-v2.json").read_text("utf-8"))["$defs"]
        schema = found.get(path.removeprefix("v2/image/"))
        return None if schema is None else Draft202012Validator(schema)
    document = json.loads((PUBLISHED / "ideogram-v1.json").read_text("utf-8"))
    content = document["paths"][f"/{path}"]["post"]["requestBody"]["content"]
    schema = next(iter(content.values()))["schema"]
    return Draft202012Validator({**schema, "components": document["components"]})


ON_RECORD = [pair for pair in EVERY if PUBLISHED.exists() and _published(OFFERS[pair[0]][pair[1]].path)]
"""What the published specification has a schema for."""


@pytest.mark.parametrize(("operation", "model"), ON_RECORD)
def test_every_setting_of_every_model_fits_the_published_specification(operation, model):
    validator = _published(OFFERS[operation][model].path)
    for request in fullest(operation, model):
        validator.validate(whole(request))


@pytest.mark.parametrize(("operation", "model"), [pair for pair in EVERY if OFFERS[pair[0]][pair[1]].ratios])
def test_every_ratio_of_every_model_becomes_that_shape(operation, model):
    offer = OFFERS[operation][model]
    for ratio in offer.ratios:
        if ratio == "auto":
            continue
        request = asked(model, operation, aspect_ratio=ratio)
        assert specs.problem("ideogram", offer.path, whole(request)) is None
        if not offer.ratio_field:
            width, height = sides(offer.size_of(ratio))
            assert width / height == pytest.approx(number_of(ratio), rel=0.03), ratio


def test_a_ratio_becomes_the_largest_size_of_that_shape():
    assert fields_of(asked(aspect_ratio="16:9"))["size"] == "2560x1440"
    assert fields_of(asked("ideogram-4", aspect_ratio="1:1"))["resolution"] == "2048x2048"
    assert nearest_size(1.0, ("512x512", "1024x1024"), area=600 * 600) == "512x512"


@pytest.mark.parametrize(
    ("model", "sent"),
    [
        ("ideogram-4-5", {"size": "auto"}),
        ("ideogram-4", {}),
        ("ideogram-3", {"aspect_ratio": "auto"}),
    ],
)
def test_auto_is_left_to_the_model_in_its_own_words(model, sent):
    body = fields_of(asked(model, aspect_ratio="auto"))
    assert {name: body[name] for name in ("size", "aspect_ratio", "resolution") if name in body} == sent


@pytest.mark.parametrize(
    ("model", "sent"),
    [("ideogram-v3", "2x1"), ("V_2", "ASPECT_16_9"), ("ideogram-3", None), ("ideogram-4", None)],
)
def test_a_remix_keeps_the_shape_of_the_picture(model, sent):
    body = fields_of(asked(model, "remix", aspect_ratio="auto", image=plain(800, 400)))
    assert body.get("image_request", body).get("aspect_ratio") == sent
    assert "resolution" not in body


def test_each_api_gets_its_own_names_and_spelling():
    wish = {"style_type": "realistic", "magic_prompt": "off", "aspect_ratio": "16:9", "negative_prompt": "text"}
    assert fields_of(asked("V_2", **wish))["image_request"] == {
        "prompt": "a red circle",
        "model": "V_2",
        "seed": 0,
        "style_type": "REALISTIC",
        "magic_prompt_option": "OFF",
        "negative_prompt": "text",
        "aspect_ratio": "ASPECT_16_9",
    }
    v1 = fields_of(asked("ideogram-v3", rendering_speed="turbo", style_preset="watercolor"))
    assert (v1["rendering_speed"], v1["style_preset"]) == ("TURBO", "WATERCOLOR")
    v2 = fields_of(asked("ideogram-3", color_palette="ember", **wish))
    assert (v2["style_type"], v2["aspect_ratio"], v2["color_palette"]) == ("realistic", "16x9", {"name": "ember"})
    assert v2["async"] is True
    assert "async" not in v1


@pytest.mark.parametrize(
    ("model", "changes", "name", "sentence"),
    [
        ("ideogram-4-5", {"negative_prompt": "x"}, "negative_prompt", "ideogram-3, ideogram-v3, ideogram-2, V_2"),
        ("ideogram-4-5", {"style_type": "anime"}, "style_type", "ideogram-3, ideogram-v3"),
        ("ideogram-3", {"style_type": "anime"}, "style_type", "auto, general, realistic, design and fiction"),
        ("V_1", {"style_type": "auto"}, "style_type", "V_2A and V_2A_TURBO do"),
        ("V_2A", {"negative_prompt": "x"}, "negative_prompt", "V_1 and V_1_TURBO do"),
        ("V_2A", {"color_palette": "ember"}, "color_palette", "V_2 and V_2_TURBO do"),
        ("V_1", {"width": 1024, "height": 1024}, "width", "choose one in aspect_ratio"),
        ("ideogram-3", {"quality": "low"}, "quality", "ideogram-4-5 and ideogram-4-6 do"),
        ("ideogram-4-5", {"rendering_speed": "turbo"}, "rendering_speed", "ideogram-4, ideogram-3 and ideogram-v3 do"),
        ("ideogram-3", {"rendering_speed": "flash"}, "rendering_speed", "turbo, default and quality"),
        ("ideogram-3", {"character_image": plain()}, "character_image", "ideogram-v3 does"),
        ("V_2", {"aspect_ratio": "2:1"}, "aspect_ratio", "16:9"),
        ("ideogram-v3", {"width": 1000, "height": 1024}, "height", "the nearest that it makes is 1024x1024"),
        ("ideogram-4-5", {"width": 1280, "height": 800}, "", ""),
        ("ideogram-v3", {"style_images": (plain(),) * 11}, "style_images", "10 of them at most"),
        ("ideogram-v3", {"style_codes": "AAFF573"}, "style_codes", "8 digits"),
        ("ideogram-v3", {"colors": "red"}, "colors", "#FF8800"),
        ("ideogram-v3", {"colors": "#FF8800 2"}, "colors", "0.05 to 1"),
        ("ideogram-v3", {"colors": ", ".join(["#FF8800"] * 9)}, "colors", "8 colours"),
        ("ideogram-v3", {"style_preset": "pretty"}, "style_preset", "watercolor"),
        ("ideogram-v3", {"style_codes": "AAFF5733", "style_type": "design"}, "", "leave one of them out"),
        ("ideogram-3", {"style_codes": "AAFF5733", "style_preset": "aura"}, "", "goes with neither"),
        ("ideogram-v3", {"color_palette": "ember", "colors": "#FF8800"}, "", "not both"),
        ("ideogram-v3", {"character_image": plain(), "style_type": "design"}, "", "auto, realistic and fiction"),
        ("ideogram-v3", {"character_mask": right_half()}, "character_mask", "no character_image"),
        ("ideogram-v3", {"aspect_ratio": "1:1", "width": 1024, "height": 1024}, "", "either an aspect_ratio"),
        ("ideogram-v3", {"width": 1024}, "", "a width and a height"),
        ("V_9", {}, "model", "ideogram-4-5"),
        ("ideogram-4-5", {"prompt": "  "}, "prompt", "empty"),
        ("ideogram-4-5", {"prompt": "x" * 10_001}, "prompt", "10,000 characters"),
        ("ideogram-4-5", {"seed": 2**31}, "seed", "2147483647"),
        ("ideogram-4-5", {"num_images": 9}, "num_images", "8"),
    ],
)
def test_what_a_model_does_not_take_is_refused_by_name(model, changes, name, sentence):
    if not sentence:
        assert asked(model, **changes)
        return
    with pytest.raises(InputRefused) as refused:
        asked(model, **changes)
    assert refused.value.input_name == name
    assert sentence in str(refused.value)


@pytest.mark.parametrize(
    ("operation", "model", "changes", "name", "sentence"),
    [
        ("generate-transparent", "ideogram-4-5", {}, "model", "transparent background take ideogram-3 or"),
        ("edit", "ideogram-3", {"mask": None}, "", "or take ideogram-4-5, ideogram-4-6 and ideogram-v1-edit"),
        ("edit", "ideogram-4-5", {"mask": right_half(32, 32)}, "mask", "32x32"),
        ("edit", "ideogram-4-5", {"image": plain(700, 100)}, "image", "1:6 to 6:1"),
        ("edit", "ideogram-4-5", {"references": (plain(),) * 5}, "references", "4 of them at most"),
        ("edit", "ideogram-4-5", {"references": (plain(), plain(700, 100))}, "references", "1:6 to 6:1"),
        ("edit", "ideogram-3", {"style_images": (plain(100, 700),)}, "style_images", "1:6 to 6:1"),
        ("edit", "V_2", {"references": (plain(),)}, "references", "ideogram-4-5, ideogram-4-6 and ideogram-v1-edit do"),
        ("remix", "ideogram-4", {"magic_prompt": "on"}, "magic_prompt", "ideogram-3, ideogram-v3, V_2"),
        ("remix", "V_2", {"image_weight": 101}, "image_weight", "100"),
        ("reframe", "V_2", {"aspect_ratio": None}, "", "which shape"),
        ("replace-background", "ideogram-3", {"prompt": "x" * 4001}, "prompt", "4,000"),
        ("replace-background", "ideogram-3", {"style_preset": "aura"}, "style_preset", "ideogram-v3 does"),
        ("upscale", "ideogram-upscale", {"detail": 0}, "detail", "1"),
    ],
)
def test_what_an_operation_does_not_take_is_refused_by_name(operation, model, changes, name, sentence):
    with pytest.raises(InputRefused) as refused:
        if model in OFFERS[operation]:
            asked(model, operation, **changes)
        else:
            KINDS[operation].build(model=model, prompt="x")
    assert refused.value.input_name == name
    assert sentence in str(refused.value)


def test_colours_go_heaviest_first_and_short_ones_stay():
    request = asked("ideogram-v3", colors="#abc 0.1; #FF8800 0.7\n#224466")
    assert fields_of(request)["color_palette"] == {
        "members": [
            {"color_hex": "#FF8800", "color_weight": 0.7},
            {"color_hex": "#ABC", "color_weight": 0.1},
            {"color_hex": "#224466"},
        ]
    }


def test_a_character_takes_the_style_that_goes_with_it():
    assert fields_of(asked("ideogram-v3", character_image=plain()))["style_type"] == "AUTO"
    assert "style_type" not in fields_of(asked("ideogram-v3"))


def test_pictures_go_in_the_fields_that_each_endpoint_names():
    extra = {"mask": right_half(), "references": (plain(),)}
    names = lambda request: [file.field for file in files_of(request)]  # noqa: E731
    assert names(asked("ideogram-4-5", "edit", **extra)) == ["image", "mask", "reference_images"]
    assert names(asked("ideogram-4-6", "edit", **extra)) == ["images", "mask", "images"]
    assert names(asked("V_2", "edit")) == ["image_file", "mask"]


def test_the_general_model_edits_in_the_picture_s_own_size():
    assert fields_of(asked("ideogram-4-6", "edit"))["size"] == "source"
    assert "size" not in fields_of(asked("ideogram-4-6", "edit", mask=right_half()))
    assert "size" not in fields_of(asked("ideogram-4-5", "edit"))


def test_the_seed_of_a_model_without_seeds_tells_takes_apart():
    first, second = asked("ideogram-4", "remix", seed=1), asked("ideogram-4", "remix", seed=2)
    assert (first.take, first.seed) == (1, None)
    assert "seed" not in fields_of(first)
    assert first.fingerprint() != second.fingerprint()
    assert asked("ideogram-4", "remix", seed=RANDOM_SEED).with_seed().take >= 0


def test_a_random_seed_is_drawn_and_seed_zero_is_a_seed():
    assert fields_of(asked(seed=0))["seed"] == 0
    assert 0 <= asked(seed=RANDOM_SEED).with_seed().seed < 2**31


@pytest.mark.parametrize("operation", [name for name, offers in OFFERS.items() if len(offers) > 1])
def test_any_model_can_stand_in_for_any_other(operation):
    for first in OFFERS[operation]:
        for second in OFFERS[operation]:
            for request in fullest(operation, first):
                if not ideogram_desk.takes_its_mask(request, OFFERS[operation][second]):
                    with pytest.raises(InputRefused, match="mask"):
                        request.with_model(second)
                    continue
                replaced = request.with_model(second)
                assert specs.problem("ideogram", replaced.offer.path, whole(replaced)) is None
                assert (replaced.take if replaced.seed is None else replaced.seed) == request.take + (request.seed or 0)


def test_a_preset_that_another_model_takes_alone_is_left_out():
    wish = asked("ideogram-v3", style_preset="aura", style_images=(plain(),))
    replaced = wish.with_model("ideogram-3")
    assert (replaced.style_preset, replaced.style_images) == (None, wish.style_images)


@pytest.mark.parametrize(
    ("operation", "model", "changes", "usd"),
    [
        ("generate", "ideogram-4-5", {"quality": "medium", "num_images": 3}, "0.18"),
        ("generate", "ideogram-4-5", {}, "0.10"),
        ("edit", "ideogram-4-5", {"quality": "high"}, "0.22"),
        ("edit", "ideogram-4-6", {}, "0.22"),
        ("generate", "ideogram-4", {"rendering_speed": "turbo"}, "0.03"),
        ("remix", "ideogram-3", {"rendering_speed": "quality"}, "0.09"),
        ("generate", "ideogram-v3", {"character_image": plain(), "num_images": 2}, "0.30"),
        ("generate-transparent", "ideogram-v3", {}, "0.07"),
        ("generate", "V_2", {}, "0.08"),
        ("generate", "V_1_TURBO", {"num_images": 8}, "0.16"),
        ("upscale", "ideogram-upscale", {}, "0.06"),
        ("describe", "describe-v3", {}, "0.01"),
    ],
)
def test_the_price_is_known_before(operation, model, changes, usd):
    assert prices.estimate(asked(model, operation, **changes)) == Decimal(usd)


def test_no_price_is_made_up_and_one_that_is_not_published_is_asked_for():
    assert prices.estimate(asked("ideogram-v3", "generate-design")) is None
    assert prices.estimate(asked("ideogram-v3", "generate-transparent", upscale_factor="x2")) is None
    assert prices.is_quoted(asked("ideogram-4-6")) and not prices.is_quoted(asked("ideogram-4-5"))


@pytest.mark.parametrize(("operation", "model"), EVERY)
def test_every_model_has_a_price_or_none_for_a_reason(operation, model):
    nobody_knows = operation == "generate-design" or model == "ideogram-v1-edit"
    assert (prices.estimate(asked(model, operation)) is None) == nobody_knows


def test_a_model_that_is_switched_off_names_its_successor(monkeypatch):
    old = OFFERS["generate"]["V_1"].model_copy(update={"retires": dt.date(2027, 1, 31), "successor": "ideogram-4-5"})
    monkeypatch.setitem(OFFERS["generate"], "V_1", old)
    request = asked("V_1", aspect_ratio="16:9")
    assert request.retired_since(dt.date(2027, 1, 30)) is None
    assert request.retired_since(dt.date(2027, 1, 31)) == dt.date(2027, 1, 31)
    assert request.successor().model == "ideogram-4-5"
    assert asked("V_2").successor() is None


def test_the_presets_are_those_of_the_specification():
    known = specs.validator("ideogram", "v1/ideogram-v3/generate").schema["properties"]["style_preset"]["enum"]
    assert [preset.upper() for preset in PRESETS] == known


def test_rows_name_nothing_unknown():
    assert all(isinstance(offer, Offer) for offers in OFFERS.values() for offer in offers.values())
    assert all(len(set(offer.sizes)) == len(offer.sizes) for offers in OFFERS.values() for offer in offers.values())
