"""From a transformer to the host's MODEL: its memory management, samplers, previews and patches work on it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import comfy.latent_formats
import comfy.model_base
import comfy.model_management as mm
import comfy.supported_models
import comfy.utils
import torch
from comfy.model_patcher import ModelPatcher
from comfy.patcher_extension import CallbacksMP

from ..transformer import Transformer
from ..variants import OTHER, Variant
from .denoiser import Denoiser
from .ops import keep_small_leaves_on_device, offloadable

_COMPUTED_IN = [torch.bfloat16, torch.float16, torch.float32]
"""In order of preference: the family was trained in bfloat16."""


@dataclass(frozen=True)
class Facts:
    """What the nodes have to know of a model: which member it is, and its sizes in pixels."""

    variant: Variant
    best_side: int
    largest_side: int


class Sd35(comfy.model_base.SD3):
    """The host's model of this family, around a transformer of diffusers'."""

    facts: Facts


class Patcher(ModelPatcher):
    """The host's patcher, which takes its patches under the names of the original layout too."""

    def add_patches(
        self, patches: Mapping[Any, Any], strength_patch: float = 1.0, strength_model: float = 1.0
    ) -> list[Any]:
        """Returns the caller's own names of what was patched: the host reports every other as not loaded."""
        config = self.model.model_config.unet_config
        named = comfy.utils.mmdit_to_diffusers(config, output_prefix="diffusion_model.")
        ours = {
            (target, None) if isinstance(target, str) else target[:2]: f"diffusion_model.transformer.{name}"
            for name, target in named.items()
        }
        wanted = {key: ours.get((key, None) if isinstance(key, str) else key[:2], key) for key in patches}
        done = set(
            super().add_patches({wanted[key]: patch for key, patch in patches.items()}, strength_patch, strength_model)
        )
        return [key for key in patches if wanted[key] in done]


def as_model(
    transformer: Transformer,
    variant: Variant = OTHER,
    *,
    best_side: int = 1024,
    shift: float | None = None,
    latents: tuple[float, float] | None = None,
) -> Patcher:
    """A MODEL around ``transformer``, on the CPU until the host loads it.

    ``shift`` moves the schedule towards noise (3.0 unless said); ``latents`` are (scale, shift) of a VAE that is not the
    published one.
    """
    module, made = transformer.module, transformer.module.config
    config = comfy.supported_models.SD3(
        {
            "in_channels": made.in_channels,
            "depth": made.num_attention_heads,
            "num_blocks": made.num_layers,
            "pos_embed_scaling_factor": None,
            "adm_in_channels": made.pooled_projection_dim,
            "disable_unet_model_creation": True,
        }
    )
    if shift is not None:
        config.sampling_settings["shift"] = shift
    if latents is not None:
        config.latent_format.scale_factor, config.latent_format.shift_factor = latents
    device = mm.get_torch_device()
    kept, working = _forms(transformer, device)
    if kept != _form(module):
        torch.nn.Module.to(module, kept)
    casts = offloadable(module, transformer.scales, working)
    config.set_inference_dtype(kept, working if casts else None)
    base = Sd35(config, device=mm.unet_offload_device())
    base.diffusion_model = Denoiser(module)
    side = made.pos_embed_max_size * made.patch_size * 8
    base.facts = Facts(variant, min(best_side, side), side)
    patcher = Patcher(base, load_device=device, offload_device=mm.unet_offload_device())
    patcher.add_callback(CallbacksMP.ON_LOAD, keep_small_leaves_on_device)
    return patcher


def facts_of(model: Any) -> Facts | None:
    """What is known of a MODEL; None where it is no Stable Diffusion 3.5 model that Easel has opened."""
    return model.model.facts if isinstance(model.model, Sd35) else None


def is_of_the_family(model: Any) -> bool:
    """Whether it is a Stable Diffusion 3 or 3.5 model, whoever has opened it."""
    return isinstance(model.model, comfy.model_base.SD3)


def _forms(transformer: Transformer, device: torch.device) -> tuple[torch.dtype, torch.dtype]:
    """What weights are kept in, and what is computed in. They are never kept in a larger form than the file's."""
    module = transformer.module
    linear = _form(module)
    parameters = sum(weight.numel() for weight in module.parameters())
    asked = mm.unet_dtype(device, model_params=parameters, supported_dtypes=_COMPUTED_IN, weight_dtype=linear)
    kept = asked if asked.itemsize < linear.itemsize and not transformer.scales else linear
    working = mm.unet_manual_cast(kept, device, _COMPUTED_IN)
    return kept, kept if working is None else working


def _form(module: Any) -> torch.dtype:
    """What most of the weights are kept in."""
    form: torch.dtype = module.transformer_blocks[0].ff.net[2].weight.dtype
    return form
