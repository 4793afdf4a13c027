"""FLUX's help pages: who serves each model, for how much, and which settings it has there, as its rows say."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from easel.nodes.hosted.flux import prices
from easel.nodes.hosted.flux.models import OFFERS, ROUTES, Offer, models_that, routes_of
from easel.nodes.hosted.flux.request import FluxRequest
from support.flux_wishes import simplest

DOCS = Path(__file__).resolve().parents[2] / "js/docs"
PAGES = {operation: f"EaselFlux{operation.capitalize()}.md" for operation in OFFERS}


@pytest.mark.parametrize("operation", [one for one in OFFERS if one != "erase"])
def test_the_help_page_tells_who_serves_each_model_and_for_how_much(operation):
    page = (DOCS / PAGES[operation]).read_text(encoding="utf-8")
    table = page.partition("| model | BFL | Replicate | fal |\n|---|---|---|---|\n")[2].partition("\n\n")[0]
    told = {
        cells[0]: dict(zip(OFFERS[operation], cells[1:], strict=True)) for cells in map(cells_of, table.splitlines())
    }
    assert list(told) == models_that(operation)
    for model, prices_told in told.items():
        for route, words in prices_told.items():
            offer = OFFERS[operation][route].get(model)
            assert (words == "–") == (offer is None)
            if offer is not None:
                # The sides are the least that a megapixel holds, and the inputs are not counted in the table.
                assert words.split(",")[0].split(" ")[0] == first_price(offer)


OWN = ("prompt_upsampling", "raw", "steps", "guidance", "control_strength", "prepared", "count", "output_quality",
       "megapixels", "go_fast", "acceleration", "safety_checker", "interval", "loras", "mode")  # fmt: skip


@pytest.mark.parametrize("operation", [one for one in OFFERS if one != "erase"])
def test_the_help_page_tells_which_settings_each_model_has_where(operation):
    page = (DOCS / PAGES[operation]).read_text(encoding="utf-8")
    table = page.partition("| model | its own settings |\n|---|---|\n")[2].partition("\n\n")[0]
    assert table.splitlines() == [f"| {model} | {own_settings(operation, model)} |" for model in models_that(operation)]


def own_settings(operation: Any, model: str) -> str:
    """The settings that not every model has, as the help page writes them."""
    offers = [OFFERS[operation][route][model] for route in routes_of(operation, model)]
    told = []
    for name in OWN:
        by_words: dict[str, list[str]] = {}
        for offer in offers:
            if value := getattr(offer, name):
                by_words.setdefault(in_words(name, value), []).append(ROUTES[offer.route])
        everywhere = [list(ROUTES[offer.route] for offer in offers)] == list(by_words.values())
        parts = [
            f"{words} ({', '.join(where)})".strip() if not everywhere else words for words, where in by_words.items()
        ]
        if parts:
            told.append(f"`{name}` {', '.join(parts)}".strip())
    return "; ".join(told) or "none"


def in_words(name: str, value: Any) -> str:
    if value is True:
        return ""
    if isinstance(value[0], str):
        return ", ".join(value)
    return ("weights " if name == "loras" else "") + f"{value[0]:g}–{value[1]:g}"


def cells_of(line: str) -> list[str]:
    return [cell.strip() for cell in line.strip("|").split("|")]


def first_price(offer: Offer) -> str:
    """The price of the simplest picture, or its first size, as the help page writes it."""
    resolution = {"resolution": "768sq"} if offer.route == "bfl" and "768sq" in offer.resolutions else {}
    request = simplest(offer, **resolution)
    usd = prices.estimate(request)
    if usd is None:
        return "unknown"
    if offer.operation == "edit" and offer.sides:
        usd -= max(Decimal(0), usd - first_megapixel(request))
    return f"{usd.normalize():f}"


def first_megapixel(request: FluxRequest) -> Decimal:
    """What the first megapixel costs, without the pictures sent."""
    as_generated = OFFERS["generate"][request.route][request.model]
    return prices.estimate(simplest(as_generated)) or Decimal(0)
