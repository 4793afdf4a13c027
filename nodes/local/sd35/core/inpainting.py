"""Masks that open pixel by pixel, as the host's node DifferentialDiffusion has them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from torch import Tensor


def differential(model: Any) -> Any:
    """The model, for which a soft mask says from when on a pixel is painted, not how much of it."""
    patched = model.clone()
    patched.set_model_denoise_mask_function(_open_by_now)
    return patched


def _open_by_now(sigma: Tensor, denoise_mask: Tensor, extra_options: Mapping[str, Any]) -> Tensor:
    """1 where the mask is at least the part of the way that is still to go."""
    sigmas, schedule = extra_options["sigmas"], extra_options["model"].inner_model.model_sampling
    first = schedule.timestep(sigmas[0])
    last = schedule.timestep(max(sigmas[-1], schedule.sigma_min))
    left = (schedule.timestep(sigma[0]) - last) / (first - last)
    return (denoise_mask >= left).to(denoise_mask.dtype)
