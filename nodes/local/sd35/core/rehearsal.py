"""Which sigmas a sampler will ask for: many look between the steps of their schedule, or in another order."""

from __future__ import annotations

import logging
from typing import Any

import torch
from comfy.samplers import KSAMPLER, KSamplerX0Inpaint
from torch import Tensor

from .denoiser import FORESEEN

_MOST = 2000
"""Questions after which a sampler is left alone: it takes its steps after what it sees."""


class _Enough(RuntimeError):
    """A rehearsal that does not come to an end."""


_UNFORESEEN = (
    _Enough,
    ArithmeticError,
    AssertionError,
    AttributeError,
    LookupError,
    RuntimeError,
    TypeError,
    ValueError,
)


class _Rehearsal(KSamplerX0Inpaint):
    """A model that only remembers what it was asked for."""

    def __init__(self, model: Any, sigmas: Tensor) -> None:
        super().__init__(model, sigmas)
        self.asked: dict[float, None] = {}
        self._questions = 0

    def __call__(self, x: Tensor, sigma: Tensor, *_others: Any, model_options: Any = None, **_more: Any) -> Tensor:
        self._questions += 1
        if self._questions > _MOST:
            raise _Enough
        self.asked[float(sigma.reshape(-1)[0])] = None
        nothing = torch.zeros_like(x)
        # Samplers of the CFG++ kind look at both halves of the guidance through this.
        seen = {"denoised": nothing, "cond_denoised": nothing, "uncond_denoised": nothing, "sigma": sigma, "input": x}
        for look in (model_options or {}).get("sampler_post_cfg_function", []):
            look(seen | {"model": self.inner_model, "model_options": model_options, "cond": None, "uncond": None})
        return nothing


def rehearsed(play: Any, guider: Any, sigmas: Tensor, extra_args: dict[str, Any], *others: Any, **more: Any) -> Any:
    """A wrapper around the host's ``Sampler.sample``: first go through the run with an empty picture, which takes no time."""
    sampler = play.class_obj
    # Samplers of other packs may do more than sample.
    ours = isinstance(sampler, KSAMPLER) and sampler.sampler_function.__module__.startswith("comfy.")
    if ours and len(sigmas) > 1:
        options = extra_args["model_options"].setdefault("transformer_options", {})
        options[FORESEEN] = _sigmas_of(sampler, guider, sigmas, extra_args)
    return play(guider, sigmas, extra_args, *others, **more)


def _sigmas_of(sampler: KSAMPLER, guider: Any, sigmas: Tensor, extra_args: dict[str, Any]) -> Tensor:
    model = _Rehearsal(guider, sigmas)
    cuda = [sigmas.device] if sigmas.device.type == "cuda" else []
    blank = torch.zeros(1, 16, 2, 2, device=sigmas.device)
    # What other nodes look at must not see the empty picture: they may remember it, or ask the model more.
    options = {**extra_args["model_options"], "sampler_post_cfg_function": []}
    alone = {**extra_args, "model_options": options, "denoise_mask": None}
    with torch.random.fork_rng(cuda):
        try:
            sampler.sampler_function(
                model, blank, sigmas, extra_args=alone, callback=None, disable=True, **sampler.extra_options
            )
        except _UNFORESEEN as error:
            # What is asked beside the schedule is then worked out when it is asked for: slower, and the same.
            logging.getLogger(__name__).debug("A sampler could not be rehearsed: %s", error)
            model.asked |= dict.fromkeys(map(float, sigmas))
    return torch.tensor(list(model.asked), dtype=sigmas.dtype, device=sigmas.device) if model.asked else sigmas
