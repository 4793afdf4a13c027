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
from easel.nodes.hosted.flux.bodies import body_of
from easel.nodes.hosted.flux.loras import read_loras
from easel.nodes.hosted.flux.models import OFFERS
from easel.nodes.hosted.flux.requests import FluxEdit, FluxExpand, FluxFill, FluxGenerate
from easel.nodes.pictures import Mask, Pixels
from support.flux_wishes import as_sent, fullest, plain

BFL = OFFERS["generate"]["bfl"]
EDITORS = OFFERS["edit"]["bfl"]
GENERATORS = list(BFL)
# A folder with the providers' own specifications, where there is one: newer than what is shipped, perhaps.
PUBLISHED = Path(__file__).resolve().parents[3] / "shared/wire/specs/bfl.json"


def asked(model: str = "flux-2-pro", **changes):
    return FluxGenerate.build(**{"model": model, "prompt": "a red circle", "aspect_ratio": "16:9", **changes})


def fields_of(request):
    return as_sent(body_of(request))


@pytest.mark.skipif(not PUBLISHED.exists(), reason="no folder with the providers' own specifications")
@pytest.mark.parametrize("model", GENERATORS)
def test_a_request_with_everything_fits_the_published_specification(model):
    document = json.loads(PUBLISHED.read_text("utf-8"))
    posted = document["paths"][f"/v1/{BFL[model].path}"]["post"]["requestBody"]
    schema = posted["content"]["application/json"]["schema"]
    Draft202012Validator({**schema, "components": document["components"]}).validate(fields_of(fullest(BFL[model])))


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
        ("flux-2-klein-4b", {"prompt_upsampling": True}, "prompt_upsampling", "flux-2-flex"),
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
        ("flux-pro", {}, "route", "choose Replicate"),
        ("flux-9", {}, "model", "the models for this are flux-2-pro"),
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


def edited(model: str = "flux-2-pro", images: int = 1, picture: Pixels | None = None, **changes):
    fields = {"prompt": "make it blue", "images": (picture or plain(),) * images, "aspect_ratio": "auto"}
    return FluxEdit.build(model=model, **{**fields, **changes})


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


@pytest.mark.parametrize("line", ["someone/style strong", "a style 0.5", "someone/style nan", "someone/style inf"])
def test_a_line_that_is_no_lora_is_refused(line):
    with pytest.raises(InputRefused, match="cannot be understood") as refused:
        read_loras(f"someone/fine 0.5\n{line}\n")
    assert refused.value.input_name == "loras"


def test_loras_are_read_line_by_line():
    assert read_loras(" \n") is None
    one, two = read_loras("https://example.com/a.safetensors\n\n  someone/style   0.35  ")
    assert (one.path, one.scale) == ("https://example.com/a.safetensors", 1)
    assert (two.path, two.scale) == ("someone/style", 0.35)
