"""Checking, laying out and comparing pictures in a real ComfyUI: lists go in whole, and what failed goes its own way."""

import json

import pytest

from support.comfy import failures
from support.pack import ROOT

CHECK = {
    "smallest_side": 0,
    "aspect": "",
    "aspect_tolerance": 2.0,
    "contrast": 2.0,
    "sharpness": 0.0,
    "likeness": 4,
    "on_failure": "let only the good ones on",
}
SHEET = {
    "title": "",
    "columns": 0,
    "cell": 96,
    "lines": 2,
    "show_prompt": True,
    "show_model": True,
    "show_cost": True,
    "show_seed": True,
    "theme": "dark",
}
WORDS = {"base": "a red __shape__", "lists": "shape: circle, star", "combine": "every combination", "picks": 8}


def node(kind, **inputs):
    return {"class_type": kind, "inputs": inputs}


def save(images, prefix):
    return node("EaselSavePictures", images=images, filename_prefix=prefix, format="png", quality=90)


def shipped(workflow, kind, **changes):
    """The node of that kind in a shipped workflow, with other inputs."""
    api = json.loads((ROOT / f"workflows/api/{workflow}.json").read_text(encoding="utf-8"))
    found = next(entry for entry in api.values() if entry["class_type"] == kind)
    return node(kind, **{**found["inputs"], **changes})


def bought(prompt):
    return shipped("product-shots-batch", "EaselFluxGenerate", prompt=prompt)


@pytest.fixture
def checked():
    """Two bought pictures and two blank ones, of other sizes, through one check."""
    return {
        "words": node("EaselPromptVariations", **WORDS, seed=0, limit=8),
        "flux": bought(["words", 0]),
        "blank": node("EmptyImage", width=64, height=64, batch_size=2, color=128),
        "all": node("RebatchImages", images=["blank", 0], batch_size=1),
        "check": node("EaselQualityCheck", images=["flux", 0], **CHECK),
        "check_blank": node("EaselQualityCheck", images=["all", 0], **CHECK),
        "good": save(["check", 0], "check/good"),
        "none": save(["check_blank", 0], "check/none"),
        "bad": save(["check_blank", 2], "check/bad"),
    }


def test_good_and_bad_pictures_part_ways_and_what_gets_nothing_rests(comfy, checked):
    entry = comfy.run(checked)
    assert failures(entry) == []
    assert len(entry["outputs"]["good"]["images"]) == 2
    assert len(entry["outputs"]["bad"]["images"]) == 2
    assert "none" not in entry["outputs"]
    assert entry["outputs"]["check_blank"]["text"][0].startswith("0 of 2 passed\nPicture 1: It is blank")


def test_a_check_can_stop_the_run_with_its_reasons(comfy, checked):
    checked["check_blank"]["inputs"]["on_failure"] = "stop with an error"
    (failure,) = failures(comfy.run(checked))
    assert "0 of 2 passed" in failure["exception_message"] and "blank" in failure["exception_message"]


def test_a_sheet_knows_what_was_bought_and_a_comparison_adds_up(comfy):
    entry = comfy.run(
        {
            "words": node("EaselPromptVariations", **WORDS, seed=0, limit=8),
            "flux": bought(["words", 0]),
            "gpt": shipped("hero-images-in-three-styles", "EaselGptImageGenerate", prompt=["words", 0]),
            "sheet": node("EaselContactSheet", images=["flux", 0], labels=["words", 1], **SHEET),
            "compare": node(
                "EaselCompare", a=["flux", 0], b=["gpt", 0], names="\nMini", title="", cell=96, theme="light"
            ),
            "told": node("PreviewAny", source=["compare", 2]),
            "table": node("PreviewAny", source=["compare", 1]),
            "kept": save(["sheet", 0], "sheets/sheet"),
            "both": save(["compare", 0], "sheets/both"),
        }
    )
    assert failures(entry) == []
    assert (
        "2 pictures on" in entry["outputs"]["sheet"]["text"][0]
        and "bought for $" in entry["outputs"]["sheet"]["text"][0]
    )
    lines = [json.loads(line) for line in entry["outputs"]["told"]["text"][0].splitlines()]
    assert [line["contender"] for line in lines] == ["flux-2-klein-4b", "Mini"] * 2
    assert [line["prompt"] for line in lines] == ["a red circle"] * 2 + ["a red star"] * 2
    rows = entry["outputs"]["table"]["text"][0].splitlines()
    total = sum(float(row.split(",")[2]) for row in rows[1:])
    assert total == pytest.approx(sum(line["cost_usd"] for line in lines))


def test_pictures_without_a_record_are_compared_too(comfy):
    entry = comfy.run(
        {
            "empty": node("EmptyImage", width=64, height=64, batch_size=1, color=0),
            "compare": node("EaselCompare", a=["empty", 0], b=["empty", 0], names="", title="", cell=96, theme="dark"),
            "kept": save(["compare", 0], "sheets/same"),
        }
    )
    assert failures(entry) == []
    assert "2 models" in entry["outputs"]["compare"]["text"][0]
