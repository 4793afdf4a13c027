"""FLUX through Replicate and fal over real HTTP: every offer once, long lists through bad weather, links used again."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from easel.nodes import pictures
from easel.nodes.hosted.engine.errors import ContentRejected
from easel.nodes.hosted.flux import prices
from easel.nodes.hosted.flux.models import OFFERS, Offer
from easel.nodes.hosted.flux.provider import PROVIDERS
from easel.nodes.hosted.flux.request import FluxRequest
from support.desk import Desk, desk_of
from support.flux_wishes import EVERY_OFFER, plain, simplest

MARKETS = ("replicate", "fal")
CREATES = {"replicate": "predictions", "fal": "queue.fal.run/fal-ai/flux"}
POLLS = {"replicate": "/v1/predictions/", "fal": "/status"}

both = pytest.mark.parametrize("route", MARKETS)


@pytest.fixture
def desk(tmp_path: Path, sandbox: Any, monkeypatch: pytest.MonkeyPatch) -> Iterator[Desk]:
    monkeypatch.setenv("EASEL_SANDBOX", "1")
    for place in ("replicate.answers", "replicate.provider", "fal.answers"):
        monkeypatch.setattr(f"easel.nodes.hosted.platforms.{place}.POLL_EVERY", 0.05)
    with desk_of(tmp_path, sandbox, *(provider() for provider in PROVIDERS)) as desk:
        yield desk


def small(offer: Offer, **changes: Any) -> FluxRequest:
    """A request for as few pixels as the offer makes."""
    side = max(256, offer.sides.least) if offer.sides and offer.operation == "generate" else None
    size = {"aspect_ratio": None, "width": side, "height": side} if side else {}
    return simplest(offer, plain(256, 256), **{**size, **changes})


def schnell(route: str, prompt: str, **changes: Any) -> FluxRequest:
    return small(OFFERS["generate"][route]["flux-schnell"], prompt=prompt, **changes)


@both
async def test_every_offer_delivers_one_picture_for_one_charge_as_estimated(desk, route):
    offers = [offer for offer in EVERY_OFFER if offer.route == route]
    requests = [small(offer) for offer in offers]
    outcomes = await asyncio.gather(*(desk.buy(request) for request in requests))
    assert [len(outcome.pictures) for outcome in outcomes] == [1] * len(offers)
    assert desk.counts() == (len(offers), len(offers))
    for request, outcome in zip(requests, outcomes, strict=True):
        record = outcome.record
        assert (record["provider"], record["model"]) == (route, request.model)
        assert record["cost_usd"] == float(prices.estimate(request) or 0)
        size = request.size
        if size and request.operation in ("generate", "expand", "fill"):
            assert (outcome.pictures[0].width, outcome.pictures[0].height) == size


@both
async def test_what_is_estimated_is_what_the_stand_in_charges(desk, route):
    offers = [one for name, one in OFFERS["generate"][route].items() if prices.estimate(small(one)) is not None]
    await asyncio.gather(*(desk.buy(small(offer)) for offer in offers))
    charged = {line["model"]: line["charged_usd"] for line in desk.sandbox.log() if line["charged_usd"]}
    assert charged == {offer.path: pytest.approx(float(prices.estimate(small(offer)))) for offer in offers}


@both
async def test_several_pictures_come_from_one_request_and_are_all_billed(desk, route):
    outcome = await desk.buy(schnell(route, "a red circle", count=3))
    assert len(outcome.pictures) == 3
    assert desk.counts() == (1, 1)
    assert await desk.bill() == [(0.009, "estimated")]


@both
async def test_of_several_the_ones_held_back_are_told_and_the_others_delivered(desk, sandbox, route):
    sandbox.fault("refuse_some", count=1)
    outcome = await desk.buy(schnell(route, "a red circle", count=3))
    assert (len(outcome.pictures), len(outcome.refused)) == (2, 1)
    assert desk.counts() == (1, 1)


@both
async def test_a_refused_prompt_is_told_as_such(desk, route):
    with pytest.raises(ContentRejected) as refused:
        await desk.buy(schnell(route, "a forbidden picture"))
    assert refused.value.request_id
    assert desk.counts()[0] == 1


@both
async def test_a_picture_that_the_route_made_goes_back_as_its_link(desk, route):
    made = pictures.decode((await desk.buy(schnell(route, "a red circle"))).pictures[0].data)
    edit = OFFERS["edit"][route]["flux-kontext-dev"]
    await desk.buy(simplest(edit, made))
    submissions = [line for line in desk.sandbox.log() if line["submission"]]
    assert [line["operation"] for line in submissions] == ["generate", "edit"]
    assert submissions[1]["bytes_in"] < 1000
    assert not [line for line in desk.sandbox.log() if "upload" in line["path"] or line["path"].endswith("/v1/files")]


async def test_a_link_of_one_route_is_not_shown_to_another(desk):
    made = pictures.decode((await desk.buy(schnell("fal", "a red circle"))).pictures[0].data)
    await desk.buy(simplest(OFFERS["edit"]["replicate"]["flux-kontext-dev"], made))
    submissions = [line for line in desk.sandbox.log() if line["submission"]]
    assert submissions[1]["bytes_in"] > 1000


async def test_the_same_request_at_another_route_is_another_purchase(desk):
    first, second = [await desk.buy(schnell(route, "a red circle")) for route in MARKETS]
    assert not second.reused
    assert (await desk.buy(schnell("fal", "a red circle"))).reused
    assert desk.counts() == (2, 2)
    assert first.record["fingerprint"] != second.record["fingerprint"]


@both
async def test_sixty_four_prompts_through_bad_weather_end_with_sixty_four_charges(desk, sandbox, route):
    sandbox.fault("rate_limit", probability=0.1, retry_after=0.1, method="POST", path=CREATES[route])
    sandbox.fault("server_error", probability=0.05, method="GET", path=POLLS[route])
    sandbox.fault("unavailable", probability=0.05, method="GET", path=POLLS[route])
    offer = OFFERS["generate"][route]["flux-2-pro"]
    outcomes = await asyncio.gather(*(desk.buy(small(offer, prompt=f"picture {number}")) for number in range(64)))
    assert sum(len(outcome.pictures) for outcome in outcomes) == 64
    assert sandbox.report()["charged_submissions"] == 64
    assert len(await desk.bill()) == 64
    assert [fault for line in sandbox.log() for fault in line["faults"]]
