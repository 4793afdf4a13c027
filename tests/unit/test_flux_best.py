"""The best available route: one with a key, that can do what is asked, for the least price; said and recorded."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from easel.nodes.hosted.engine.errors import InputRefused, MissingKey
from easel.nodes.hosted.flux.models import ROUTES
from easel.nodes.hosted.flux.provider import PROVIDERS
from easel.nodes.hosted.flux.request import FluxRequest
from easel.nodes.hosted.flux.requests import FluxControl, FluxEdit, FluxErase, FluxExpand, FluxFill, FluxGenerate
from easel.nodes.hosted.flux.routing import KEY_VARIABLES, best_of
from easel.nodes.pictures import Mask, Pixels
from support.desk import desk_of
from support.flux_wishes import plain

ALL = tuple(ROUTES)


def best(model: str, *with_key: str, kind: type[FluxRequest] = FluxGenerate, **changes: Any) -> FluxRequest:
    fields = {"prompt": "a red circle", "aspect_ratio": "1:1", **changes}
    return best_of(lambda route: kind.build(model=model, route=route, **fields), kind.operation, model, with_key or ALL)


@pytest.mark.parametrize(
    ("model", "with_key", "changes", "route"),
    [
        # Equal prices: the maker itself, then Replicate, then fal.
        ("flux-2-pro", ALL, {}, "bfl"),
        ("flux-2-pro", ("fal", "replicate"), {}, "replicate"),
        ("flux-2-pro", ("fal",), {}, "fal"),
        ("flux-schnell", ALL, {}, "replicate"),
        # The cheapest: klein 9b costs 0.010 at fal and 0.015 at BFL.
        ("flux-2-klein-9b", ALL, {}, "fal"),
        # fal bills by megapixels, Replicate by pictures.
        ("flux-1.1-pro", ("replicate", "fal"), {"aspect_ratio": None, "width": 1440, "height": 1440}, "replicate"),
        # A price that nobody published comes last.
        ("flux-2-klein-4b", ALL, {}, "bfl"),
        ("flux-2-max", ("replicate", "fal"), {}, "fal"),
        # What only some can do.
        ("flux-2-pro", ALL, {"safety_tolerance": 0}, "bfl"),
        ("flux-dev", ALL, {"count": 2}, "replicate"),
        ("flux-dev", ALL, {"safety_tolerance": 6}, "bfl"),
        ("flux-dev", ALL, {"guidance": 15.0}, "fal"),
        ("flux-3-image", ALL, {"resolution": "512sq"}, "fal"),
        ("flux-1.1-pro-ultra", ("replicate", "fal"), {"aspect_ratio": "5:4"}, "replicate"),
    ],
)
def test_the_best_route_has_a_key_can_do_it_and_costs_least(model, with_key, changes, route):
    request = best(model, *with_key, **changes)
    assert request.route == request.provider == route
    assert request.choice.startswith(f"Route: {ROUTES[route]}, ")


def test_every_operation_can_be_left_open():
    mask = Mask(np.full((512, 512), 255, np.uint8))
    assert best("flux-2-pro", kind=FluxEdit, images=(plain(),), aspect_ratio="auto").route == "bfl"
    for kind, model, fields in (
        (FluxFill, "flux-1-fill-dev", {"image": plain(), "mask": mask}),
        (FluxExpand, "flux-1-fill-dev", {"image": plain(), "left": 8}),
        (FluxErase, "flux-erase", {"image": plain(), "mask": mask}),
        (FluxControl, "flux-depth-dev", {"image": plain(), "aspect_ratio": "auto"}),
    ):
        prompt = {} if kind is FluxErase else {"prompt": "a beach"}
        request = best_of(
            lambda route, kind=kind, model=model, fields=fields, prompt=prompt: kind.build(
                model=model, route=route, **prompt, **fields
            ),
            kind.operation,
            model,
            ALL,
        )
        assert request.route == {"flux-1-fill-dev": "replicate", "flux-erase": "bfl", "flux-depth-dev": "fal"}[model]


def test_the_choice_says_what_the_others_would_have_cost_and_what_they_cannot_do():
    assert best("flux-2-klein-9b").choice == "Route: fal, the best of BFL $0.015, fal $0.01."
    assert best("flux-2-pro", safety_tolerance=0).choice == (
        "Route: BFL, the only one that serves this; Replicate and fal cannot do this."
    )
    assert best("flux-2-pro", "fal").choice == "Route: fal, the only one with a key."
    assert "fal (price unknown)" in best("flux-2-klein-4b").choice


def test_without_a_key_for_a_route_that_serves_it_the_routes_are_named():
    two = best("flux-schnell", "bfl")
    assert (
        "by Replicate and fal, and Easel has no key for any of them: set REPLICATE_API_TOKEN or FAL_KEY"
        in two.without_key
    )
    assert two.choice == "Route: there is no key for Replicate and fal, so only what was bought before can be had."
    one = best("flux-2-pro", "fal", safety_tolerance=0)
    assert "served by BFL, and Easel has no key for it" in one.without_key
    assert best("flux-2-pro", "fal").without_key == ""


async def test_what_was_bought_before_is_had_without_any_key_and_nothing_else_is(tmp_path, sandbox, monkeypatch):
    """Bought in the sandbox, which needs no key; looked for as somebody without one would."""
    from easel.nodes.hosted.flux import routing

    monkeypatch.setenv("EASEL_SANDBOX", "1")
    with desk_of(tmp_path, sandbox, *(provider() for provider in PROVIDERS)) as desk:
        bought = await desk.buy(best("flux-2-klein-9b", "bfl"))
        keyless = routing.best_of(
            lambda route: FluxGenerate.build(
                model="flux-2-klein-9b", route=route, prompt="a red circle", aspect_ratio="1:1"
            ),
            "generate",
            "flux-2-klein-9b",
            (),
        )
        outcome = await desk.buy(keyless)
        assert outcome.reused and outcome.pictures == bought.pictures
        monkeypatch.delenv("EASEL_SANDBOX")
        for variable in KEY_VARIABLES.values():
            monkeypatch.delenv(variable, raising=False)
        with pytest.raises(MissingKey, match="set BFL_API_KEY or FAL_KEY"):
            await desk.buy(keyless)
        assert desk.counts() == (1, 1)


def test_the_routes_are_the_accounts():
    accounts = [provider.account for provider in PROVIDERS]
    assert [account.name for account in accounts] == list(ROUTES)
    assert {account.name: account.key_variable for account in accounts} == KEY_VARIABLES


def test_what_no_route_can_do_is_refused_by_name():
    with pytest.raises(InputRefused) as refused:
        best("flux-2-pro", steps=20)
    assert refused.value.input_name == "steps"
    assert "flux-2-flex" in str(refused.value)
    with pytest.raises(InputRefused) as refused:
        best("flux-9")
    assert refused.value.input_name == "model"


def test_the_second_model_goes_where_it_is_served():
    chosen = best("flux-2-klein-9b", "bfl", "fal")
    assert (chosen.route, chosen.with_model("flux-2-dev").route) == ("fal", "fal")
    assert chosen.with_model("flux-2-pro-preview").route == "bfl"
    assert best("flux-2-pro", "bfl").other_routes == ()


def test_what_another_route_delivered_for_the_second_model_is_as_good_where_the_route_was_left_open():
    second = best("flux-1.1-pro", "bfl").with_model("flux-2-pro")
    assert second.route == "bfl"
    assert [other.route for other in second.elsewhere] == ["replicate", "fal"]
    assert {other.model for other in second.elsewhere} == {"flux-2-pro"}
    at_fal = best("flux-1.1-pro", "fal").with_model("flux-2-pro")
    assert at_fal.fingerprint("live") in {other.fingerprint("live") for other in second.elsewhere}
    fixed = FluxGenerate.build(model="flux-1.1-pro", route="fal", prompt="a red circle", aspect_ratio="1:1")
    assert fixed.with_model("flux-2-pro").elsewhere == ()


def test_what_a_route_would_have_to_leave_out_of_the_wish_is_not_as_good():
    second = best("flux-dev", "fal", count=3).with_model("flux-1.1-pro")
    assert (second.route, second.count) == ("fal", 3)
    assert second.elsewhere == ()


def test_the_second_model_goes_on_to_a_route_that_can_do_it():
    images = (plain(), plain(64, 64))
    first = best("flux-2-pro", "replicate", "fal", kind=FluxEdit, images=images, aspect_ratio="auto")
    second = first.with_model("flux-kontext-pro")
    # Kontext at Replicate takes one picture.
    assert (first.route, second.route, len(second.pictures)) == ("replicate", "fal", 2)
    only = best("flux-2-pro", "replicate", kind=FluxEdit, images=images, aspect_ratio="auto")
    with pytest.raises(InputRefused, match="flux-kontext-pro at Replicate takes one picture"):
        only.with_model("flux-kontext-pro")


def test_the_route_is_no_parameter_and_the_choice_changes_no_fingerprint():
    chosen, fixed = (
        best("flux-2-pro"),
        FluxGenerate.build(model="flux-2-pro", prompt="a red circle", aspect_ratio="1:1"),
    )
    assert not {"route", "other_routes", "choice"} & set(chosen.parameters())
    assert chosen.fingerprint("live") == fixed.fingerprint("live")
    elsewhere = FluxGenerate.build(model="flux-2-pro", route="fal", prompt="a red circle", aspect_ratio="1:1")
    assert elsewhere.fingerprint("live") != fixed.fingerprint("live")


def test_what_was_bought_at_bfl_before_there_were_other_routes_is_still_known():
    picture = Pixels(np.full((64, 64, 3), 120, np.uint8))
    mask = Mask(np.full((64, 64), 255, np.uint8))
    bought = {
        "036a9242560695f3d7eb52b9d48b6ff015bd2a9e2cbfaf21317e0f956e0b1092": FluxGenerate.build(
            model="flux-2-pro", prompt="a red circle", aspect_ratio="16:9"
        ),
        "ab88d5d8897551865737a21a7e655658fc0181d4d354ef5412c7db06ab471e39": FluxGenerate.build(
            model="flux-3-image", prompt="a red circle", aspect_ratio="16:9", seed=7, grounding=True, resolution="2k"
        ),
        "7661bcd206fa10bdc2c50411fea087823756aea76e8ad50f91c2c6c1482e8ed5": FluxEdit.build(
            model="flux-kontext-pro", prompt="now at night", images=(picture,) * 2, aspect_ratio="auto", user="somebody"
        ),
        "07bacf0405cec5830c6a26916d7943fea83cbeb09147e1a729814d14309c837e": FluxFill.build(
            model="flux-1-fill-pro", prompt="", image=picture, mask=mask, steps=20
        ),
        "e8ede0f643c32a3e23d45fad63eef0d3ef602077f705c751da51fe9f4e0f1fc0": FluxExpand.build(
            model="flux-1-expand-pro", prompt="", image=picture, left=64
        ),
    }
    for fingerprint, request in bought.items():
        assert request.fingerprint("sandbox") == fingerprint


async def test_what_one_route_delivered_is_not_bought_again_at_another(tmp_path, sandbox, monkeypatch):
    monkeypatch.setenv("EASEL_SANDBOX", "1")
    with desk_of(tmp_path, sandbox, *(provider() for provider in PROVIDERS)) as desk:
        only = best("flux-2-klein-9b", "bfl")
        assert only.route == "bfl"
        await desk.buy(only)
        cheaper = best("flux-2-klein-9b")
        assert cheaper.route == "fal"
        outcome = await desk.buy(cheaper)
        assert outcome.reused
        assert outcome.record["provider"] == "bfl"
        assert desk.counts() == (1, 1)
        await desk.buy(cheaper.with_model("flux-2-klein-4b"))
        assert desk.counts() == (2, 2)
