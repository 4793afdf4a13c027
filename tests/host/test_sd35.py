"""Stable Diffusion 3.5 in a real ComfyUI, with a small trained model whose pictures can be judged."""

import os
import subprocess
import sys
import time

import numpy as np
import pytest
from PIL import Image

from support import tiny_sd35 as tiny
from support.comfy import ROOT, PromptRefused, failures

STEPS = {"steps": 10, "cfg": 3.0, "sampler": "euler", "scheduler": "normal", "negative": ""}


def loader(**choices):
    inputs = {
        "model_name": tiny.STANDS_FOR,
        "clip_l": "automatic",
        "clip_g": "automatic",
        "t5xxl": "automatic",
        "vae_name": "automatic",
    }
    return {"class_type": "EaselLoadSd35", "inputs": inputs | {"t5_tokens": "77, as ComfyUI"} | choices}


def one_box(prompt, seed=0, model=None, **inputs):
    wish = {
        "model": ["1", 0],
        "clip": ["1", 1],
        "vae": ["1", 2],
        "prompt": prompt,
        "seed": seed,
        "width": 128,
        "height": 128,
    }
    return {
        "1": model or loader(),
        "2": {"class_type": "EaselSd35TextToImage", "inputs": wish | {"batch": 1} | STEPS | inputs},
        "3": {"class_type": "SaveImage", "inputs": {"images": ["2", 0], "filename_prefix": "sd35"}},
    }


def with_core_nodes(prompt, seed=0):
    return {
        "1": loader(),
        "4": {"class_type": "CLIPTextEncode", "inputs": {"clip": ["1", 1], "text": prompt}},
        "5": {"class_type": "CLIPTextEncode", "inputs": {"clip": ["1", 1], "text": ""}},
        "6": {"class_type": "EmptySD3LatentImage", "inputs": {"width": 128, "height": 128, "batch_size": 1}},
        "7": {
            "class_type": "KSampler",
            "inputs": {
                "model": ["1", 0],
                "positive": ["4", 0],
                "negative": ["5", 0],
                "latent_image": ["6", 0],
                "seed": seed,
                "steps": STEPS["steps"],
                "cfg": STEPS["cfg"],
                "sampler_name": "euler",
                "scheduler": "normal",
                "denoise": 1.0,
            },
        },
        "8": {"class_type": "VAEDecode", "inputs": {"samples": ["7", 0], "vae": ["1", 2]}},
        "3": {"class_type": "SaveImage", "inputs": {"images": ["8", 0], "filename_prefix": "sd35"}},
    }


@pytest.fixture(scope="module", autouse=True)
def models(comfy):
    """Beside the checkpoint: the diffusers folder, separate files, and files that are something else."""
    from safetensors.torch import load_file
    from torch import zeros

    tiny.lay_folder_into(comfy.base)
    whole = load_file(comfy.base / "models/checkpoints" / tiny.STANDS_FOR)
    places = {
        "model.diffusion_model.": "diffusion_models/sd3.5_split.safetensors",
        "text_encoders.clip_l.transformer.": "text_encoders/clip_l.safetensors",
        "text_encoders.clip_g.transformer.": "text_encoders/clip_g.safetensors",
        "first_stage_model.": "vae/sd3.5_vae.safetensors",
    }
    for prefix, place in places.items():
        path = comfy.base / "models" / place
        path.parent.mkdir(parents=True, exist_ok=True)
        tiny.save({name.removeprefix(prefix): value for name, value in whole.items() if name.startswith(prefix)}, path)
    stranger = {"model.diffusion_model.double_blocks.0.img_attn.qkv.weight": zeros(3, 1)}
    tiny.save(stranger, comfy.base / "models/checkpoints/flux.safetensors")


def picture(comfy, graph):
    entry = comfy.run(graph, timeout=120)
    assert failures(entry) == []
    (path,) = comfy.saved(entry)
    return np.asarray(Image.open(path).convert("RGB"))


def failure(comfy, graph):
    (error,) = failures(comfy.run(graph))
    return error["exception_message"]


@pytest.fixture(scope="module")
def circle(comfy, models):
    return picture(comfy, one_box("a red circle on a blue background"))


def test_the_shape_and_the_colours_asked_for_are_drawn(comfy, circle):
    assert circle.shape == (128, 128, 3)
    assert tiny.colours(circle) == ("red", "blue")
    assert tiny.roundness(circle) > 0.85
    square = picture(comfy, one_box("a yellow square on a purple background"))
    assert tiny.colours(square) == ("yellow", "purple")
    assert tiny.roundness(square) < tiny.roundness(circle) - 0.05


def test_core_s_own_nodes_draw_the_same_picture(comfy, circle):
    assert np.array_equal(picture(comfy, with_core_nodes("a red circle on a blue background")), circle)


def test_separate_files_draw_the_same_picture(comfy, circle):
    split = loader(model_name="sd3.5_split.safetensors")
    drawn = picture(comfy, one_box("a red circle on a blue background", model=split))
    # Weights that begin at other places in memory are summed in another order.
    assert np.abs(drawn.astype(int) - circle).max() <= 2


def test_a_diffusers_folder_is_opened(comfy):
    folder = loader(model_name=tiny.FOLDER.name)
    drawn = picture(comfy, one_box("a white star on a green background", model=folder, width=0, height=0))
    assert drawn.shape == (128, 128, 3)
    assert tiny.colours(drawn) == ("white", "green")


def test_image_to_image_changes_the_colours_and_little_else(comfy, circle):
    graph = one_box("a red circle on a blue background")
    wish = {name: value for name, value in graph["2"]["inputs"].items() if name not in ("width", "height", "batch")}
    wish |= {"image": ["2", 0], "prompt": "a yellow circle on a green background", "denoise": 0.9}
    graph["4"] = {"class_type": "EaselSd35ImageToImage", "inputs": wish}
    graph["3"]["inputs"]["images"] = ["4", 0]
    assert tiny.colours(picture(comfy, graph)) == ("yellow", "green")
    wish["denoise"] = 0.0
    same = picture(comfy, graph)
    assert np.abs(same.astype(int) - circle).mean() < 6


def test_a_lora_changes_the_style(comfy, circle):
    graph = one_box("a red circle on a blue background")
    wish = {"model": ["1", 0], "lora_name": tiny.LORA_NAME, "strength": 1.0, "clip_strength": 1.0}
    graph["4"] = {"class_type": "EaselSd35ApplyLora", "inputs": wish}
    graph["2"]["inputs"]["model"] = ["4", 0]
    outlined = picture(comfy, graph)
    assert tiny.colours(outlined) == ("blue", "blue")
    reddish = (outlined[..., 0] > 150) & (outlined[..., 2] < 100)
    filled = (circle[..., 0] > 150) & (circle[..., 2] < 100)
    assert 20 < reddish.sum() < 0.8 * filled.sum()
    wish["strength"] = 0.0
    assert np.array_equal(picture(comfy, graph), circle)


def test_a_run_that_was_stopped_leaves_the_next_one_as_it_was(comfy, circle):
    for steps in (400, 401):
        started = comfy.post_prompt(one_box("a red circle on a blue background", seed=5, steps=steps))
        while comfy.get("/queue").body["queue_running"] == []:
            time.sleep(0.02)
        time.sleep(0.2)
        comfy.interrupt()
        entry = comfy.wait(started)
        assert [name for name, _ in entry["status"]["messages"]][-1] == "execution_interrupted"
    # So that nothing comes out of the host's cache.
    comfy.post("/free", {"unload_models": True, "free_memory": True})
    assert np.array_equal(picture(comfy, one_box("a red circle on a blue background")), circle)


def test_a_missing_model_says_where_to_put_which_file(comfy):
    with pytest.raises(PromptRefused, match="Download it from https") as caught:
        comfy.post_prompt(one_box("x", model=loader(model_name="sd3.5_large_turbo.safetensors")))
    assert str(comfy.base / "models" / "checkpoints") in str(caught.value)


def test_another_model_s_file_is_refused_with_what_it_is(comfy):
    said = failure(comfy, one_box("x", model=loader(model_name="flux.safetensors")))
    assert said.startswith('"flux.safetensors" is a FLUX model; open it with Load Diffusion Model.')


def test_a_size_beyond_the_model_is_refused_before_anything_is_drawn(comfy):
    assert "sides of up to 512 pixels" in failure(comfy, one_box("x", width=1024, height=128))


def test_the_schemas_are_made_without_diffusers(comfy):
    code = (
        "import sys, comfy.cli_args; comfy.cli_args.args.cpu = True; from support.pack import load_pack; load_pack()\n"
    )
    code += "from easel.nodes.local.sd35.nodes import NODES; [node.GET_SCHEMA() for node in NODES]\n"
    code += "sys.exit('diffusers' in sys.modules)"
    env = os.environ | {"PYTHONPATH": os.pathsep.join([str(comfy.comfyui), str(ROOT / "tests")])}
    assert (
        subprocess.run([sys.executable, "-c", code], env=env, cwd=comfy.base, timeout=120, check=False).returncode == 0
    )


# ControlNets and LoRAs in stacks


@pytest.fixture(scope="module")
def sketch(comfy):
    """A square off the middle, in other colours than those asked for: its edges are what is followed."""
    picture = np.full((128, 128, 3), (25, 55, 215), np.uint8)
    picture[44:96, 62:114] = (250, 230, 20)
    folder = comfy.base / "input"
    folder.mkdir(exist_ok=True)
    Image.fromarray(picture).save(folder / "sketch.png")
    return "sketch.png"


def control(sketch, strength=1.0, **net):
    """Edges, and the ControlNet that follows them, in a stack: nodes 20 to 23."""
    rules = {"takes": "automatic", "rules": "as the net was trained"}
    prepared = {"kind": "canny", "low_threshold": 0.3, "high_threshold": 0.6, "blur": 5.0, "near": "white"}
    prepared |= {"depth_model": "the image is a depth picture", "width": 0, "height": 0, "image": ["20", 0]}
    stacked = {"control_net": ["22", 0], "image": ["21", 0], "strength": strength, "start": 0.0, "end": 1.0}
    return {
        "20": {"class_type": "LoadImage", "inputs": {"image": sketch}},
        "21": {"class_type": "EaselSd35PrepareControl", "inputs": prepared},
        "22": {
            "class_type": "EaselSd35LoadControlNet",
            "inputs": {"control_name": tiny.CONTROL_NAME} | rules | net,
        },
        "23": {"class_type": "EaselSd35ControlNetStack", "inputs": stacked},
    }


def square_filled(drawn):
    """How much of the sketch's square has another colour than the frame, and how much of the rest."""
    ground = np.median(np.concatenate([drawn[:4].reshape(-1, 3), drawn[-4:].reshape(-1, 3)]), 0)
    marked = np.abs(drawn.astype(int) - ground).sum(2) > 150
    square = np.zeros((128, 128), bool)
    square[44:96, 62:114] = True
    return (marked & square).sum() / (marked | square).sum()


@pytest.fixture(scope="module")
def followed(comfy, sketch, models):
    return picture(comfy, one_box("a red square on a white background", controls=["23", 0]) | control(sketch))


def test_the_edges_of_a_picture_are_followed_in_the_colours_asked_for(comfy, sketch, followed):
    assert tiny.colours(np.roll(followed, (-6, -24), (0, 1)))[0] == "red"
    assert tiny.colours(followed)[1] == "white"
    graph = one_box("a red square on a white background", controls=["23", 0]) | control(sketch, strength=0.0)
    alone = picture(comfy, graph)
    assert square_filled(followed) > 0.8
    assert square_filled(alone) < 0.6


def test_core_s_own_nodes_follow_the_same_edges(comfy, sketch, followed):
    """Core's loader for the net, its Apply ControlNet and its KSampler."""
    graph = with_core_nodes("a red square on a white background") | control(sketch)
    applied = {
        "positive": ["4", 0],
        "negative": ["5", 0],
        "control_net": ["22", 0],
        "image": ["21", 0],
        "vae": ["1", 2],
    }
    applied |= {"strength": 1.0, "start_percent": 0.0, "end_percent": 1.0}
    graph["24"] = {"class_type": "ControlNetApplyAdvanced", "inputs": applied}
    graph["7"]["inputs"] |= {"positive": ["24", 0], "negative": ["24", 1]}
    assert np.array_equal(picture(comfy, graph), followed)
    graph["22"] = {"class_type": "ControlNetLoader", "inputs": {"control_net_name": tiny.CONTROL_NAME}}
    assert np.array_equal(picture(comfy, graph), followed)


def test_a_diffusers_folder_follows_the_edges_too(comfy, sketch):
    graph = one_box("a red square on a white background", model=loader(model_name=tiny.FOLDER.name), controls=["23", 0])
    drawn = picture(comfy, graph | control(sketch, control_name=tiny.CONTROL.name))
    assert square_filled(drawn) > 0.8


def test_loras_in_a_stack_add_up(comfy, circle):
    def lora(strength, **stack):
        wish = {"lora_name": tiny.LORA_NAME, "strength": strength, "clip_strength": 1.0}
        return {"class_type": "EaselSd35LoraStack", "inputs": wish | stack}

    asked = "a red circle on a blue background"
    stacked = one_box(asked, loras=["31", 0]) | {"30": lora(0.7), "31": lora(0.3, loras=["30", 0])}
    outlined = picture(comfy, stacked)
    applied = one_box(asked) | {"30": lora(0.7)}
    wish = {"model": ["1", 0], "loras": ["30", 0], "lora_name": tiny.LORA_NAME, "strength": 0.3, "clip_strength": 1.0}
    applied["31"] = {"class_type": "EaselSd35ApplyLora", "inputs": wish}
    applied["2"]["inputs"]["model"] = ["31", 0]
    assert np.array_equal(picture(comfy, applied), outlined)
    assert tiny.colours(outlined) == ("blue", "blue")
    reddish = [(drawn[..., 0] > 150) & (drawn[..., 2] < 100) for drawn in (outlined, circle)]
    assert 20 < reddish[0].sum() < 0.8 * reddish[1].sum()


def test_a_missing_controlnet_says_where_to_put_which_file(comfy, sketch):
    graph = one_box("x", controls=["23", 0]) | control(sketch, control_name="sd3.5_large_controlnet_blur.safetensors")
    with pytest.raises(PromptRefused, match="Download it from https") as caught:
        comfy.post_prompt(graph)
    assert str(comfy.base / "models" / "controlnet") in str(caught.value)


def test_another_file_than_a_controlnet_is_refused_with_what_it_is(comfy, sketch):
    whole = comfy.base / "models/checkpoints" / tiny.STANDS_FOR
    (comfy.base / "models/controlnet/not-a-net.safetensors").write_bytes(whole.read_bytes())
    said = failure(comfy, one_box("x", controls=["23", 0]) | control(sketch, control_name="not-a-net.safetensors"))
    assert said.startswith('"not-a-net.safetensors" is a Stable Diffusion 3.5 model; put it into models/checkpoints')
