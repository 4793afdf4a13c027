"""Random weights of the small transformer, and runs with them through ComfyUI's own samplers, in this process."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from support import tiny_sd35 as tiny


def random_file(folder: Path) -> Path:
    """In the original layout and in float32. The trained weights answer random words so strongly that rounding alone is seen."""
    import torch
    from diffusers import SD3Transformer2DModel

    torch.manual_seed(0)
    net = SD3Transformer2DModel.from_config(SD3Transformer2DModel.load_config(tiny.FOLDER, subfolder="transformer"))
    return tiny.save(tiny.original_layout(net.state_dict()), folder / "transformer.safetensors")


def build(path: Path, **options: Any) -> Any:
    """The MODEL of a file."""
    from easel.nodes.local.sd35.core.model import as_model
    from easel.nodes.local.sd35.parts import parts_of
    from easel.nodes.local.sd35.transformer import build_transformer

    return as_model(build_transformer(parts_of(path)["transformer"]), **options)


def words(seed: int, tokens: int = 9) -> list[Any]:
    """A CONDITIONING of nothing in particular."""
    import torch

    made = torch.Generator().manual_seed(seed)
    return [[torch.randn(1, tokens, 256, generator=made), {"pooled_output": torch.randn(1, 160, generator=made)}]]


def drawn(model: Any, said: int = 1, *, seed: int = 5, tokens: int = 9, **wish: Any) -> Any:
    """Latents of a run; ``said`` are the words by their number."""
    import torch

    from easel.nodes.local.sd35.core.sampling import Steps, sample

    usual = {"steps": 4, "cfg": 4.5, "sampler": "euler", "scheduler": "normal", "count": 1, "size": (16, 16)} | wish
    latents = torch.zeros(usual["count"], 16, *usual["size"])
    steps = Steps(seed, usual["steps"], usual["cfg"], usual["sampler"], usual["scheduler"])
    with torch.inference_mode():
        return sample(model, steps, words(said), words(2, tokens), latents)


@contextmanager
def one_thread() -> Iterator[None]:
    """For tensors as small as these more threads only wait for each other, the longer the busier the machine is."""
    import torch

    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)
