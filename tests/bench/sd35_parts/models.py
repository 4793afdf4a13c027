"""Random weights in the shapes of the published models, as ours, as the host's own model and as diffusers' pipeline."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[3]
sys.path.append(str(ROOT / "tests"))
sys.path.insert(0, os.environ["COMFYUI_PATH"])

import comfy.cli_args

if "--gpu" not in sys.argv:
    comfy.cli_args.args.cpu = True

import comfy.model_base
import comfy.model_management as mm
import comfy.sample
import comfy.supported_models
import torch
from comfy.model_patcher import ModelPatcher

from support import tiny_sd35
from support.pack import load_pack

load_pack()
if comfy.cli_args.args.cpu:
    # What waits for another thread would be counted as work.
    torch.set_num_threads(1)

from diffusers import FlowMatchEulerDiscreteScheduler, SD3Transformer2DModel, StableDiffusion3Pipeline

from easel.nodes.local.sd35.core.model import as_model
from easel.nodes.local.sd35.core.sampling import Steps, sample
from easel.nodes.local.sd35.transformer import Transformer

WORDS = 154
_COMMON = {"joint_attention_dim": 4096, "pooled_projection_dim": 2048, "qk_norm": "rms_norm", "sample_size": 128}
MEDIUM = _COMMON | {"num_layers": 24, "num_attention_heads": 24, "caption_projection_dim": 1536}
MEDIUM |= {"pos_embed_max_size": 384, "dual_attention_layers": tuple(range(13))}
LARGE = _COMMON | {"num_layers": 38, "num_attention_heads": 38, "caption_projection_dim": 2432}
LARGE |= {"pos_embed_max_size": 192, "dual_attention_layers": ()}


def fewer(shape: dict[str, Any], blocks: int) -> dict[str, Any]:
    """The same with its first blocks only; of positions as many as a picture of 1024 pixels needs."""
    dual = tuple(range(min(blocks, (len(shape["dual_attention_layers"]) * blocks + 23) // 24)))
    return shape | {"num_layers": blocks, "dual_attention_layers": dual, "pos_embed_max_size": 64}


def random_net(shape: dict[str, Any], dtype: torch.dtype) -> Any:
    """diffusers' transformer with weights as large as trained ones, made on the graphics card where there is one."""
    with torch.device("meta"):
        net = SD3Transformer2DModel(**shape)
    made_on = mm.get_torch_device()
    torch.manual_seed(0)
    weights = {
        name: (torch.randn(value.shape, device=made_on, dtype=torch.float32) * 0.02).to("cpu", dtype)
        for name, value in net.state_dict().items()
    }
    net.load_state_dict(weights, assign=True)
    return net.requires_grad_(False).eval()


def empty_net(shape: dict[str, Any], dtype: torch.dtype) -> Any:
    """The same of full size without any weights, for what can be counted."""
    with torch.device("meta"):
        return SD3Transformer2DModel(**shape).to(dtype).requires_grad_(False)


def twin(net: Any) -> Any:
    """The same weights in a module of its own."""
    with torch.device("meta"):
        other = SD3Transformer2DModel.from_config(net.config)
    other.load_state_dict(net.state_dict(), assign=True)
    return other.requires_grad_(False).eval()


def ours(net: Any, **options: Any) -> Any:
    return as_model(Transformer(twin(net), {}), **options)


def core(net: Any) -> Any:
    """The host's own model; its number of blocks is said, as it would take it from their width."""
    weights = tiny_sd35.original_layout(net.state_dict())
    shape = net.config
    dtype = net.transformer_blocks[0].ff.net[2].weight.dtype
    config = comfy.supported_models.SD3(
        {
            "in_channels": 16,
            "patch_size": 2,
            "depth": shape.num_attention_heads,
            "num_blocks": shape.num_layers,
            "input_size": None,
            "adm_in_channels": shape.pooled_projection_dim,
            "context_embedder_config": {
                "target": "torch.nn.Linear",
                "params": {"in_features": 4096, "out_features": shape.caption_projection_dim},
            },
            "num_patches": shape.pos_embed_max_size**2,
            "pos_embed_max_size": shape.pos_embed_max_size,
            "pos_embed_scaling_factor": None,
            "qk_norm": "rms",
            "x_block_self_attn_layers": list(shape.dual_attention_layers),
            "dtype": dtype,
        }
    )
    with torch.device("meta"):
        base = comfy.model_base.SD3(config, device=torch.device("meta"))
    missing, unexpected = base.diffusion_model.load_state_dict(weights, strict=False, assign=True)
    if missing or unexpected:
        raise SystemExit(f"The host's model has other weights: {missing[:3]} {unexpected[:3]}")
    base.model_sampling = comfy.model_base.model_sampling(config, comfy.model_base.ModelType.FLOW)
    return ModelPatcher(base, load_device=mm.get_torch_device(), offload_device=mm.unet_offload_device())


def pipeline(net: Any) -> Any:
    rest = dict.fromkeys(
        ("text_encoder", "text_encoder_2", "text_encoder_3", "tokenizer", "tokenizer_2", "tokenizer_3", "vae")
    )
    scheduler = FlowMatchEulerDiscreteScheduler(shift=3.0)
    made = StableDiffusion3Pipeline(transformer=twin(net).to(mm.get_torch_device()), scheduler=scheduler, **rest)
    made.set_progress_bar_config(disable=True)
    return made


def words(seed: int) -> list[Any]:
    made = torch.Generator().manual_seed(seed)
    vector = torch.randn(1, 2048, generator=made)
    return [[torch.randn(1, WORDS, 4096, generator=made), {"pooled_output": vector}]]


def by_the_host(model: Any, side: int, steps: int, seed: int = 0) -> torch.Tensor:
    """Latents by the host's sampler."""
    latents = torch.zeros(1, 16, side // 8, side // 8)
    return sample(model, Steps(seed, steps, 4.5, "euler", "normal"), words(1), words(2), latents)


def by_the_pipeline(made: Any, side: int, steps: int) -> torch.Tensor:
    """The same latents by diffusers' pipeline, in the host's scale."""
    device, dtype = made.transformer.device, made.transformer.dtype
    positive, negative = words(1)[0], words(2)[0]
    found = made(
        prompt_embeds=positive[0].to(device, dtype),
        negative_prompt_embeds=negative[0].to(device, dtype),
        pooled_prompt_embeds=positive[1]["pooled_output"].to(device, dtype),
        negative_pooled_prompt_embeds=negative[1]["pooled_output"].to(device, dtype),
        latents=comfy.sample.prepare_noise(torch.zeros(1, 16, side // 8, side // 8), 0).to(device, dtype),
        height=side,
        width=side,
        num_inference_steps=steps,
        guidance_scale=4.5,
        output_type="latent",
    ).images
    return found.float().cpu() / 1.5305 + 0.0609


def timed(work: Callable[[], Any]) -> tuple[float, Any]:
    """Seconds, and what was made. Without a graphics card the processor's own are counted, whatever else it is busy with."""
    clock = time.perf_counter if mm.get_torch_device().type == "cuda" else time.process_time
    settle()
    began = clock()
    made = work()
    settle()
    return clock() - began, made


def settle() -> None:
    if mm.get_torch_device().type == "cuda":
        torch.cuda.synchronize()
