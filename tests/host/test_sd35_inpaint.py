"""Inpainting and outpainting in a real ComfyUI, with the small trained model; the pictures are judged as they were saved."""

import time

import numpy as np
import pytest
from PIL import Image

from support import tiny_sd35 as tiny
from support.comfy import failures

LOADER = {
    "model_name": tiny.STANDS_FOR,
    **dict.fromkeys(("clip_l", "clip_g", "t5xxl", "vae_name"), "automatic"),
    "t5_tokens": "77, as ComfyUI",
}
MODEL = {"model": ["1", 0], "clip": ["1", 1], "vae": ["1", 2]}
STEPS = {"seed": 0, "steps": 10, "cfg": 3.0, "negative": "", "sampler": "euler", "scheduler": "normal"}
CIRCLE = {"prompt": "a red circle on a blue background", "width": 128, "height": 128, "batch": 1}


def node(kind, **inputs):
    return {"class_type": kind, "inputs": inputs}


def saved(graph, **pictures):
    """The graph with a picture saved of each of these outputs."""
    for place, (name, output) in enumerate(pictures.items()):
        graph[str(90 + place)] = node("SaveImage", images=output, filename_prefix=name)
    return graph


def start():
    return {"1": node("EaselLoadSd35", **LOADER), "2": node("EaselSd35TextToImage", **MODEL, **CIRCLE, **STEPS)}


def inpainting(**changed):
    """A mask of 88 x 84 pixels by the host's own nodes, and a star in it."""
    wish = {"prompt": "a yellow star on a blue background", "denoise": 1.0, "grow": 0, "feather": 6, "context": 50}
    wish |= {"resolution": 128, "differential": False}
    return start() | {
        "3": node("SolidMask", value=0.0, width=128, height=128),
        "4": node("SolidMask", value=1.0, width=88, height=84),
        "5": node("MaskComposite", destination=["3", 0], source=["4", 0], x=20, y=22, operation="add"),
        "6": node("EaselSd35Inpaint", **MODEL, image=["2", 0], **({"mask": ["5", 0]} | STEPS | wish | changed)),
    }


def pictures(comfy, graph):
    """By the names they were saved under."""
    entry = comfy.run(graph, timeout=120)
    assert failures(entry) == []
    return {path.name.split("_")[0]: np.asarray(Image.open(path).convert("RGB")) for path in comfy.saved(entry)}


@pytest.fixture(scope="module")
def changed(comfy):
    return pictures(comfy, saved(inpainting(), before=["2", 0], after=["6", 0]))


def test_what_is_asked_for_appears_in_the_mask_and_nothing_else_changes(changed):
    before, after = changed["before"], changed["after"]
    assert tiny.colours(before) == ("red", "blue")
    assert tiny.colours(after) == ("yellow", "blue")
    outside = np.ones((128, 128), bool)
    outside[22:106, 20:108] = False
    assert np.array_equal(after[outside], before[outside])


def test_the_rest_of_the_graph_can_go_on_with_the_latents(comfy, changed):
    again = node("VAEDecode", samples=["6", 1], vae=["1", 2])
    decoded = pictures(comfy, saved(inpainting() | {"7": again}, decoded=["7", 0]))["decoded"]
    # The mask reaches to 20 pixels from the border, and fades over 6.
    inside = slice(30, 98)
    assert np.abs(decoded[inside, inside].astype(int) - changed["after"][inside, inside]).max() <= 1


def test_a_picture_is_continued_and_stays_as_it_is(comfy):
    wish = {"prompt": CIRCLE["prompt"], "extend_by": "pixels", "aspect_ratio": "1:1", "width": 1, "height": 1}
    wish |= dict.fromkeys(("left", "top", "right", "bottom"), 24) | {"anchor": "centre", "multiple_of": "1"}
    wish |= {"blend": 0, "denoise": 1.0, "fill": "edge", "context": 50, "resolution": 128}
    graph = start() | {
        "3": node("ImageScale", image=["2", 0], upscale_method="area", width=80, height=80, crop="disabled"),
        "4": node("EaselSd35Outpaint", **MODEL, image=["3", 0], **(STEPS | wish)),
    }
    found = pictures(comfy, saved(graph, before=["3", 0], after=["4", 0]))
    before, after = found["before"], found["after"]
    assert after.shape == (128, 128, 3)
    assert np.array_equal(after[24:104, 24:104], before)
    assert tiny.colours(after) == ("red", "blue")
    # All round, from the border to the seam, there is the ground and nothing else.
    blue = np.array(tiny.PALETTE["blue"])
    frame = np.ones((128, 128), bool)
    frame[24:104, 24:104] = False
    assert (np.abs(after[frame].astype(int) - blue).max(1) < 64).mean() > 0.95


def test_a_run_that_was_stopped_leaves_the_next_one_as_it_was(comfy, changed):
    started = comfy.post_prompt(saved(inpainting(steps=400, seed=3), after=["6", 0]))
    while comfy.get("/queue").body["queue_running"] == []:
        time.sleep(0.02)
    time.sleep(0.2)
    comfy.interrupt()
    entry = comfy.wait(started)
    assert [name for name, _ in entry["status"]["messages"]][-1] == "execution_interrupted"
    # So that nothing comes out of the host's cache.
    comfy.post("/free", {"unload_models": True, "free_memory": True})
    assert np.array_equal(pictures(comfy, saved(inpainting(), after=["6", 0]))["after"], changed["after"])


def test_an_empty_mask_is_refused_in_a_sentence(comfy):
    graph = saved(inpainting(mask=["3", 0]), after=["6", 0])
    (error,) = failures(comfy.run(graph))
    assert error["exception_message"].startswith("The mask marks nothing, so there is nothing to paint.")
