"""Ours, core's and the pipeline's latents are the same; partial loading changes nothing, and patches leave no trace."""

import gc
import weakref

import pytest
import torch

from support import tiny_sd35 as tiny
from support.sd35_runs import one_thread

CLOSE = 2e-5


@pytest.fixture(scope="module", autouse=True)
def alone():
    with one_thread():
        yield


@pytest.fixture(scope="module")
def file(tmp_path_factory):
    """Random weights of the small transformer in the original layout, in float32, for ComfyUI's own loader and ours.

    The trained ones answer random words so strongly that rounding alone is seen.
    """
    weights = tiny.original_layout(random_net().state_dict())
    return tiny.save(weights, tmp_path_factory.mktemp("sd35") / "transformer.safetensors")


def random_net():
    from diffusers import SD3Transformer2DModel

    torch.manual_seed(0)
    net = SD3Transformer2DModel.from_config(SD3Transformer2DModel.load_config(tiny.FOLDER, subfolder="transformer"))
    return net.requires_grad_(False)


def build(path):
    from easel.nodes.local.sd35.core.model import as_model
    from easel.nodes.local.sd35.parts import parts_of
    from easel.nodes.local.sd35.transformer import build_transformer

    return as_model(build_transformer(parts_of(path)["transformer"]))


@pytest.fixture(scope="module")
def ours(host, file):
    return build(file)


@pytest.fixture(scope="module")
def core(host, file):
    import comfy.sd

    return comfy.sd.load_diffusion_model(str(file))


def words(tokens, seed):
    made = torch.Generator().manual_seed(seed)
    return [[torch.randn(1, tokens, 256, generator=made), {"pooled_output": torch.randn(1, 160, generator=made)}]]


def drawn(model, *, sampler="euler", scheduler="normal", size=(16, 16), count=1, tokens=(9, 9), denoise=1.0, steps=4):
    from easel.nodes.local.sd35.core.sampling import Steps, sample

    latents = (
        torch.zeros(count, 16, *size)
        if denoise == 1
        else torch.randn(count, 16, *size, generator=torch.Generator().manual_seed(9))
    )
    wish = Steps(5, steps, 4.5, sampler, scheduler, denoise)
    with torch.inference_mode():
        return sample(model, wish, words(tokens[0], 1), words(tokens[1], 2), latents)


CASES = {
    "euler": {},
    "dpmpp_2m": {"sampler": "dpmpp_2m", "scheduler": "sgm_uniform"},
    "a batch of two": {"count": 2},
    "odd sizes": {"size": (13, 17)},
    "prompts of unequal length": {"tokens": (9, 14)},
    "image to image": {"denoise": 0.6},
}


@pytest.mark.parametrize("case", CASES)
def test_ours_is_core_s(ours, core, case):
    theirs = drawn(core, **CASES[case])
    assert (drawn(ours, **CASES[case]) - theirs).abs().max() < CLOSE
    assert theirs.std() > 0.1


def test_the_words_are_heard(ours):
    """Else the comparisons above would say little."""
    assert (drawn(ours, tokens=(9, 9)) - drawn(ours, tokens=(8, 9))).abs().max() > 100 * CLOSE


@pytest.mark.parametrize("case", ["euler", "a batch of two"])
def test_ours_is_the_pipeline_s(ours, case):
    import comfy.sample
    from diffusers import FlowMatchEulerDiscreteScheduler, StableDiffusion3Pipeline

    net = random_net()
    rest = dict.fromkeys(
        ("text_encoder", "text_encoder_2", "text_encoder_3", "tokenizer", "tokenizer_2", "tokenizer_3", "vae")
    )
    pipeline = StableDiffusion3Pipeline(transformer=net, scheduler=FlowMatchEulerDiscreteScheduler(shift=3.0), **rest)
    pipeline.set_progress_bar_config(disable=True)
    count = CASES[case].get("count", 1)
    noise = comfy.sample.prepare_noise(torch.zeros(count, 16, 16, 16), 5)
    positive, negative = words(9, 1)[0], words(9, 2)[0]
    theirs = pipeline(
        prompt_embeds=positive[0].expand(count, -1, -1),
        negative_prompt_embeds=negative[0].expand(count, -1, -1),
        pooled_prompt_embeds=positive[1]["pooled_output"].expand(count, -1),
        negative_pooled_prompt_embeds=negative[1]["pooled_output"].expand(count, -1),
        latents=noise,
        height=128,
        width=128,
        num_inference_steps=4,
        guidance_scale=4.5,
        output_type="latent",
    ).images
    assert (drawn(ours, **CASES[case]) - (theirs / 1.5305 + 0.0609)).abs().max() < CLOSE


def test_the_whole_way_from_words_to_pixels_is_diffusers_own(host):
    """A folder: its tokenizers, its three text encoders, its schedule, and the scale of its VAE."""
    import comfy.sample
    from diffusers import StableDiffusion3Pipeline

    from easel.nodes.local.sd35 import drawing, loading

    opened = loading.open_model(tiny.FOLDER, loading.read_model(tiny.FOLDER), {}, None, 256)
    asked = "a red circle on a blue background"
    with torch.inference_mode():
        wish = drawing.Wish(asked, "blurry", 3, 4, 3.0, "euler", "normal")
        ours = drawing.draw(opened.model, opened.clip, opened.vae, wish, 0, 0, 1)
    assert ours.used == "128x128, seed 3, 4 steps, cfg 3, euler/normal"
    pipeline = StableDiffusion3Pipeline.from_pretrained(tiny.FOLDER, local_files_only=True, dtype=torch.float32)
    pipeline.set_progress_bar_config(disable=True)
    noise = comfy.sample.prepare_noise(torch.zeros(1, 16, 16, 16), 3)
    options = {"num_inference_steps": 4, "guidance_scale": 3.0, "height": 128, "width": 128, "output_type": "pt"}
    theirs = pipeline(asked, negative_prompt="blurry", latents=noise, **options).images
    assert (ours.images.movedim(-1, 1) - theirs).abs().max() < 1e-4
    back = pipeline.vae.encode(ours.images.movedim(-1, 1) * 2 - 1).latent_dist.mode()
    assert (opened.vae.encode(ours.images) - back).abs().max() < 1e-4


def test_the_text_encoders_are_put_together_as_core_does(host):
    """Widths as published, but thin: one block each."""
    from comfy.text_encoders.sd3_clip import SD3ClipModel

    from easel.nodes.local.sd35.core.text import TextEncoders, Tokenizer
    from easel.nodes.local.sd35.text import Encoder

    torch.manual_seed(0)
    clip = {
        "num_hidden_layers": 3,
        "intermediate_size": 8,
        "max_position_embeddings": 77,
        "eos_token_id": 49407,
        "vocab_size": 49408,
    }
    configs = {
        "clip_l": clip | {"hidden_size": 768, "num_attention_heads": 12, "hidden_act": "quick_gelu"},
        "clip_g": clip | {"hidden_size": 1280, "num_attention_heads": 20, "hidden_act": "gelu"},
        "t5xxl": {
            "d_ff": 8,
            "d_kv": 8,
            "d_model": 4096,
            "num_heads": 2,
            "num_layers": 1,
            "vocab_size": 32128,
            "model_type": "t5",
        },
    }
    configs["t5xxl"] |= {"dense_act_fn": "gelu_pytorch_tanh", "is_gated_act": True}
    theirs = SD3ClipModel(
        dtype=torch.float32, model_options={f"{name}_model_config": config for name, config in configs.items()}
    )
    for weight in theirs.parameters():
        torch.nn.init.uniform_(weight, -0.03, 0.03)
    encoders = {
        name: Encoder(
            config,
            getattr(theirs, name).transformer.state_dict(),
            {},
            config.get("hidden_size", 4096),
            None,
            name != "clip_l",
        )
        for name, config in configs.items()
    }
    for names in (("clip_l", "clip_g", "t5xxl"), ("clip_g", "t5xxl"), ("clip_l",)):
        some = {name: encoders[name] for name in names}
        tokenizer = Tokenizer(some, 77)
        ours = TextEncoders(some, tokenizer, 4096, 2048)
        part = SD3ClipModel.__new__(SD3ClipModel)
        torch.nn.Module.__init__(part)
        part.t5_attention_mask = False
        for name in configs:
            setattr(part, name, getattr(theirs, name) if name in names else None)
        tokens = tokenizer.tokenize_with_weights("a (red:1.3) circle")
        with torch.inference_mode():
            a, b = ours.encode_token_weights(tokens), part.encode_token_weights(tokens)
        assert torch.equal(a[0], b[0]), names
        assert torch.equal(a[1], b[1]), names


def test_a_model_of_which_only_a_part_fits_gives_the_same_bits(ours, file):
    whole = drawn(ours)
    partly = build(file)
    budget = int(partly.model_size() * 0.3)
    partly.load(partly.load_device, lowvram_model_memory=budget)
    streamed = [
        layer for layer in partly.model.modules() if getattr(layer, "prev_comfy_cast_weights", None) is not None
    ]
    assert len(streamed) > 20
    with torch.inference_mode():
        x, t = torch.ones(1, 16, 16, 16), torch.tensor([500.0])
        context, vector = words(9, 1)[0][0], words(9, 1)[0][1]["pooled_output"]
        a = partly.model.diffusion_model(x, t, context, vector)
        b = ours.model.diffusion_model(x, t, context, vector)
    assert torch.equal(a, b)
    assert torch.equal(drawn(ours), whole)


def test_no_layer_is_left_that_the_host_can_neither_stream_nor_keep(ours):
    """Everything is one of the host's layers, or small."""
    large = [
        name
        for name, layer in ours.model.named_modules()
        for weight in layer.parameters(recurse=False)
        if not hasattr(layer, "comfy_cast_weights") and weight.numel() > 10_000
    ]
    assert large == []


@pytest.mark.parametrize("scaled", [False, True], ids=["plain", "scaled"])
def test_fp8_weights_are_kept_as_they_are_and_computed_with(ours, file, tmp_path, scaled):
    from safetensors.torch import load_file

    found, exact = {}, {}
    for name, value in load_file(file).items():
        found[name] = exact[name] = value
        if "blocks." in name and name.endswith(".weight") and value.ndim == 2:
            scale = value.abs().max() / 448 if scaled else torch.tensor(1.0)
            found[name] = (value / scale).to(torch.float8_e4m3fn)
            exact[name] = found[name].float() * scale
            if scaled:
                found[name.removesuffix("weight") + "scale_weight"] = scale
    small = build(tiny.save(found, tmp_path / "fp8.safetensors"))
    same = build(tiny.save(exact, tmp_path / "fp32.safetensors"))
    assert small.model.diffusion_model.dtype == torch.float8_e4m3fn
    assert small.model_size() < 0.45 * ours.model_size()
    assert (drawn(small, steps=2) - drawn(same, steps=2)).abs().max() < CLOSE


def test_core_s_lora_loader_works_on_it_and_goes_without_a_trace(ours, core):
    import comfy.sd

    torch.manual_seed(1)
    made = {}
    for name, width in (("attn.to_q", 192), ("attn.add_v_proj", 192), ("attn.to_out.0", 192), ("ff.net.0.proj", 768)):
        made[f"transformer.transformer_blocks.1.{name}.lora_A.weight"] = torch.randn(4, 192) * 0.1
        made[f"transformer.transformer_blocks.1.{name}.lora_B.weight"] = torch.randn(width, 4) * 0.1
    plain = drawn(ours)
    with_ours, _ = comfy.sd.load_lora_for_models(ours, None, made, 0.8, 0)
    with_core, _ = comfy.sd.load_lora_for_models(core, None, made, 0.8, 0)
    changed = drawn(with_ours)
    assert len(with_ours.patches) == 4
    assert (changed - drawn(with_core)).abs().max() < CLOSE
    assert (changed - plain).abs().max() > 0.05
    assert torch.equal(drawn(ours), plain)


def test_the_host_s_unloading_takes_it_all(ours):
    import comfy.model_management as mm

    first = drawn(ours)
    assert [entry for entry in mm.current_loaded_models if entry.model.model is ours.model]
    assert ours.loaded_size() > 0
    mm.unload_all_models()
    assert ours.loaded_size() == 0
    assert not [entry for entry in mm.current_loaded_models if entry.model.model is ours.model]
    assert torch.equal(drawn(ours), first)


def test_an_interrupt_leaves_the_next_run_as_it_was(ours):
    import comfy.model_management as mm

    first = drawn(ours)
    mm.interrupt_current_processing()
    with pytest.raises(mm.InterruptProcessingException):
        drawn(ours)
    assert not mm.processing_interrupted()
    assert torch.equal(drawn(ours), first)


def test_a_model_that_nobody_holds_is_gone(host, file):
    model = build(file)
    drawn(model, steps=1)
    gone = weakref.ref(model.model)
    del model
    gc.collect()
    assert gone() is None


def test_no_network_is_asked_for_anything(host, file, monkeypatch):
    import socket

    def refuse(*_where):
        raise AssertionError("the network was asked")

    monkeypatch.setattr(socket, "create_connection", refuse)
    monkeypatch.setattr(socket.socket, "connect", refuse)
    drawn(build(file), steps=1)
