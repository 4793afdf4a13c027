"""Midjourney's nodes in a real ComfyUI: what they hand on, and what they say."""

from __future__ import annotations

import itertools
import json
from typing import Any

import numpy as np
import pytest
from PIL import Image

from support.comfy import ROOT, ComfyServer, failures

IMAGINE = json.loads((ROOT / "workflows/api/midjourney-imagine.json").read_text(encoding="utf-8"))
INPUTS: dict[str, Any] = next(
    one["inputs"] for one in IMAGINE.values() if one["class_type"] == "EaselMidjourneyImagine"
)
CHOICES = {"take": 0, "on_refusal": "stop with an error", "key_profile": "default"}
TAKES = itertools.count(1)


def imagine(prompt: str, **changes: Any) -> dict[str, Any]:
    """A grid that no other test has asked for; small, because version 3's are."""
    changes = {"version": "3", "take": next(TAKES), "stylize": 100, "no": "", **changes}
    return {"class_type": "EaselMidjourneyImagine", "inputs": {**INPUTS, "prompt": prompt, **changes}}


def after(node: str, task: Any, **inputs: Any) -> dict[str, Any]:
    return {"class_type": f"EaselMidjourney{node}", "inputs": {**CHOICES, "task": task, **inputs}}


def save(source: str, output: int, name: str) -> dict[str, Any]:
    inputs = {"images": [source, output], "filename_prefix": f"easel/{name}", "format": "png", "quality": 90}
    return {"class_type": "EaselSavePictures", "inputs": inputs}


def pixels(server: ComfyServer, entry: dict[str, Any], node: str) -> list[np.ndarray]:
    images = entry["outputs"][node]["images"]
    return [np.asarray(Image.open(server.output_dir / one["subfolder"] / one["filename"])) for one in images]


def test_the_four_are_the_grid_cut_to_the_pixel_and_so_is_the_one_that_is_upscaled(comfy):
    graph = {"1": imagine("a red circle"), "2": after("Upscale", ["1", 2], which="2")}
    graph |= {"3": save("1", 0, "grid"), "4": save("1", 1, "four"), "5": save("2", 0, "one")}
    entry = comfy.run(graph)
    assert failures(entry) == []
    (grid,), four, (one,) = (pixels(comfy, entry, node) for node in ("3", "4", "5"))
    height, width = grid.shape[0] // 2, grid.shape[1] // 2
    assert (np.concatenate([np.concatenate(four[:2], 1), np.concatenate(four[2:], 1)]) == grid).all()
    assert (one == grid[:height, width:]).all()
    assert "prompt: a red circle --v 3" in entry["outputs"]["1"]["text"][0]
    # The editor has a small picture of the grid to choose from.
    (shown,) = entry["outputs"]["1"]["easel_grid"]
    assert max(Image.open(comfy.base / "temp" / shown["filename"]).size) <= 512


def test_several_grids_come_as_a_list_that_each_node_maps_over(comfy):
    graph = {"1": imagine("a star", repeat=2), "2": after("Upscale", ["1", 2], which="1"), "3": save("2", 0, "each")}
    entry = comfy.run(graph)
    assert failures(entry) == []
    first, second = pixels(comfy, entry, "3")
    assert (first != second).any()


@pytest.mark.parametrize(
    ("graph", "sentence"),
    [
        ({"1": imagine("a star", version="7", stop=50), "2": save("1", 0, "x")}, "version 7 has no --stop: 6.1, 6"),
        ({"1": after("Upscale", "my task", which="1"), "2": save("1", 0, "x")}, "The input task is no Midjourney task"),
        ({"1": imagine("a forbidden star"), "2": save("1", 0, "x")}, 'refused the word "forbidden"'),
    ],
    ids=["a parameter that the version lacks", "no task", "a banned word"],
)
def test_a_refusal_is_a_sentence_on_the_node(comfy, graph, sentence):
    (failure,) = failures(comfy.run(graph))
    assert failure["node_id"] == "1" and sentence in failure["exception_message"]


def test_a_refusal_can_rest_its_own_branch(comfy):
    graph = {"1": imagine("a forbidden star", on_refusal="block this branch"), "2": save("1", 1, "x")}
    graph |= {"3": imagine("a star"), "4": save("3", 1, "y")}
    entry = comfy.run(graph)
    assert failures(entry) == []
    assert "2" not in entry["outputs"] and len(entry["outputs"]["4"]["images"]) == 4
