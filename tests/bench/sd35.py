"""Stable Diffusion 3.5 beside the host's own loader and sampler and beside diffusers, in one process, on random weights.

Blocks are as wide as the published ones, but only --blocks of them, so that a machine without a graphics card can run it; the bytes
held are counted for the whole models. With --gpu it is the whole model in bfloat16 on the graphics card. Run with ComfyUI's
Python and COMFYUI_PATH set:

    python tests/bench/sd35.py [--gpu] [--large] [--blocks 2] [--side 256] [--steps 2] [--rounds 5] [--only WHAT]

WHAT is one of load, resident, step, options.
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from sd35_parts import models
from sd35_parts.models import by_the_host, by_the_pipeline, comfy, mm, timed, tiny_sd35
from sd35_parts.options import options

MIB = 2**20


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--gpu", action="store_true")
    parser.add_argument("--large", action="store_true")
    parser.add_argument("--blocks", type=int)
    parser.add_argument("--side", type=int)
    parser.add_argument("--steps", type=int)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--only", choices=("load", "resident", "step", "options"))
    asked = parser.parse_args()
    whole = models.LARGE if asked.large else models.MEDIUM
    blocks = asked.blocks or (whole["num_layers"] if asked.gpu else 2)
    shape = whole if asked.gpu and blocks == whole["num_layers"] else models.fewer(whole, blocks)
    side, steps = asked.side or (1024 if asked.gpu else 256), asked.steps or (10 if asked.gpu else 2)
    where = torch.cuda.get_device_name() if asked.gpu else "one thread of the processor"
    name = "Large" if asked.large else "Medium"
    print(f"{name}, {blocks} of {whole['num_layers']} blocks, {side}x{side}, on {where}, median of {asked.rounds}")
    if asked.only in (None, "resident"):
        for name, each in (("Medium", models.MEDIUM), ("Large", models.LARGE)):
            resident(name, each)
    if asked.only in (None, "load"):
        loading(models.fewer(whole, 2))
    if asked.only not in (None, "step", "options"):
        return
    net = models.random_net(shape, torch.bfloat16 if asked.gpu else torch.float32)
    with torch.inference_mode():
        if asked.only in (None, "step"):
            stepping(net, side, steps, asked.rounds)
        if asked.only in (None, "options"):
            options(net, side, 10, asked.gpu)


def resident(name: str, shape: dict[str, Any]) -> None:
    """Bytes on the device for the whole model in bfloat16: what ours asks the host for, and the host's own."""
    net = models.empty_net(shape, torch.bfloat16)
    spared = models.as_model(models.Transformer(net, {}))
    core_bytes = sum(value.nbytes for value in net.state_dict().values())
    kept = spared.model.modulations.room
    found = spared.model_size() + kept
    print(
        f"resident {name:8} ours {found / MIB:7.0f} MiB ({kept / MIB:.0f} of it answers of the modulation layers), "
        f"core {core_bytes / MIB:7.0f} MiB: {found / core_bytes:.3f}"
    )


def loading(shape: dict[str, Any]) -> None:
    """A file in the page cache, three times each, in turns: the time, and the process's own bytes afterwards."""
    import psutil

    from easel.nodes.local.sd35.parts import parts_of
    from easel.nodes.local.sd35.transformer import build_transformer

    # The host's loader takes the number of blocks from their width.
    square = shape | {"num_layers": 8, "num_attention_heads": 8, "caption_projection_dim": 512}
    square |= {"dual_attention_layers": (0, 1, 2, 3)}
    net = models.random_net(square, torch.float32)
    rows: dict[str, list[tuple[float, int]]] = {"ours": [], "core": []}
    with tempfile.TemporaryDirectory() as folder:
        path = tiny_sd35.save(tiny_sd35.original_layout(net.state_dict()), Path(folder) / "model.safetensors")
        openers: dict[str, Callable[[], Any]] = {
            "ours": lambda: models.as_model(build_transformer(parts_of(path)["transformer"])),
            "core": lambda: comfy.sd.load_diffusion_model(str(path)),
        }
        for _ in range(3):
            for name, open_it in openers.items():
                before = psutil.Process().memory_full_info().uss
                took, model = timed(open_it)
                rows[name].append((took, psutil.Process().memory_full_info().uss - before))
                del model
    for name, seen in rows.items():
        took, held = (statistics.median(column) for column in zip(*seen, strict=True))
        print(f"load {name:10} {took:7.2f} s, {held / MIB:8.0f} MiB of memory of its own")


def stepping(net: Any, side: int, steps: int, rounds: int) -> None:
    """Seconds a step, in turns; each engine begins a round as often as the others."""
    model, whole, core, pipe = models.ours(net), models.ours(net, rests=False), models.core(net), models.pipeline(net)
    runs: dict[str, Callable[[], Any]] = {
        "core": lambda: by_the_host(core, side, steps),
        "ours": lambda: by_the_host(model, side, steps),
        "ours, all weights on the device": lambda: by_the_host(whole, side, steps),
        "diffusers": lambda: by_the_pipeline(pipe, side, steps),
    }
    names = list(runs)
    times: dict[str, list[float]] = {name: [] for name in names}
    pictures: dict[str, torch.Tensor] = {}
    peaks: dict[str, int] = {}
    for number in range(rounds + 1):
        for name in names[number % len(names) :] + names[: number % len(names)]:
            # As for a new prompt: nothing worked out before helps.
            model.model.modulations.forget()
            if mm.get_torch_device().type == "cuda":
                torch.cuda.reset_peak_memory_stats()
            took, pictures[name] = timed(runs[name])
            if number:
                times[name].append(took / steps)
            if mm.get_torch_device().type == "cuda":
                peaks[name] = torch.cuda.max_memory_allocated()
    faster = min(statistics.median(times["core"]), statistics.median(times["diffusers"]))
    for name, seen in times.items():
        middle = statistics.median(seen)
        off = (pictures[name] - pictures["core"]).abs().max()
        peak = f", peak {peaks[name] / MIB:.0f} MiB" if name in peaks else ""
        print(
            f"step {name:32} {middle:7.3f} s ({min(seen):.3f} to {max(seen):.3f}), {middle / faster:.3f} of the faster of "
            f"core and diffusers, {off:.1e} from core's{peak}"
        )


if __name__ == "__main__":
    main()
