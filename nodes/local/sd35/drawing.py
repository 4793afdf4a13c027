"""From words and sizes to pictures: what the one-box nodes do."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from .errors import WishRefused

if TYPE_CHECKING:
    from torch import Tensor

AUTOMATIC = "automatic"
_SIDES_BY = 16
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


@dataclass(frozen=True)
class Drawn:
    """The pictures (B, H, W, 3), their latents, and what was used, in words."""

    images: Tensor
    latents: Tensor
    used: str


def draw(model: Any, clip: Any, vae: Any, wish: Wish, width: int, height: int, count: int) -> Drawn:
    """Pictures out of words; a side of 0 is the model's best. Raises ``WishRefused`` for a size that the model cannot draw."""
    from .core.sampling import empty_latents

    best = _facts(model).best_side
    asked = (width or best, height or best)
    size = _fitting(model, *asked)
    return _draw(model, clip, vae, wish, empty_latents(*size, count), 1.0, size, asked)


def redraw(model: Any, clip: Any, vae: Any, wish: Wish, images: Tensor, denoise: float) -> Drawn:
    """Pictures (B, H, W, C) drawn anew; at ``denoise`` 0 they only pass the VAE."""
    asked = (images.shape[2], images.shape[1])
    size = _fitting(model, *asked)
    latents = vae.encode(_resized(images[..., :3], *size))
    return _draw(model, clip, vae, wish, latents, denoise, size, asked)


def _draw(
    model: Any,
    clip: Any,
    vae: Any,
    wish: Wish,
    latents: Tensor,
    denoise: float,
    size: tuple[int, int],
    asked: tuple[int, int],
) -> Drawn:
    from .core.sampling import conditioning, sample
    from .core.vae import is_finite

    steps = _steps(model, wish, denoise)
    positive, negative = conditioning(clip, wish.prompt), conditioning(clip, wish.negative)
    if denoise > 0:
        latents = sample(model, steps, positive, negative, latents)
    if not is_finite(latents):
        raise WishRefused(
            "The model gave no picture but numbers that are none (NaN). Its file may be damaged, or it is computed in fp16: "
            "start ComfyUI with --bf16-unet or --fp32-unet."
        )
    used = f"{size[0]}x{size[1]}, seed {steps.seed}, {steps.steps} steps, cfg {steps.cfg:g}, {steps.sampler}/{steps.scheduler}"
    used += f", denoise {denoise:g}" if denoise < 1 else ""
    used += f" (asked for {asked[0]}x{asked[1]}; sides are multiples of {_SIDES_BY})" if size != asked else ""
    return Drawn(vae.decode(latents), latents, used)


def _facts(model: Any) -> Any:
    from .core.model import OTHER, Facts, facts_of, is_of_the_family

    if facts := facts_of(model):
        return facts
    if is_of_the_family(model):
        return Facts(OTHER, 1024, 0)
    raise WishRefused(
        "This node draws with Stable Diffusion 3.5: connect the model of Load SD 3.5, not that of another family."
    )


def _steps(model: Any, wish: Wish, denoise: float) -> Any:
    from .core.sampling import Steps

    usual = _facts(model).variant
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
    sides = [max(_SMALLEST, round(side / _SIDES_BY) * _SIDES_BY) for side in (width, height)]
    largest = _facts(model).largest_side
    if largest and max(sides) > largest:
        raise WishRefused(
            f"{width}x{height} is too large: this model draws sides of up to {largest} pixels. Upscale afterwards."
        )
    return sides[0], sides[1]


def _resized(images: Tensor, width: int, height: int) -> Tensor:
    from torch.nn.functional import interpolate

    if images.shape[1:3] == (height, width):
        return images
    moved = interpolate(images.movedim(-1, 1), (height, width), mode="bicubic", antialias=True)
    return moved.movedim(1, -1).clamp(0, 1)
