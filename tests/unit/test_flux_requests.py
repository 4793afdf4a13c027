"""What may be asked of FLUX: refused by name before any money moves, translated as the wire wants it, priced."""

from __future__ import annotations

import json
from decimal import Decimal
from pathlib import Path

import numpy as np
import pytest
from jsonschema import Draft202012Validator

from easel.nodes.hosted.engine.errors import InputRefused
from easel.nodes.hosted.engine.request import RANDOM_SEED
from easel.nodes.hosted.flux import prices
from easel.nodes.hosted.flux.bfl.bodies import fields_of
from easel.nodes.hosted.flux.models import OFFERS
from easel.nodes.hosted.flux.requests import FluxEdit, FluxExpand, FluxFill, FluxGenerate
from easel.nodes.hosted.flux.sizes import RATIOS, number_of
from easel.nodes.pictures import Mask, Pixels
from easel.nodes.sandbox import specs

BFL = OFFERS["bfl"]
GENERATORS = list(FluxGenerate.offers())
SIZED = [name for name in GENERATORS if BFL[name].sides]
# A folder with the providers' own specifications, where there is one: newer than what is shipped, perhaps.
PUBLISHED = Path(__file__).resolve().parents[3] / "shared/wire/specs/bfl.json"


def asked(model: str = "flux-2-pro", **changes):
    return FluxGenerate.build(**{"model": model, "prompt": "a red circle", "aspect_ratio": "16:9", **changes})


def fullest(model: str):
    """A request with every input that the model takes."""
    offer = BFL[model]
    fields = {"safety_tolerance": offer.safety, "seed": 42}
    fields |= {name: True for name in ("raw", "grounding") if getattr(offer, name)}
    fields |= {"prompt_upsampling": True} if offer.rewriting else {}
    fields |= {"steps": offer.steps[1]} if offer.steps else {}
    fields |= {"guidance": offer.guidance[1]} if offer.guidance else {}
    fields |= {"resolution": offer.resolutions[-1]} if offer.resolutions else {}
    fields |= {"output_format": "webp"} if offer.formats else {}
    fields |= {"user": "somebody"} if offer.user else {}
    return asked(model, **fields)


@pytest.mark.parametrize("ratio", RATIOS)
@pytest.mark.parametrize("model", GENERATORS)
def test_every_ratio_of_every_model_fits_the_schema(model, ratio):
    body = fields_of(asked(model, aspect_ratio=ratio))
    assert specs.problem("bfl", BFL[model].path, body) is None


@pytest.mark.parametrize("model", GENERATORS)
def test_a_request_with_everything_fits_the_schema_and_sends_no_unknown_field(model):
    body = fields_of(fullest(model))
    path = BFL[model].path
    assert specs.problem("bfl", path, body) is None
    assert set(body) <= set(specs.validator("bfl", path).schema["properties"])


@pytest.mark.skipif(not PUBLISHED.exists(), reason="no folder with the providers' own specifications")
@pytest.mark.parametrize("model", GENERATORS)
def test_a_request_with_everything_fits_the_published_specification(model):
    document = json.loads(PUBLISHED.read_text("utf-8"))
    posted = document["paths"][f"/v1/{BFL[model].path}"]["post"]["requestBody"]
    schema = posted["content"]["application/json"]["schema"]
    Draft202012Validator({**schema, "components": document["components"]}).validate(fields_of(fullest(model)))


@pytest.mark.parametrize("ratio", RATIOS)
@pytest.mark.parametrize("model", SIZED)
def test_a_ratio_becomes_a_size_of_at_most_one_megapixel_and_close_to_it(model, ratio):
    width, height = BFL[model].sides.of_ratio(ratio)
    assert 800_000 < width * height <= 1024 * 1024
    assert width / height == pytest.approx(number_of(ratio), rel=0.025)


@pytest.mark.parametrize(
    ("model", "changes", "name", "sentence"),
    [
        ("flux-2-pro", {"raw": True}, "raw", "flux-1.1-pro-ultra does"),
        ("flux-2-pro", {"steps": 20}, "steps", "flux-2-flex and flux-dev do"),
        ("flux-2-pro", {"guidance": 3.0}, "guidance", "flux-2-flex and flux-dev do"),
        ("flux-dev", {"guidance": 5.1}, "guidance", "1.5 to 5"),
        ("flux-2-flex", {"steps": 51}, "steps", "1 to 50"),
        ("flux-2-pro", {"grounding": True}, "grounding", "flux-3-image does"),
        ("flux-1.1-pro", {"resolution": "4k"}, "resolution", "flux-3-image does"),
        ("flux-2-klein-4b", {"prompt_upsampling": True}, "prompt_upsampling", "no such setting"),
        ("flux-3-image", {"prompt_upsampling": False}, "prompt_upsampling", "no such setting"),
        ("flux-3-image", {"output_format": "jpeg"}, "output_format", "always makes png"),
        ("flux-3-image", {"safety_tolerance": 5}, "safety_tolerance", "0 (strict) to 4"),
        ("flux-2-pro", {"safety_tolerance": 6}, "safety_tolerance", "0 (strict) to 5"),
        ("flux-3-image", {"user": "somebody"}, "user", "no such setting"),
        ("flux-3-image", {"aspect_ratio": "9:22"}, "aspect_ratio", "21:9"),
        ("flux-1.1-pro-ultra", {"aspect_ratio": "3:1"}, "aspect_ratio", "21:9 to 9:21"),
        ("flux-1.1-pro", {"aspect_ratio": None, "width": 1008, "height": 1024}, "width", "multiple of 32"),
        ("flux-1.1-pro", {"aspect_ratio": None, "width": 1024, "height": 1472}, "height", "256 to 1440"),
        ("flux-2-max", {"aspect_ratio": None, "width": 3072, "height": 1728}, "height", "4,194,304"),
        ("flux-1.1-pro-ultra", {"aspect_ratio": None, "width": 1024, "height": 1024}, "width", "aspect_ratio"),
        ("flux-pro", {}, "model", "flux-1.1-pro"),
        ("flux-kontext-pro", {}, "model", "the models for this are"),
        ("flux-2-pro", {"prompt": "  "}, "prompt", "empty"),
        ("flux-2-pro", {"aspect_ratio": "auto"}, "aspect_ratio", "no input picture"),
        ("flux-2-pro", {"seed": -2}, "seed", "-1"),
        ("flux-2-pro", {"seed": 2**32}, "seed", "4294967295"),
    ],
)
def test_what_a_model_does_not_take_is_refused_by_name(model, changes, name, sentence):
    with pytest.raises(InputRefused) as refused:
        asked(model, **changes)
    assert refused.value.input_name == name
    assert sentence in str(refused.value)


def test_sizes_that_the_largest_models_take_are_taken():
    assert fields_of(asked(aspect_ratio=None, width=3040, height=1360))["width"] == 3040


@pytest.mark.parametrize(
    ("model", "field", "sent"),
    [
        ("flux-2-pro", "disable_pup", False),
        ("flux-2-flex", "prompt_upsampling", True),
        ("flux-dev", "prompt_upsampling", True),
    ],
)
def test_the_rewriting_of_prompts_is_asked_in_each_models_own_words(model, field, sent):
    assert fields_of(asked(model, prompt_upsampling=True))[field] is sent
    assert fields_of(asked(model, prompt_upsampling=False))[field] is not sent
    assert field not in fields_of(asked(model))


def test_flux_3_is_always_told_whether_to_search_the_web():
    assert fields_of(asked("flux-3-image"))["grounding"] is False
    assert fields_of(asked("flux-3-image", grounding=True))["grounding"] is True


def test_the_seed_of_a_model_without_seeds_tells_takes_apart():
    first, second = asked("flux-3-image", seed=1), asked("flux-3-image", seed=2)
    assert (first.take, first.seed) == (1, None)
    assert "seed" not in fields_of(first)
    assert first.fingerprint() != second.fingerprint()
    assert asked("flux-3-image", seed=RANDOM_SEED).with_seed().take >= 0


def test_a_random_seed_is_drawn_and_seed_zero_is_a_seed():
    assert fields_of(asked(seed=0))["seed"] == 0
    assert 0 <= asked(seed=RANDOM_SEED).with_seed().seed < 2**32


@pytest.mark.parametrize("second", GENERATORS)
@pytest.mark.parametrize("first", GENERATORS)
def test_any_model_can_stand_in_for_any_other(first, second):
    replaced = fullest(first).with_model(second)
    assert specs.problem("bfl", BFL[second].path, fields_of(replaced)) is None
    assert (replaced.take if replaced.seed is None else replaced.seed) == 42


def test_a_size_becomes_the_nearest_ratio_for_a_model_that_takes_only_those():
    replaced = asked(aspect_ratio=None, width=1600, height=912).with_model("flux-1.1-pro-ultra")
    assert (replaced.aspect_ratio, replaced.width) == ("16:9", None)


@pytest.mark.parametrize(
    ("model", "changes", "usd"),
    [
        ("flux-1.1-pro", {}, "0.04"),
        ("flux-1.1-pro-ultra", {"raw": True}, "0.06"),
        ("flux-dev", {}, "0.025"),
        ("flux-2-pro", {}, "0.03"),
        ("flux-2-pro", {"aspect_ratio": None, "width": 2048, "height": 2048}, "0.075"),
        ("flux-2-flex", {"aspect_ratio": None, "width": 1040, "height": 1024}, "0.10"),
        ("flux-3-image", {}, "0.048"),
        ("flux-3-image", {"resolution": "4k"}, "0.607"),
    ],
)
def test_the_price_is_known_before(model, changes, usd):
    assert prices.estimate(asked(model, **changes)) == Decimal(usd)


def test_no_price_is_made_up_for_a_preview():
    assert prices.estimate(asked("flux-2-pro-preview")) is None


def plain(width: int = 512, height: int = 512) -> Pixels:
    return Pixels(np.full((height, width, 3), 120, np.uint8))


def edited(model: str = "flux-2-pro", images: int = 1, picture: Pixels | None = None, **changes):
    fields = {"prompt": "make it blue", "images": (picture or plain(),) * images, "aspect_ratio": "auto"}
    return FluxEdit.build(model=model, **{**fields, **changes})


@pytest.mark.parametrize("ratio", ["auto", "16:9"])
@pytest.mark.parametrize("model", list(FluxEdit.offers()))
def test_an_edit_of_every_model_fits_the_schema(model, ratio):
    assert specs.problem("bfl", BFL[model].path, fields_of(edited(model, aspect_ratio=ratio))) is None


@pytest.mark.parametrize(
    ("model", "most"), [("flux-2-pro", 8), ("flux-2-klein-4b", 4), ("flux-kontext-max", 4), ("flux-3-image", 10)]
)
def test_more_pictures_than_a_model_takes_are_refused(model, most):
    assert len(edited(model, images=most).images) == most
    with pytest.raises(InputRefused, match=f"1 to {most} pictures") as refused:
        edited(model, images=most + 1)
    assert refused.value.input_name == "images"


def test_a_picture_of_a_wrong_size_is_refused():
    with pytest.raises(InputRefused, match="at least 256x256"):
        edited("flux-3-image", picture=plain(255, 300))
    with pytest.raises(InputRefused, match="20,000,000"):
        edited(picture=plain(5000, 4001))


def test_an_edit_is_priced_with_its_input_pictures():
    assert prices.estimate(edited(images=2)) == Decimal("0.06")
    assert prices.estimate(edited("flux-kontext-max")) == Decimal("0.08")


def test_a_mask_of_another_size_is_refused():
    mask = Mask(np.zeros((64, 64), np.uint8))
    with pytest.raises(InputRefused, match="64x64") as refused:
        FluxFill.build(model="flux-1-fill-pro", prompt="", image=plain(), mask=mask)
    assert refused.value.input_name == "mask"


def test_an_expansion_by_nothing_and_by_too_much_is_refused():
    with pytest.raises(InputRefused, match="Nothing is to be added"):
        FluxExpand.build(model="flux-1-expand-pro", prompt="", image=plain())
    with pytest.raises(InputRefused) as refused:
        FluxExpand.build(model="flux-1-expand-pro", prompt="", image=plain(), left=2049)
    assert refused.value.input_name == "left"
