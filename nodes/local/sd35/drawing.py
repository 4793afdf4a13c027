"""From words and sizes to pictures: what the one-box nodes do."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ..errors import WishRefused
from ..masks.tensors import picture_arrays
from .choices import AUTOMATIC
from .cropping import SIDES_BY, resized
from .stacks import Control, Lora, with_controls, with_loras

if TYPE_CHECKING:
    from torch import Tensor

_SMALLEST = 64


@dataclass(frozen=True)
class Wish:
    """What is asked for; 0 and "automatic" leave it to the model."""

    prompt: str
    negative: str
    seed: int
    steps: int
    cfg: float
    sampler: str
    scheduler: str
    loras: tuple[Lora, ...] = ()
    controls: tuple[Control, ...] = ()


@dataclass(frozen=True)
class Drawn:
    """The pictures (B, H, W, C), their latents and where those were drawn anew (None: everywhere), and what was used, in words."""

    images: Tensor
    latents: Tensor
    used: str
    noise_mask: Tensor | None = None


def draw(model: Any, clip: Any, vae: Any, wish: Wish, width: int, height: int, count: int) -> Drawn:
    """Pictures out of words; a side of 0 is the model's best. Raises ``WishRefused`` for a size that the model cannot draw."""
    from .core.sampling import empty_latents

    best = facts(model).best_side
    asked = (width or best, height or best)
    size = _fitting(model, *asked)
    latents, used = sampled(model, clip, vae, wish, empty_latents(*size, count), size)
    return Drawn(decoded(vae, latents), latents, f"{_said(size, asked)}, {used}")


def redraw(model: Any, clip: Any, vae: Any, wish: Wish, images: Tensor, denoise: float) -> Drawn:
    """Pictures (B, H, W, C) drawn anew; at ``denoise`` 0 they only pass the VAE. Raises ``InputRefused`` for what is no picture."""
    import torch

    pictures = torch.from_numpy(picture_arrays(images)[..., :3])
    asked = (pictures.shape[2], pictures.shape[1])
    size = _fitting(model, *asked)
    latents = vae.encode(resized(pictures, *size))
    latents, used = sampled(model, clip, vae, wish, latents, size, denoise)
    return Drawn(decoded(vae, latents), latents, f"{_said(size, asked)}, {used}")


def sampled(
    model: Any,
    clip: Any,
    vae: Any,
    wish: Wish,
    latents: Tensor,
    size: tuple[int, int],
    denoise: float = 1.0,
    noise_mask: Tensor | None = None,
) -> tuple[Tensor, str]:
    """Latents of pictures of that size (width, height) drawn after the wish, where the mask says, and what was used.

    Raises ``WishRefused`` where the model is of another family or gives nothing, ``ModelRefused`` for a LoRA of another model.
    """
    from .core.sampling import conditioning, sample
    from .core.vae import is_finite

    steps = _steps(model, wish, denoise)
    model, clip, reports = with_loras(model, clip, wish.loras)
    if denoise > 0:
        words = conditioning(clip, wish.prompt), conditioning(clip, wish.negative)
        latents = sample(model, steps, *with_controls(*words, wish.controls, vae, *size), latents, noise_mask)
    if not is_finite(latents):
        raise WishRefused(
            "The model gave no picture but numbers that are none (NaN). Its file may be damaged, or it is computed in fp16: "
            "start ComfyUI with --bf16-unet or --fp32-unet."
        )
    used = f"seed {steps.seed}, {steps.steps} steps, cfg {steps.cfg:g}, {steps.sampler}/{steps.scheduler}"
    used += f", denoise {denoise:g}" if denoise < 1 else ""
    used += f", {len(wish.controls)} ControlNet{'s' * (len(wish.controls) > 1)}" if wish.controls else ""
    return latents, "\n".join([used, *reports])


def decoded(vae: Any, latents: Tensor) -> Tensor:
    """The pictures in ``latents``. Raises ``WishRefused`` where the VAE gives none: they would be saved as black ones."""
    from .core.vae import is_finite

    images: Tensor = vae.decode(latents)
    if not is_finite(images):
        raise WishRefused(
            "The VAE gave no picture but numbers that are none (NaN). Its file may be damaged, or it is computed in fp16: start "
            "ComfyUI with --bf16-vae or --fp32-vae."
        )
    return images


def facts(model: Any) -> Any:
    """What is known of the model. Raises ``WishRefused`` for one of another family."""
    from .core.model import OTHER, Facts, facts_of, is_of_the_family

    if found := facts_of(model):
        return found
    if is_of_the_family(model):
        return Facts(OTHER, 1024, 0)
    raise WishRefused(
        "This node draws with Stable Diffusion 3.5: connect the model of Load SD 3.5, not that of another family."
    )


def _steps(model: Any, wish: Wish, denoise: float) -> Any:
    from .core.sampling import Steps

    usual = facts(model).variant
    return Steps(
        wish.seed,
        wish.steps or usual.steps,
        wish.cfg or usual.cfg,
        usual.sampler if wish.sampler == AUTOMATIC else wish.sampler,
        usual.scheduler if wish.scheduler == AUTOMATIC else wish.scheduler,
        denoise,
    )


def _fitting(model: Any, width: int, height: int) -> tuple[int, int]:
    """The nearest size that the model can draw."""
    sides = [max(_SMALLEST, round(side / SIDES_BY) * SIDES_BY) for side in (width, height)]
    largest = facts(model).largest_side
    if largest and max(sides) > largest:
        raise WishRefused(
            f"{width}x{height} is too large: this model draws sides of up to {largest} pixels. Upscale afterwards."
        )
    return sides[0], sides[1]


def _said(size: tuple[int, int], asked: tuple[int, int]) -> str:
    said = f"{size[0]}x{size[1]}"
    return said if size == asked else f"{said} (asked for {asked[0]}x{asked[1]}; sides are multiples of {SIDES_BY})"
