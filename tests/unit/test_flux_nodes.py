"""FLUX's nodes as the editor knows them: what was saved before still loads, the route is chosen by keys and price."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from easel.nodes.hosted.buying import Bought, look_at
from easel.nodes.hosted.choices import Choices
from easel.nodes.hosted.engine.engine import Engine
from easel.nodes.hosted.engine.outcome import Delivered, Outcome
from easel.nodes.hosted.flux.provider import PROVIDERS
from easel.nodes.hosted.flux.request import FluxRequest
from easel.nodes.hosted.flux.requests import FluxGenerate

BEST = "best available"
LATER = {
    "EaselFluxGenerate": ["count", "output_quality", "megapixels", "go_fast", "acceleration", "safety_checker", "interval"],
    "EaselFluxEdit": ["count", "output_quality", "go_fast", "acceleration", "safety_checker"],
    "EaselFluxFill": [
        "second_model", "count", "output_quality", "megapixels", "acceleration", "safety_checker", "loras",
    ],
    "EaselFluxExpand": [
        "second_model", "count", "output_quality", "megapixels", "acceleration", "safety_checker", "loras", "mode",
    ],
    "EaselFluxErase": [],
    "EaselFluxControl": [
        "count", "output_quality", "megapixels", "acceleration", "safety_checker", "loras",
    ],
    "EaselFluxRedux": ["count", "output_quality", "megapixels", "acceleration", "safety_checker", "interval"],
    "EaselFluxReimagine": [
        "count", "steps", "guidance", "second_model", "output_quality", "megapixels", "go_fast", "acceleration",
        "safety_checker",
    ],
}  # fmt: skip


@pytest.fixture
def keys(host: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[dict[str, str]]:
    """The environment in which the nodes look for keys; empty, and no sandbox."""
    from easel.nodes.hosted import buying

    environment: dict[str, str] = {}
    providers = {one.account.name: one for one in (provider() for provider in PROVIDERS)}
    engine = Engine(tmp_path, providers, look_at, lambda: "http://127.0.0.1:1", environment)
    monkeypatch.setattr(buying, "engine", lambda: engine)
    yield environment
    engine.stop()


@pytest.fixture
def schemas(host: Any) -> dict[str, Any]:
    from easel.nodes.hosted.flux.nodes import NODES

    return {node.GET_SCHEMA().node_id: node.GET_SCHEMA() for node in NODES}


@pytest.mark.parametrize("node_id", LATER)
def test_what_was_saved_before_there_were_routes_still_loads(schemas, node_id):
    inputs = {entry.id: entry for entry in schemas[node_id].inputs}
    assert list(inputs)[len(inputs) - len(LATER[node_id]) :] == LATER[node_id]
    assert all(inputs[name].optional for name in LATER[node_id])
    assert {"BFL", BEST} <= set(inputs["route"].options)
    assert inputs["route"].default == BEST


def test_a_route_with_a_key_can_be_bought_from(keys):
    from easel.nodes.hosted.flux.nodes.shared import routes_with_key

    assert routes_with_key("default") == []
    keys |= {"FAL_KEY": "a-key-of-fal:secret", "REPLICATE_API_TOKEN__STUDIO": "r8_a-key-of-the-studio"}
    assert routes_with_key("default") == ["fal"]
    assert routes_with_key("studio") == ["replicate"]


def test_in_the_sandbox_every_route_can_be_bought_from(keys, monkeypatch):
    from easel.nodes.hosted.flux.nodes.shared import routes_with_key

    monkeypatch.setenv("EASEL_SANDBOX", "1")
    assert routes_with_key("default") == ["bfl", "replicate", "fal"]


def test_a_node_runs_again_once_it_may_buy_elsewhere_and_only_then(keys):
    from easel.nodes.hosted.flux.nodes import EaselFluxGenerate

    def fingerprint(route: str) -> str:
        return EaselFluxGenerate.fingerprint_inputs(route=route, seed=0, key_profile="default")

    keys["FAL_KEY"] = "a-key-of-fal:secret"
    at_fal, best = fingerprint("fal"), fingerprint(BEST)
    assert fingerprint("BFL") != at_fal
    keys["BFL_API_KEY"] = "a-key-of-bfl"
    assert fingerprint(BEST) != best
    assert fingerprint("fal") == at_fal
    assert "key-of" not in fingerprint(BEST)
    drawn = {EaselFluxGenerate.fingerprint_inputs(route="fal", seed=-1) for _ in range(2)}
    assert len(drawn) == 2


def test_a_picture_of_the_sandbox_does_not_pass_for_a_bought_one(keys, monkeypatch):
    from easel.nodes.hosted.flux.nodes import EaselFluxGenerate

    keys |= {"FAL_KEY": "a-key-of-fal:secret", "BFL_API_KEY": "a-key-of-bfl", "REPLICATE_API_TOKEN": "r8_a-key"}
    for route in ("fal", BEST):
        live = EaselFluxGenerate.fingerprint_inputs(route=route, seed=0)
        with monkeypatch.context() as patch:
            patch.setenv("EASEL_SANDBOX", "1")
            assert EaselFluxGenerate.fingerprint_inputs(route=route, seed=0) != live


@pytest.mark.parametrize(
    ("route", "profile", "bought_from"),
    [
        (BEST, "default", "fal"),
        (BEST, "studio", "replicate"),
        ("BFL", "default", "bfl"),
        ("Replicate", "default", "replicate"),
    ],
)
async def test_the_route_is_the_one_chosen_or_one_with_a_key_in_the_profile_that_pays(
    keys, monkeypatch, route, profile, bought_from
):
    from easel.nodes.hosted.flux.nodes import EaselFluxGenerate

    async def asked(request: FluxRequest, _choices: Choices) -> FluxRequest:
        return request

    keys |= {"FAL_KEY": "a-key-of-fal:secret", "REPLICATE_API_TOKEN__STUDIO": "r8_a-key-of-the-studio"}
    monkeypatch.setattr(EaselFluxGenerate, "pictures_of", asked)
    fields = {"model": "flux-2-pro", "prompt": "x", "aspect_ratio": "1:1"}
    made = await EaselFluxGenerate.make(Choices(profile=profile), route=route, **fields)
    assert made.provider == bought_from


def outcome_of(
    provider: str, size: tuple[int, int] = (1024, 1024), *, reused: bool = False, **parameters: Any
) -> Outcome:
    record = {"provider": provider, "model": "flux-2-pro", "parameters": parameters, "take": 7, "seed": None}
    return Outcome(record, (Delivered(b"", "image/png", *size),), "", {}, (), Decimal(0), reused)


CHOICE = "Route: BFL, the best of them."


@pytest.mark.parametrize(
    ("outcome", "lines"),
    [
        (outcome_of("bfl", seed=0), [CHOICE]),
        (outcome_of("fal", seed=0), ["Route: fal, because BFL cannot do this with flux-2-pro."]),
        (outcome_of("fal", seed=0, reused=True), ["Route: fal, where it was bought before."]),
        (outcome_of("bfl"), ["seed 7 (it only tells takes apart: this model draws without one)", CHOICE]),
        (outcome_of("bfl", (1008, 992), seed=0), ["The model made 1008x992 of the 1024x1024 asked.", CHOICE]),
        (None, [CHOICE]),
    ],
)
def test_the_report_says_where_it_came_from_how_large_it_is_and_which_number_gives_it_again(host, outcome, lines):
    from easel.nodes.hosted.flux.nodes.shared import _said

    request = FluxGenerate.build(model="flux-2-pro", prompt="x", aspect_ratio="1:1", choice=CHOICE)
    assert list(_said(Bought(outcome, [], ""), request)) == lines


@pytest.mark.parametrize(
    ("inputs", "words"),
    [
        ({"model": "flux-2-klein-9b", "route": BEST}, "Route: fal, the best of BFL $0.015, fal $0.01."),
        ({"model": "flux-2-klein-9b", "route": "BFL"}, "flux-2-klein-9b"),
        # As it was exported before there were other routes.
        ({"model": "flux-dev", "route": "BFL"}, "flux-dev"),
    ],
)
def test_the_report_says_which_route_it_was_and_why(comfy, inputs, words):
    usual = {"prompt": "a red circle", "seed": 0, "aspect_ratio": "custom", "width": 256, "height": 256}
    released = {"resolution": "default", "grounding": False, "raw": False, "output_format": "png", "safety_tolerance": 2,
                "prompt_upsampling": "default", "steps": 0, "guidance": 0.0, "end_user": "",
                "on_refusal": "stop with an error", "second_model": "flux-2-max", "key_profile": "default"}  # fmt: skip
    node = {"class_type": "EaselFluxGenerate", "inputs": {**usual, **released, **inputs}}
    save = {"class_type": "EaselSavePictures", "inputs": {"images": ["1", 0], "filename_prefix": "easel/route",
                                                          "format": "png", "quality": 92}}  # fmt: skip
    report = comfy.run({"1": node, "2": save})["outputs"]["1"]["text"][0]
    assert words in report
    assert ("Route:" in report) == (inputs["route"] == BEST)
