"""What a graph will cost, told before it runs: by the nodes' own code, without asking anybody anything."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from support.comfy import ROOT

FLUX = {
    "model": "flux-2-klein-4b",
    "route": "BFL",
    "seed": 0,
    "aspect_ratio": "1:1",
    "width": 1024,
    "height": 1024,
}
GPT = {"model": "gpt-image-2.5-flare", "size": "1024x1024", "quality": "low", "n": 1}
KLEIN = 0.014


def flux(prompt: Any, **changes: Any) -> dict[str, Any]:
    return {"class_type": "EaselFluxGenerate", "inputs": {**FLUX, "prompt": prompt, **changes}}


def show(*links: Any) -> dict[str, Any]:
    return {"class_type": "PreviewImage", "inputs": {"images": list(links)}}


def prompts(count: int, *, start: int = 0) -> dict[str, Any]:
    table = "\n".join(f"boat number {number}" for number in range(start, start + count))
    inputs = {"file": "the table below", "table": table, "start": 1, "limit": 1000, "seed": 0}
    columns = {f"{use}_column": "" for use in ("prompt", "negative", "seed", "label")}
    return {"class_type": "EaselPromptsFromFile", "inputs": {**inputs, **columns}}


def filled(node: dict[str, Any], kinds: Any) -> dict[str, Any]:
    """The node as the editor would send it: what the test does not name is as it is when it is dropped."""
    declared = kinds[node["class_type"]].INPUT_TYPES()["required"] if node["class_type"] in kinds else {}
    usual = {}
    for name, (kind, *options) in declared.items():
        choices = kind if isinstance(kind, list) else (options[0] if options else {}).get("options")
        default = (options[0] if options else {}).get(
            "default", choices[0] if choices else "" if kind == "STRING" else None
        )
        usual |= {} if default is None else {name: default}
    return {**node, "inputs": {**usual, **node["inputs"]}}


class Desk:
    """Estimates and buys in this process, at the sandbox process."""

    def __init__(self, sandbox: Any) -> None:
        from easel.nodes import host as door
        from easel.nodes import node_classes

        self.sandbox = sandbox
        self.kinds = {**door.node_kinds(), **{kind.GET_SCHEMA().node_id: kind for kind in node_classes()}}

    def estimate(self, graph: dict[str, Any]) -> dict[str, Any]:
        from easel.nodes.hosted.buying import engine
        from easel.nodes.hosted.estimating import estimate

        whole = {name: filled(node, self.kinds) for name, node in graph.items()}
        told: dict[str, Any] = asyncio.run(estimate(whole, engine(), self.kinds))
        json.dumps(told)
        return told

    def buy(self, node: dict[str, Any], **changes: Any) -> Any:
        """Run one node as the host does."""
        from easel.nodes.hosted.estimating_free import called
        from easel.nodes.hosted.estimating_graph import Node

        inputs = {**filled(node, self.kinds)["inputs"], **changes}
        return asyncio.run(called(Node("1", node["class_type"], self.kinds[node["class_type"]], inputs, {}), inputs))


@pytest.fixture
def desk(host: Any, sandbox: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Desk]:
    import folder_paths

    from easel.nodes.hosted import buying

    monkeypatch.setenv("EASEL_SANDBOX", "1")
    monkeypatch.setenv("EASEL_SANDBOX_URL", sandbox.url)
    before = folder_paths.get_user_directory()
    folder_paths.set_user_directory(str(tmp_path))
    buying.engine.cache_clear()
    sandbox.call("POST", "/sandbox/settings", {"latency": 0, "job_seconds": 0})
    yield Desk(sandbox)
    buying.engine().stop()
    buying.engine.cache_clear()
    folder_paths.set_user_directory(before)


def test_nobody_is_asked_and_the_bill_is_what_was_said(desk):
    graph = {"1": flux("a red boat"), "2": show("1", 0)}
    told = desk.estimate(graph)
    assert desk.sandbox.log() == []
    assert told["nodes"]["1"] == {"usd": KLEIN, "kept": False, "runs": 1, "times_known": True, "note": ""}
    assert (told["usd"], told["at_least"], told["kept_usd"], told["sandbox"]) == (KLEIN, False, 0, True)
    desk.buy(graph["1"])
    assert desk.sandbox.charges() == [pytest.approx(told["usd"])]


def test_what_is_kept_is_free_and_what_hangs_on_it_is_told_apart(desk):
    first, second = flux("a blue boat"), {"class_type": "EaselIdeogramUpscale", "inputs": {"image": ["1", 0]}}
    desk.buy(first)
    told = desk.estimate({"1": first, "2": second, "3": show("2", 0)})
    assert told["nodes"]["1"]["kept"] is True and told["nodes"]["1"]["usd"] == 0
    assert told["kept_usd"] == KLEIN
    assert told["nodes"]["2"]["usd"] > 0 and told["nodes"]["2"]["kept"] is False


def test_a_chain_that_was_bought_is_free_to_its_end(desk):
    first = flux("a grey boat")
    edit = {"class_type": "EaselFluxEdit", "inputs": {**FLUX, "image": ["1", 0], "prompt": "at night"}}
    graph = {"1": first, "2": edit, "3": show("2", 0)}
    before = desk.estimate(graph)
    assert before["usd"] > KLEIN and before["at_least"] is False
    bought = desk.buy(first)
    desk.buy(edit, image=bought.args[0][0])
    after = desk.estimate(graph)
    assert (after["usd"], after["kept_usd"]) == (0, pytest.approx(before["usd"]))
    assert after["nodes"]["2"]["kept"] is True
    assert len(desk.sandbox.charges()) == 2


def test_a_list_counts_each_prompt_once_and_says_what_it_has(desk):
    desk.buy(flux("boat number 1"))
    told = desk.estimate(
        {"1": prompts(64), "2": flux(["1", 0]), "3": flux(["1", 0]), "4": show("2", 0), "5": show("3", 0)}
    )
    kept, joined = told["nodes"]["2"], told["nodes"]["3"]
    assert (kept["runs"], kept["times_known"], kept["kept"]) == (64, True, False)
    assert kept["usd"] == pytest.approx(63 * KLEIN) and "1 of 64 are kept" in kept["note"]
    assert joined["usd"] == 0 and "paid once" in joined["note"]
    assert told["usd"] == pytest.approx(63 * KLEIN)


def test_a_random_seed_is_never_kept(desk):
    desk.buy(flux("a boat", seed=-1))
    told = desk.estimate({"1": flux("a boat", seed=-1), "2": show("1", 0)})
    assert told["usd"] == KLEIN


def test_prompts_that_only_the_run_tells_are_said_to_be_unknown(desk):
    describe = {
        "class_type": "EaselMidjourneyDescribe",
        "inputs": {"image": ["1", 0], "take": 0, "on_refusal": "stop with an error"},
    }
    told = desk.estimate({"1": flux("a boat"), "2": describe, "3": flux(["2", 0]), "4": show("3", 0)})
    assert told["nodes"]["3"]["times_known"] is False and told["nodes"]["3"]["usd"] == KLEIN
    assert told["at_least"] is True


def test_pictures_that_may_all_pass_a_check_are_all_priced(desk):
    graph = {
        "p": prompts(3),
        "1": flux(["p", 0]),
        "2": {"class_type": "EaselQualityCheck", "inputs": {"images": ["1", 0]}},
    }
    larger = {"class_type": "EaselUpscale", "inputs": {"image": ["2", 0]}}
    told = desk.estimate(graph | {"3": larger, "4": show("3", 0)})
    assert (told["nodes"]["3"]["runs"], told["at_least"]) == (3, True)


def test_what_is_wrong_is_said_on_its_node_and_the_others_are_priced(desk):
    graph = {
        "1": {"class_type": "EaselGptImageGenerate", "inputs": {**GPT, "prompt": "x", "n": 11}},
        "2": {"class_type": "EaselGptImageEdit", "inputs": {**GPT, "prompt": "x"}},
        "3": flux("a boat"),
        "4": show("1", 0),
        "5": show("2", 0),
        "6": show("3", 0),
    }
    told = desk.estimate(graph)
    assert told["nodes"]["1"]["usd"] is None and "n = 11" in told["nodes"]["1"]["note"]
    assert told["nodes"]["2"]["usd"] is None and "Nothing is connected to" in told["nodes"]["2"]["note"]
    assert (told["usd"], told["at_least"]) == (KLEIN, True)


def test_a_stand_in_is_never_blamed(desk):
    """What another node will make may have any size: a refusal for the stand-in's says nothing."""
    mask = {"class_type": "SomebodysMask", "inputs": {"image": ["1", 0]}}
    picture = {"class_type": "EmptyImage", "inputs": {"width": 640, "height": 480, "batch_size": 1, "color": 0}}
    edit = {"class_type": "EaselGptImageEdit", "inputs": {**GPT, "prompt": "x", "image": ["1", 0], "mask": ["2", 0]}}
    told = desk.estimate({"1": picture, "2": mask, "3": edit, "4": show("3", 0)})
    assert "mask" not in told["nodes"]["3"]["note"]


def test_a_node_that_must_ask_first_says_so(desk):
    model = {"model": "black-forest-labs/flux-schnell", "inputs": '{"prompt": "a boat"}'}
    told = desk.estimate({"1": {"class_type": "EaselAnyReplicateModel", "inputs": model}, "2": show("1", 0)})
    assert desk.sandbox.log() == []
    assert told["usd"] is None and "asked first" in told["nodes"]["1"]["note"]


def test_what_nothing_hangs_on_does_not_run(desk):
    told = desk.estimate({"1": flux("a boat")})
    assert told["usd"] == 0 and told["nodes"]["1"]["usd"] == KLEIN
    assert "will not run" in told["nodes"]["1"]["note"]


def test_a_file_that_was_lost_is_not_promised(desk, tmp_path):
    desk.buy(flux("a boat"))
    for path in (tmp_path / "__easel/pictures/sandbox").rglob("*"):
        if path.is_file():
            path.unlink()
    told = desk.estimate({"1": flux("a boat"), "2": show("1", 0)})
    assert told["usd"] == KLEIN and told["nodes"]["1"]["kept"] is False


@pytest.mark.parametrize(
    "name", ["click-and-edit", "midjourney-grid-and-beyond", "upscale-and-cut-out", "prompt-variations"]
)
def test_every_kind_of_workflow_has_a_price_or_says_why_not(desk, name):
    graph = json.loads((ROOT / f"workflows/api/{name}.json").read_text(encoding="utf-8"))
    told = desk.estimate(graph)
    assert desk.sandbox.log() == []
    for one in told["nodes"].values():
        assert one["usd"] is not None or one["note"]
    assert told["usd"] > 0


def test_two_hundred_nodes_are_priced_to_the_last(desk):
    graph = {str(number): flux(f"boat {number}") for number in range(200)}
    graph |= {f"s{number}": show(str(number), 0) for number in range(200)}
    told = desk.estimate(graph)
    assert told["usd"] == pytest.approx(200 * KLEIN) and told["at_least"] is False


def test_the_route_answers_the_editor_and_nobody_else(comfy, desk):
    graph = {"1": filled(flux("a boat of the route"), desk.kinds), "2": show("1", 0)}
    told = comfy.post("/easel/estimate", {"prompt": graph})
    assert told.status == 200 and told.body["nodes"]["1"]["usd"] == KLEIN
    ring = {"1": flux(["2", 0]), "2": flux(["1", 0])}
    for body, word in (
        ({"prompt": ring}, "circle"),
        ({"prompt": []}, "API format"),
        ({}, "API format"),
        ([], "object"),
    ):
        refused = comfy.post("/easel/estimate", body)
        assert refused.status == 400 and word in refused.body["error"]
    assert comfy.post("/easel/estimate", {"prompt": graph}, headers={"Origin": "http://evil.example"}).status == 403


@pytest.mark.parametrize(
    ("node", "chosen", "size", "left_out"),
    [
        ("EaselFluxGenerate", {"model": "flux-1.1-pro-ultra", "route": "BFL"}, "aspect_ratio", ()),
        (
            "EaselFluxGenerate",
            {"model": "flux-1.1-pro-ultra", "route": "fal"},
            "aspect_ratio",
            ("5:4", "7:5", "2:1", "4:5", "5:7", "1:2"),
        ),
        ("EaselFluxGenerate", {"model": "flux-3-image", "route": "BFL"}, "resolution", ("512sq",)),
        ("EaselGptImageGenerate", {"model": "gpt-image-2"}, "size", ()),
        (
            "EaselGptImageEdit",
            {"model": "gpt-image-1.5"},
            "size",
            ("1920x1088", "1088x1920", "2560x1440", "1440x2560", "3840x2160", "2160x3840"),
        ),
        ("EaselIdeogramRemix", {"model": "V_2"}, "aspect_ratio", ("5:4", "4:5", "2:1", "1:2")),
        ("EaselMidjourneyImagine", {"version": "7"}, "resolution", ("hd", "sd")),
        ("EaselRemoveBackground", {"model": "bria (fal)"}, "size", ("preview", "medium", "hd", "full", "50MP")),
        ("EaselDallE3", {}, "size", ()),
    ],
)
def test_a_size_is_offered_unless_the_model_would_refuse_it(desk, node, chosen, size, left_out):
    from easel.nodes.hosted.buying import engine
    from easel.nodes.hosted.engine.errors import InputRefused
    from easel.nodes.hosted.offering import offered

    told = asyncio.run(offered(desk.kinds[node], chosen, engine()))
    kind, *options = desk.kinds[node].INPUT_TYPES()["required"][size]
    choices = kind if isinstance(kind, list) else options[0]["options"]
    assert told[size] == [one for one in choices if one not in left_out]
    assert desk.sandbox.log() == []
    if left_out and node in ("EaselFluxGenerate", "EaselMidjourneyImagine"):
        with pytest.raises(InputRefused):
            desk.buy({"class_type": node, "inputs": {"prompt": "a boat", **chosen, size: left_out[0]}})


def test_the_route_of_sizes_answers_for_nodes_that_buy(comfy):
    told = comfy.post("/easel/sizes", {"node": "EaselDallE3", "chosen": {}})
    assert (told.status, told.body) == (200, {"size": ["1024x1024", "1792x1024", "1024x1792"]})
    for body, status in (
        ({"node": "KSampler", "chosen": {}}, 404),
        ({"node": 3, "chosen": {}}, 404),
        ({"node": "EaselFluxGenerate"}, 400),
        ({"node": "EaselFluxGenerate", "chosen": {"model": "no such model"}}, 400),
        ({"node": "EaselFluxGenerate", "chosen": {"model": ["1", 0]}}, 400),
        ({"node": "EaselFluxGenerate", "chosen": {"nothing": "fal"}}, 400),
    ):
        refused = comfy.post("/easel/sizes", body)
        assert refused.status == status and refused.body["error"]
