"""Words, noise and steps, as the host's own nodes do them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import comfy.sample
import comfy.samplers
import comfy.utils
import latent_preview  # type: ignore[import-not-found]  # of the host, outside any package
import torch
from torch import Tensor

SAMPLERS: list[str] = list(comfy.samplers.SAMPLER_NAMES)
SCHEDULERS: list[str] = list(comfy.samplers.SCHEDULER_NAMES)


@dataclass(frozen=True)
class Steps:
    """How noise becomes a picture."""

    seed: int
    steps: int
    cfg: float
    sampler: str
    scheduler: str
    denoise: float = 1.0


def conditioning(clip: Any, words: str) -> list[Any]:
    """A CONDITIONING of ``words``."""
    found: list[Any] = clip.encode_from_tokens_scheduled(clip.tokenize(words))
    return found


def empty_latents(width: int, height: int, count: int) -> Tensor:
    """Latents of ``count`` pictures in which there is nothing yet, for the noise to be added to."""
    return torch.zeros(count, 16, height // 8, width // 8)


def sample(
    model: Any,
    steps: Steps,
    positive: list[Any],
    negative: list[Any],
    latents: Tensor,
    noise_mask: Tensor | None = None,
) -> Tensor:
    """Latents of the pictures, by the host's samplers, with its progress, previews and interrupts.

    ``noise_mask`` (B or 1, 1, H, W) says where they are drawn anew: 1 is entirely, 0 not at all.
    """
    latents = comfy.sample.fix_empty_latent_channels(model, latents)
    noise = comfy.sample.prepare_noise(latents, steps.seed)
    done: Tensor = comfy.sample.sample(
        model,
        noise,
        steps.steps,
        steps.cfg,
        steps.sampler,
        steps.scheduler,
        positive,
        negative,
        latents,
        denoise=steps.denoise,
        noise_mask=noise_mask,
        callback=latent_preview.prepare_callback(model, steps.steps),
        disable_pbar=not comfy.utils.PROGRESS_BAR_ENABLED,
        seed=steps.seed,
    )
    return done
