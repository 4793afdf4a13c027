"""What each option gains, and how far it leads from the exact picture, by the small trained model."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from easel.nodes.local.sd35 import drawing
from easel.nodes.local.sd35.core.speed import hurried
from easel.nodes.local.sd35.core.vae import hurried_vae
from easel.nodes.local.sd35.loading import open_model, read_model
from easel.nodes.local.sd35.speed import Speed
from sd35_parts import models
from sd35_parts.models import by_the_host, timed, tiny_sd35

PROMPTS = (
    "a red circle on a blue background",
    "a yellow square on a purple background",
    "a white star on a green background",
)
STEPS = 28


def wishes(gpu: bool) -> Iterator[tuple[str, Speed]]:
    yield "exact", Speed()
    for until in (0.8, 0.6, 0.4):
        yield f"guidance until {until}", Speed(guidance_until=until)
    yield "guidance 0.1 to 0.7", Speed(0.1, 0.7)
    for threshold in (0.05, 0.1, 0.15, 0.2, 0.3):
        yield f"block cache {threshold}", Speed(threshold=threshold)
    yield "block cache 0.1, guidance until 0.7", Speed(guidance_until=0.7, threshold=0.1)
    if gpu:
        yield "compiled", Speed(compiled=True)


def options(net: Any, side: int, steps: int, gpu: bool) -> None:
    """One row for each."""
    with tempfile.TemporaryDirectory() as folder:
        path = tiny_sd35.save(tiny_sd35.checkpoint(), Path(folder) / "sd3.5_medium.safetensors")
        small = open_model(path, read_model(path), {}, None, 77)
        exact = pictures(small, small.model, small.vae)
        usual = 0.0
        print(f"{'option':38} {'work':>6} {'mean levels off':>16} {'right':>6}   (small trained model, {STEPS} steps)")
        for name, speed in wishes(gpu):
            found, work = counted(small, speed)
            usual = usual or work
            print(f"{name:38} {work / usual:6.2f} {np.abs(found - exact).mean():16.2f} {right(found):4}/{len(PROMPTS)}")
        for name, half, last in (
            ("bf16 VAE", True, False),
            ("channels-last VAE", False, True),
            ("both", True, True),
        ):
            found = pictures(small, small.model, hurried_vae(small.vae, half, last))
            print(f"{name:38} {'':6} {np.abs(found - exact).mean():16.2f} {right(found):4}/{len(PROMPTS)}")
    if gpu:
        compiled, _ = hurried(models.ours(net), Speed(compiled=True))
        model = models.ours(net)
        for name, each in (("exact", model), ("compiled", compiled)):
            first, _ = timed(lambda each=each: by_the_host(each, side, steps))
            later = min(timed(lambda each=each: by_the_host(each, side, steps))[0] for _ in range(3))
            print(f"{name:38} first run {first:.2f} s, later {later / steps:.4f} s a step")


def counted(small: Any, speed: Speed) -> tuple[Any, float]:
    """The pictures, and the rows that went through blocks."""
    rows = 0

    def count(_module: Any, _inputs: Any, more: dict[str, Any]) -> None:
        nonlocal rows
        rows += len(more["hidden_states"])

    blocks = small.model.model.diffusion_model.transformer.transformer_blocks
    handles = [block.register_forward_pre_hook(count, with_kwargs=True) for block in blocks]
    found = pictures(small, hurried(small.model, speed)[0], small.vae)
    for handle in handles:
        handle.remove()
    return found, float(rows)


def pictures(small: Any, model: Any, vae: Any) -> Any:
    """(N, 128, 128, 3), 0 to 255."""
    drawn = []
    for number, prompt in enumerate(PROMPTS):
        wish = drawing.Wish(prompt, "", number, STEPS, 3.0, "euler", "normal")
        drawn.append(drawing.draw(model, small.clip, vae, wish, 128, 128, 1).images[0].float().cpu().numpy())
    return np.rint(np.stack(drawn) * 255)


def right(found: Any) -> int:
    """How many have the colours that were asked for."""
    asked = [(prompt.split()[1], prompt.split()[-2]) for prompt in PROMPTS]
    return sum(tiny_sd35.colours(picture) == colours for picture, colours in zip(found, asked, strict=True))
