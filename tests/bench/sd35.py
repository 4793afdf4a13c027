"""Stable Diffusion 3.5 beside the host's own loader and sampler and beside diffusers, in one process, on random weights.

Blocks as those of Medium, but narrower and fewer, so that a machine without a graphics card can run it; the host takes their
number from their width, so both are 8. Says seconds a step, seconds to load, and bytes held. Run with ComfyUI's Python and
COMFYUI_PATH set; --gpu leaves the host its graphics card.
"""

from __future__ import annotations

import os
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
sys.path.append(str(ROOT / "tests"))
sys.path.insert(0, os.environ["COMFYUI_PATH"])

import comfy.cli_args

if "--gpu" not in sys.argv:
    comfy.cli_args.args.cpu = True

import comfy.sample
import comfy.sd
import psutil
import torch

from support import tiny_sd35
from support.pack import load_pack

load_pack()

from diffusers import FlowMatchEulerDiscreteScheduler, SD3Transformer2DModel, StableDiffusion3Pipeline

from easel.nodes.local.sd35.core.model import as_model
from easel.nodes.local.sd35.core.sampling import Steps, sample
from easel.nodes.local.sd35.parts import parts_of
from easel.nodes.local.sd35.transformer import build_transformer

BLOCKS, HEADS, SIDE, STEPS, ROUNDS, WORDS = 8, 8, 384, 2, 5, 154
SHAPE = {
    "num_layers": BLOCKS,
    "num_attention_heads": HEADS,
    "caption_projection_dim": HEADS * 64,
    "joint_attention_dim": 4096,
    "pooled_projection_dim": 2048,
    "pos_embed_max_size": 96,
    "dual_attention_layers": tuple(range(BLOCKS // 2 + 1)),
    "qk_norm": "rms_norm",
}


def held() -> int:
    """Bytes of this process that are its own, not a file's."""
    memory = psutil.Process().memory_full_info()
    return int(memory.uss)


def timed(work: Callable[[], Any]) -> tuple[float, Any]:
    began = time.perf_counter()
    made = work()
    return time.perf_counter() - began, made


def ours(path: Path) -> Any:
    return as_model(build_transformer(parts_of(path)["transformer"]))


def words(seed: int) -> list[Any]:
    made = torch.Generator().manual_seed(seed)
    vector = torch.randn(1, 2048, generator=made)
    return [[torch.randn(1, WORDS, 4096, generator=made), {"pooled_output": vector}]]


def by_the_host(model: Any) -> torch.Tensor:
    latents = torch.zeros(1, 16, SIDE // 8, SIDE // 8)
    return sample(model, Steps(0, STEPS, 4.5, "euler", "normal"), words(1), words(2), latents)


def by_the_pipeline(pipeline: Any) -> Any:
    positive, negative = words(1)[0], words(2)[0]
    return pipeline(
        prompt_embeds=positive[0],
        negative_prompt_embeds=negative[0],
        pooled_prompt_embeds=positive[1]["pooled_output"],
        negative_pooled_prompt_embeds=negative[1]["pooled_output"],
        latents=comfy.sample.prepare_noise(torch.zeros(1, 16, SIDE // 8, SIDE // 8), 0),
        height=SIDE,
        width=SIDE,
        num_inference_steps=STEPS,
        guidance_scale=4.5,
        output_type="latent",
    ).images


def main() -> None:
    torch.manual_seed(0)
    net = SD3Transformer2DModel(**SHAPE).requires_grad_(False)
    with tempfile.TemporaryDirectory() as folder:
        path = tiny_sd35.save(tiny_sd35.original_layout(net.state_dict()), Path(folder) / "model.safetensors")
        loading(path)
        sampling(path, net)


def loading(path: Path) -> None:
    """A file in the page cache, three times each, in turns."""
    rows: dict[str, list[tuple[float, int]]] = {"ours": [], "core": []}
    for _ in range(3):
        for name, open_it in (("ours", ours), ("core", lambda file: comfy.sd.load_diffusion_model(str(file)))):
            before = held()
            took, model = timed(lambda open_it=open_it: open_it(path))
            rows[name].append((took, held() - before))
            del model
    for name, seen in rows.items():
        took, held_bytes = (statistics.median(column) for column in zip(*seen, strict=True))
        print(f"load {name:10} {took:7.2f} s, {held_bytes / 2**20:8.0f} MiB of memory of its own")


def sampling(path: Path, net: Any) -> None:
    rest = dict.fromkeys(
        ("text_encoder", "text_encoder_2", "text_encoder_3", "tokenizer", "tokenizer_2", "tokenizer_3", "vae")
    )
    pipeline = StableDiffusion3Pipeline(transformer=net, scheduler=FlowMatchEulerDiscreteScheduler(shift=3.0), **rest)
    pipeline.set_progress_bar_config(disable=True)
    model, core = ours(path), comfy.sd.load_diffusion_model(str(path))
    runs: dict[str, Callable[[], Any]] = {
        "ours": lambda: by_the_host(model),
        "core": lambda: by_the_host(core),
        "diffusers": lambda: by_the_pipeline(pipeline),
    }
    times: dict[str, list[float]] = {name: [] for name in runs}
    with torch.inference_mode():
        for round_number in range(ROUNDS + 1):
            for name, work in runs.items():
                took, _ = timed(work)
                if round_number:
                    times[name].append(took / STEPS)
    fastest = min(statistics.median(seen) for seen in times.values())
    for name, seen in times.items():
        middle = statistics.median(seen)
        print(
            f"step {name:10} {middle:7.3f} s ({min(seen):.3f} to {max(seen):.3f}), {middle / fastest:.2f} of the fastest"
        )


if __name__ == "__main__":
    main()
