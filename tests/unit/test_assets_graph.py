"""What a graph tells of a picture that was not bought: only what stands there."""

import json

import pytest

from easel.nodes.assets.graph import facts_of
from support.pack import ROOT

LOADER = {"class_type": "CheckpointLoaderSimple", "inputs": {"ckpt_name": "sd35.safetensors"}}
SAVE = {"class_type": "EaselSaveAssets", "inputs": {"images": ["decode", 0], "filename": "a"}}


def words(text):
    return {"class_type": "CLIPTextEncode", "inputs": {"text": text, "clip": ["load", 1]}}


def sampled(**changes):
    sampler = {
        "model": ["lora", 0],
        "positive": ["yes", 0],
        "negative": ["no", 0],
        "latent_image": ["empty", 0],
        "seed": 7,
        "steps": 20,
        "cfg": 4.5,
        "sampler_name": "euler",
        "scheduler": "simple",
        "denoise": 1.0,
    }
    return {
        "load": LOADER,
        "lora": {"class_type": "LoraLoader", "inputs": {"model": ["load", 0], "clip": ["load", 1], "lora_name": "x"}},
        "yes": words("a red cat"),
        "no": words("blur"),
        "empty": {"class_type": "EmptySD3LatentImage", "inputs": {"width": 64, "height": 64, "batch_size": 1}},
        "sample": {"class_type": "KSampler", "inputs": sampler},
        "decode": {"class_type": "VAEDecode", "inputs": {"samples": ["sample", 0], "vae": ["load", 2]}},
        "save": SAVE,
        **changes,
    }


def exported(name):
    graph = json.loads((ROOT / f"workflows/api/{name}.json").read_text(encoding="utf-8"))
    return graph, next(node for node, told in graph.items() if told["class_type"] == "EaselSavePictures")


def test_core_nodes_tell_prompt_seed_model_and_settings():
    assert facts_of(sampled(), "save") == {
        "made_by": "KSampler",
        "prompt": "a red cat",
        "negative": "blur",
        "seed": 7,
        "model": "sd35.safetensors",
        "parameters": {"steps": 20, "cfg": 4.5, "sampler_name": "euler", "scheduler": "simple", "denoise": 1.0},
        "from_pictures": False,
    }


def test_our_own_sd35_node_tells_the_same():
    graph, save = exported("sd35-text-to-image")
    told = facts_of(graph, save)
    assert told["made_by"] == "EaselSd35TextToImage"
    assert told["model"].endswith(".safetensors") and told["prompt"] and isinstance(told["seed"], int)
    assert told["from_pictures"] is False


def test_a_picture_painted_into_another_began_with_pictures():
    graph, save = exported("click-and-inpaint-sd35")
    told = facts_of(graph, save)
    assert (told["made_by"], told["prompt"]) == ("KSampler", "a yellow star on a blue background")
    assert told["from_pictures"] is True


def test_a_controlnet_between_passes_each_wish_on():
    control = {"positive": ["yes", 0], "negative": ["no", 0], "image": ["photo", 0], "strength": 0.5}
    graph = sampled(
        control={"class_type": "ControlNetApplyAdvanced", "inputs": control},
        photo={"class_type": "LoadImage", "inputs": {"image": "photo.png"}},
    )
    graph["sample"]["inputs"] |= {"positive": ["control", 0], "negative": ["control", 1]}
    told = facts_of(graph, "save")
    assert (told["prompt"], told["negative"], told["from_pictures"]) == ("a red cat", "blur", True)


def test_of_a_picture_that_several_made_only_that_is_told():
    other = {**sampled()["sample"]["inputs"], "seed": 8}
    both = {"destination": ["decode", 0], "source": ["decode2", 0]}
    graph = sampled(
        sample2={"class_type": "KSampler", "inputs": other},
        decode2={"class_type": "VAEDecode", "inputs": {"samples": ["sample2", 0]}},
        both={"class_type": "ImageCompositeMasked", "inputs": both},
        save={"class_type": "EaselSaveAssets", "inputs": {"images": ["both", 0]}},
    )
    assert facts_of(graph, "save") == {"made_by": "KSampler", "from_pictures": True}


@pytest.mark.parametrize("way", ["photo", "scaled"])
def test_a_photograph_below_what_was_made_is_not_hidden(way):
    graph = sampled(
        photo={"class_type": "LoadImage", "inputs": {"image": "photo.png"}},
        scaled={"class_type": "ImageScale", "inputs": {"image": ["photo", 0]}},
        both={"class_type": "ImageCompositeMasked", "inputs": {"destination": [way, 0], "source": ["decode", 0]}},
        save={"class_type": "EaselSaveAssets", "inputs": {"images": ["both", 0]}},
    )
    assert facts_of(graph, "save")["from_pictures"] is True
    graph["both"]["inputs"]["destination"] = ["decode", 0]
    assert facts_of(graph, "save")["from_pictures"] is False


def test_what_another_node_computes_is_not_guessed():
    graph = sampled(
        join={"class_type": "StringConcatenate", "inputs": {"string_a": ["typed", 0], "string_b": "half of it"}},
        typed={"class_type": "PrimitiveString", "inputs": {"value": "the other half"}},
        number={"class_type": "SomeRandomNumber", "inputs": {}},
    )
    graph["yes"]["inputs"]["text"] = ["join", 0]
    graph["sample"]["inputs"]["seed"] = ["number", 0]
    told = facts_of(graph, "save")
    assert "prompt" not in told and "seed" not in told and told["model"] == "sd35.safetensors"


def test_what_was_typed_into_another_node_is_followed():
    graph = sampled(
        typed={"class_type": "PrimitiveString", "inputs": {"value": "a typed owl"}},
        number={"class_type": "PrimitiveInt", "inputs": {"value": 99}},
    )
    graph["yes"]["inputs"]["text"] = ["typed", 0]
    graph["sample"]["inputs"]["seed"] = ["number", 0]
    told = facts_of(graph, "save")
    assert (told["prompt"], told["seed"]) == ("a typed owl", 99)


@pytest.mark.parametrize(
    "graph",
    [
        None,
        {},
        {"save": SAVE},
        {
            "save": {"inputs": {"images": ["photo", 0]}},
            "photo": {"class_type": "LoadImage", "inputs": {"image": "x.png"}},
        },
        {
            "save": {"inputs": {"images": ["a", 0]}},
            "a": {"inputs": {"image": ["b", 0]}},
            "b": {"inputs": {"image": ["a", 0]}},
        },
    ],
)
def test_where_nothing_is_known_nothing_is_said(graph):
    assert facts_of(graph, "save") == {}
