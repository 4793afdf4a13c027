"""The model that is recommended: it can do what was asked, is never retired, and costs what its family says."""

import datetime as dt
from decimal import Decimal

import pytest

from easel.nodes.hosted.flux import prices as flux_prices
from easel.nodes.hosted.flux.requests import FluxGenerate
from easel.nodes.hosted.ideogram import prices as ideogram_prices
from easel.nodes.hosted.ideogram.requests import IdeogramGenerate
from easel.nodes.hosted.openai import models as openai_models
from easel.nodes.hosted.openai import prices as openai_prices
from easel.nodes.hosted.openai.requests import GptImageGenerate
from easel.nodes.prompts.choices import HOSTED, LICENCES, OWN_MACHINE, QUALITIES, TEXTS
from easel.nodes.prompts.data import PromptProblem
from easel.nodes.prompts.families import family_names
from easel.nodes.prompts.models import control_names, models, retired, use_names
from easel.nodes.prompts.recommending import Need, explained, recommend, shortly

TODAY = dt.date(2026, 11, 21)
BY_NAME = {model.name: model for model in models()}


def names(**need):
    return [choice.model.name for choice in recommend(Need(**{"use": "scene", **need})).choices]


# What is recommended


@pytest.mark.parametrize(
    ("use", "expected"),
    [
        ("text", {"GPT Image", "Ideogram"}),
        ("logo", {"Ideogram", "GPT Image"}),
        ("portrait", {"FLUX"}),
        ("product", {"FLUX"}),
        ("art", {"Midjourney"}),
        ("control", {"Stable Diffusion"}),
        ("character", {"FLUX"}),
        ("edit", {"GPT Image"}),
    ],
)
def test_the_first_choice_is_of_a_family_that_is_known_for_it(use, expected):
    assert BY_NAME[names(use=use)[0]].family in expected


def test_quick_drafts_are_cheap():
    assert names(use="drafts")[0] == "flux-schnell"


@pytest.mark.parametrize("control", control_names().values())
def test_what_was_asked_for_can_be_done(control):
    assert all(control in BY_NAME[name].takes for name in names(control=control))


@pytest.mark.parametrize("level", TEXTS.values())
def test_who_misspells_is_left_out(level):
    assert all(BY_NAME[name].text >= level for name in names(text=level))


def test_only_the_own_machine_needs_no_budget():
    found = recommend(Need(use="scene", place=OWN_MACHINE, pictures=10_000, budget=Decimal("0.01")))
    assert found.choices and all(choice.cost == 0 and OWN_MACHINE in choice.model.places for choice in found.choices)


def test_a_licence_is_kept():
    assert all(BY_NAME[name].open for name in names(licence=LICENCES[2]))
    assert "flux-dev" in names(place=OWN_MACHINE)
    assert "flux-dev" not in names(place=OWN_MACHINE, licence=LICENCES[1])
    assert "flux-dev" in names(place=HOSTED, licence=LICENCES[1])


def test_the_budget_is_for_all_pictures():
    for choice in recommend(Need(use="scene", pictures=200, budget=Decimal(5))).choices:
        assert choice.cost <= 5
    assert "flux-2-max" in names(pictures=10, budget=Decimal("0.7"))
    assert "flux-2-max" not in names(pictures=11, budget=Decimal("0.7"))


def test_four_pictures_of_a_grid_are_paid_once():
    costs = [BY_NAME["midjourney-7"].cost(count, "standard", HOSTED) for count in (1, 4, 5)]
    assert costs == [Decimal("0.04"), Decimal("0.04"), Decimal("0.08")]


@pytest.mark.parametrize(
    ("model", "pictures", "shown"),
    [
        ("flux-3-image", 1, "$0.048"),
        ("flux-2-pro", 1, "$0.03"),
        ("gpt-image-2.5-flare", 1, "$0.0132"),
        ("flux-2-max", 100_000, "$7,000.00"),
        ("midjourney-7", 5, "about $0.08 (each gateway has prices of its own)"),
        ("sd3.5-large", 5, "nothing but power"),
    ],
)
def test_prices_are_shown_as_exactly_as_they_are_known(model, pictures, shown):
    need = Need(use="art", pictures=pictures)
    assert f"; {shown}." in explained(recommend(need), need, "art", TODAY, model)


def test_where_nothing_fits_the_wishes_are_named():
    with pytest.raises(
        PromptProblem, match=r"No model does all of this: \d+ without that control, \d+ not where you want"
    ):
        names(control="lora", place=HOSTED)


# Retired models


def test_what_is_retired_is_never_recommended_and_has_a_living_successor():
    gone = {one.name for one in retired()}
    assert gone >= {"dall-e-3", "dall-e-2", "gpt-image-1"}
    assert not gone & set(BY_NAME)
    assert {one.successor for one in retired()} <= set(BY_NAME)


def test_the_retired_models_are_those_of_their_family():
    rows = [
        row for name in ("dall-e-3", "gpt-image-1", "gpt-image-1.5", *BY_NAME) if (row := openai_models.row_of(name))
    ]
    known = {row.name: (row.retires, row.successor) for row in rows if row.retires}
    ours = {one.name: (one.retires, one.successor) for one in retired()}
    assert known.items() <= ours.items()


def test_a_retired_model_in_mind_is_told_its_successor():
    need = Need(use="text")
    told = explained(recommend(need), need, "posters", TODAY, "dall-e-3")
    assert "dall-e-3 was switched off on 2026-05-12; gpt-image-2.5-flare replaces it." in told
    assert "gpt-image-1.5 (from 2026-12-01)" in told
    assert "gpt-image-1.5 (since 2026-12-01)" in explained(recommend(need), need, "posters", dt.date(2026, 12, 1))


# The explanation


def test_the_explanation_ranks_three_with_reasons_and_prices():
    need = Need(use="portrait", pictures=500)
    found = recommend(need)
    told = explained(found, need, "portraits", TODAY, "flux-2-klein-4b")
    table = [line for line in told.splitlines() if line.startswith("| ") and line[2].isdigit()]
    assert [row.split(" | ")[1] for row in table] == [choice.model.name for choice in found.choices[:3]]
    assert "| flux-2-pro | photographic faces for three cents |" in told and "| $15.00 |" in told
    assert "500 pictures, standard" in told
    assert "flux-2-klein-4b is number" in told
    assert shortly(found, need, TODAY).startswith("1. flux-2-pro: $15.00; photographic faces")


def test_what_was_in_mind_and_does_not_fit_is_told_why():
    need = Need(use="art", place=OWN_MACHINE, licence=LICENCES[2])
    told = shortly(recommend(need), need, TODAY, "flux-2-pro")
    assert "flux-2-pro is left out: not where you want to run it, without open weights." in told


# The table


def test_every_row_is_whole():
    for model in models():
        assert model.family in family_names() and model.takes <= set(control_names().values()), model.name
        assert set(model.uses) <= set(use_names().values()) and len(model.uses) >= 2, model.name
        assert (
            set(model.price) == set(QUALITIES)
            and model.price["draft"] <= model.price["standard"] <= model.price["best"]
        )
        assert 1 <= model.text <= 5 and all(1 <= points <= 5 for points, _ in model.uses.values()), model.name
        assert (OWN_MACHINE in model.places) == bool(model.needs), model.name


@pytest.mark.parametrize(("tier", "quality"), [("draft", "low"), ("standard", "medium"), ("best", "high")])
@pytest.mark.parametrize("name", [name for name, model in BY_NAME.items() if model.family == "GPT Image"])
def test_gpt_image_costs_what_its_family_says(name, tier, quality):
    request = GptImageGenerate.build(model=name, prompt="x", size="1024x1024", quality=quality)
    assert BY_NAME[name].price[tier] == pytest.approx(openai_prices.estimate(request), abs=Decimal("0.0001"))


@pytest.mark.parametrize(("tier", "choice"), [("draft", "very_low"), ("standard", "medium"), ("best", "high")])
def test_ideogram_costs_what_its_family_says(tier, choice):
    request = IdeogramGenerate.build(model="ideogram-4-5", prompt="x", quality=choice)
    assert BY_NAME["ideogram-4-5"].price[tier] == ideogram_prices.estimate(request)
    speed = {"very_low": "turbo", "medium": "default", "high": "quality"}[choice]
    request = IdeogramGenerate.build(model="ideogram-v3", prompt="x", rendering_speed=speed)
    assert BY_NAME["ideogram-v3"].price[tier] == ideogram_prices.estimate(request)


@pytest.mark.parametrize("name", [name for name, model in BY_NAME.items() if model.node == "FLUX Generate"])
def test_flux_costs_what_its_family_says(name):
    route = "replicate" if name == "flux-schnell" else "bfl"
    tiers = {"draft": "768sq", "standard": "1k", "best": "2k"} if name == "flux-3-image" else dict.fromkeys(QUALITIES)
    for tier, resolution in tiers.items():
        fields = {"model": name, "route": route, "prompt": "x", "aspect_ratio": "1:1", "resolution": resolution}
        assert BY_NAME[name].price[tier] == flux_prices.estimate(FluxGenerate.build(**fields)), tier
