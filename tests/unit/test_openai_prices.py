"""Prices of OpenAI: what a request is estimated at, what an answer's usage cost, and where the figures come from."""

from __future__ import annotations

import json
from decimal import Decimal
from pathlib import Path

import pytest

from easel.nodes.hosted.openai import prices
from easel.nodes.hosted.openai.requests import DallE2Generate, DallE3, Describe, GptImageGenerate, Moderate
from support.openai_desk import plain

PUBLISHED = Path(__file__).resolve().parents[3] / "shared/wire/prices.json"


def generated(model="gpt-image-2.5-flare", **changes):
    fields = {"model": model, "prompt": "a cat", "size": "1024x1024", "quality": "low", **changes}
    return prices.estimate(GptImageGenerate.build(**fields))


@pytest.mark.parametrize(
    ("model", "quality", "usd"),
    [
        ("gpt-image-2.5-flare", "low", "0.0059"),
        ("gpt-image-2.5-sunburst", "medium", "0.0132"),
        ("gpt-image-2.5-flare", "high", "0.0527"),
        ("gpt-image-2.6-flare", "max", "0.2107"),
        ("gpt-image-2", "medium", "0.0527"),
        ("gpt-image-1.5", "high", "0.1330"),
        ("gpt-image-1-mini", "low", "0.0050"),
    ],
)
def test_a_square_picture_costs_what_is_published(model, quality, usd):
    assert generated(model, quality=quality) == pytest.approx(Decimal(usd), abs=Decimal("0.0001"))


def test_several_pictures_and_partial_ones_cost_more():
    assert generated(n=3) == pytest.approx(3 * generated(), rel=Decimal("0.01"))
    assert generated(partial_images=2) - generated() == Decimal(200) * 30 / 1_000_000


def test_what_the_model_decides_is_estimated_dear():
    assert generated(quality="auto") == generated(quality="high")
    assert generated(size="auto") >= generated()


def test_a_size_between_two_listed_ones_is_as_dear_as_the_dearer():
    assert generated(size="1536x1024") == generated(size="1024x1536")
    assert generated(size="2048x1024") >= generated(size="1024x1536")
    assert generated(size="3840x2160") > generated(size="2560x1440") >= generated(size="1920x1088")


def test_nobody_knows_the_price_of_an_unknown_model():
    assert generated("my-azure-deployment") is None


def test_the_retired_models_are_charged_by_the_picture():
    assert prices.estimate(DallE3.build(prompt="a cat", size="1792x1024", quality="hd")) == Decimal("0.12")
    assert prices.estimate(DallE2Generate.build(prompt="a cat", size="256x256", n=2)) == Decimal("0.032")


def test_words_cost_tokens_and_judgement_nothing():
    described = prices.estimate(Describe.build(image=plain(), prompt="What is this?", max_tokens=1000))
    assert Decimal("0.01") < described < Decimal("0.0101")
    assert prices.estimate(Moderate.build(text="a cat")) == 0


def test_usage_is_charged_by_kind_of_token():
    usage = {
        "input_tokens": 1012,
        "output_tokens": 196,
        "input_tokens_details": {"text_tokens": 12, "image_tokens": 1000},
        "output_tokens_details": {"text_tokens": 0, "image_tokens": 196},
    }
    expected = (Decimal(12) * 5 + Decimal(1000) * 8 + Decimal(196) * 30) / 1_000_000
    assert prices.usage_cost("gpt-image-2.5-flare", usage) == expected


@pytest.mark.skipif(not PUBLISHED.exists(), reason="the published prices are not beside this checkout")
def test_the_token_prices_are_those_that_were_published():
    units = {
        "1M_text_input_tokens": "text_in",
        "1M_image_input_tokens": "image_in",
        "1M_image_output_tokens": "image_out",
        "1M_text_output_tokens": "text_out",
        "1M_input_tokens": "text_in",
        "1M_output_tokens": "text_out",
    }
    rows = json.loads(PUBLISHED.read_text(encoding="utf-8"))["prices"]
    compared = 0
    for row in rows:
        if row["provider"] != "openai" or row["unit"] not in units:
            continue
        ours = prices.tokens_cost(row["model"], **{units[row["unit"]]: 1_000_000})
        assert ours == pytest.approx(Decimal(str(row["price_usd"]))), row
        compared += 1
    assert compared > 20
