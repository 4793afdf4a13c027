"""Under a mask, with skipped layers and with differential diffusion: ours, core's and the pipeline's latents are the same."""

import pytest
import torch

from support import tiny_sd35 as tiny
from support.sd35_runs import build, one_thread, words

CLOSE = 2e-5
SIZE = (16, 12)


def random_net():
    from diffusers import SD3Transformer2DModel

    torch.manual_seed(0)
    net = SD3Transformer2DModel.from_config(SD3Transformer2DModel.load_config(tiny.FOLDER, subfolder="transformer"))
    return net.requires_grad_(False)


@pytest.fixture(scope="module", autouse=True)
def alone():
    with one_thread():
        yield


@pytest.fixture(scope="module")
def models(host, tmp_path_factory):
    """Ours and core's of one file: random weights in float32, which do not answer as strongly as trained ones do."""
    import comfy.sd

    file = tiny.save(
        tiny.original_layout(random_net().state_dict()), tmp_path_factory.mktemp("sd35") / "transformer.safetensors"
    )
    return build(file), comfy.sd.load_diffusion_model(str(file))


def latents():
    return torch.randn(1, 16, *SIZE, generator=torch.Generator().manual_seed(9))


def sampled(model, mask=None, denoise=1.0, sampler="euler"):
    from easel.nodes.local.sd35.core.sampling import Steps, sample

    with torch.inference_mode():
        return sample(model, Steps(5, 4, 4.5, sampler, "normal", denoise), words(1), words(2), latents(), mask)


def hard():
    mask = torch.zeros(1, 1, *SIZE)
    mask[..., 4:12, 3:9] = 1
    return mask


def soft():
    return torch.linspace(0, 1, SIZE[0])[None, None, :, None].expand(1, 1, *SIZE)


def with_theirs(model):
    from comfy_extras.nodes_differential_diffusion import DifferentialDiffusion

    return DifferentialDiffusion.execute(model).args[0]


def with_ours(model):
    from easel.nodes.local.sd35.core.inpainting import differential

    return differential(model)


def skipping(model):
    from comfy_extras.nodes_sd3 import SkipLayerGuidanceSD3

    return SkipLayerGuidanceSD3.execute(model, "1", 2.5, 0.0, 0.5).args[0]


def as_it_is(model):
    return model


CASES = {
    "a hard mask": (as_it_is, as_it_is, {"mask": hard()}),
    "a soft mask": (as_it_is, as_it_is, {"mask": soft(), "denoise": 0.7, "sampler": "dpmpp_2m"}),
    "differential": (with_ours, with_theirs, {"mask": soft()}),
    "differential, a part of the way": (with_ours, with_theirs, {"mask": soft(), "denoise": 0.6}),
    "skipped layers": (skipping, skipping, {}),
}


@pytest.mark.parametrize("case", CASES)
def test_ours_is_core_s(models, case):
    (ours, core), (mine, theirs, how) = models, CASES[case]
    made = sampled(theirs(core), **how)
    assert (sampled(mine(ours), **how) - made).abs().max() < CLOSE
    # Else the case would say nothing.
    plain = {name: value for name, value in how.items() if name != "mask"} | {"mask": None}
    assert (sampled(ours, **plain) - made).abs().max() > 100 * CLOSE


def test_outside_a_hard_mask_the_latents_stay(models):
    kept = hard().expand(1, 16, *SIZE) == 0
    assert (sampled(models[0], hard()) - latents())[kept].abs().max() < CLOSE


@pytest.fixture(scope="module")
def parts():
    """What the pipelines need beside words: nothing of it is used for latents but the VAE's scale."""
    from diffusers import AutoencoderKL, FlowMatchEulerDiscreteScheduler

    vae = AutoencoderKL(latent_channels=16, block_out_channels=(32,) * 4, scaling_factor=1.5305, shift_factor=0.0609)
    names = ("text_encoder", "text_encoder_2", "text_encoder_3", "tokenizer", "tokenizer_2", "tokenizer_3")
    return dict.fromkeys(names) | {
        "transformer": random_net(),
        "scheduler": FlowMatchEulerDiscreteScheduler(shift=3.0),
        "vae": vae,
    }


def by_pipeline(kind, parts, steps, **inputs):
    """Latents out of one of diffusers' pipelines, which works in the model's space."""
    pipeline = kind(**parts)
    pipeline.set_progress_bar_config(disable=True)
    positive, negative = words(1)[0], words(2)[0]
    made = pipeline(
        image=(latents() - 0.0609) * 1.5305,
        prompt_embeds=positive[0],
        negative_prompt_embeds=negative[0],
        pooled_prompt_embeds=positive[1]["pooled_output"],
        negative_pooled_prompt_embeds=negative[1]["pooled_output"],
        height=SIZE[0] * 8,
        width=SIZE[1] * 8,
        num_inference_steps=steps,
        guidance_scale=4.5,
        output_type="latent",
        **inputs,
    )
    return made.images / 1.5305 + 0.0609


def test_ours_is_the_inpainting_pipeline_s(models, parts):
    """Its latents: what it makes of them is decoded without the shift of the VAE."""
    import comfy.sample
    from diffusers import StableDiffusion3InpaintPipeline

    theirs = by_pipeline(
        StableDiffusion3InpaintPipeline,
        parts,
        4,
        strength=1.0,
        mask_image=hard().repeat_interleave(8, 2).repeat_interleave(8, 3),
        masked_image_latents=torch.zeros_like(latents()),
        latents=comfy.sample.prepare_noise(latents(), 5),
    )
    assert (sampled(models[0], hard()) - theirs).abs().max() < CLOSE


def test_ours_is_the_image_to_image_pipeline_s(models, parts):
    """Its strength leaves steps out, as KSampler (Advanced) can; denoise does all of them on a part of the way."""
    from diffusers import StableDiffusion3Img2ImgPipeline

    from nodes import KSamplerAdvanced

    noise = torch.Generator().manual_seed(5)
    theirs = by_pipeline(StableDiffusion3Img2ImgPipeline, parts, 5, strength=0.6, generator=noise)
    with torch.inference_mode():
        way = ("euler", "normal", words(1), words(2), {"samples": latents()}, 2, 5, "disable")
        (ours,) = KSamplerAdvanced().sample(models[0], "enable", 5, 5, 4.5, *way)
    assert (ours["samples"] - theirs).abs().max() < CLOSE
