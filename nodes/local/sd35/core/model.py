"""From a transformer to the host's MODEL: its memory management, samplers, previews and patches work on it."""

from __future__ import annotations

import weakref
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
from comfy.patcher_extension import CallbacksMP, WrappersMP
from torch import Tensor

from ..transformer import Transformer
from ..variants import OTHER, Variant
from .denoiser import Denoiser
from .modulation import Modulations
from .ops import keep_small_leaves_on_device, offloadable
from .rehearsal import rehearsed

_BELOW = "diffusion_model.transformer."
_COMPILED = "torch.compile"
"""Under this the host keeps the wrapper of its node Torch Compile Model."""
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
    modulations: Modulations

    def timesteps_of(self, sigmas: Tensor) -> Tensor:
        """What the transformer is told of the noise."""
        found: Tensor = self.model_sampling.timestep(sigmas).float()
        return found

    def memory_required(self, *shapes: Any, **more: Any) -> float:
        """In bytes: beside what a picture takes, the answers of the modulation layers."""
        needed: float = super().memory_required(*shapes, **more)
        return needed + (self.modulations.room if self.modulations.resting else 0)


class Patcher(ModelPatcher):
    """The host's patcher: it takes patches under the names of the original layout too, and lets the modulation layers rest."""

    rests = True
    """Whether the modulation layers may rest."""
    _unloading = False

    def clone(self, *options: Any, **more: Any) -> Patcher:
        cloned: Patcher = super().clone(*options, **more)
        cloned.rests = self.rests
        return cloned

    def model_size(self) -> int:
        """Bytes on the device when all of the model is loaded."""
        whole = self.get_ram_usage()
        return whole - self.model.modulations.spared if self.model.modulations.resting else whole

    def get_ram_usage(self) -> int:
        """Bytes of the whole model."""
        if not hasattr(self.model, "whole"):
            self.model.whole = mm.module_size(self.model)
        whole: int = self.model.whole
        return whole

    def partially_load(self, device_to: Any, extra_memory: float = 0, force_patch_weights: bool = False) -> Any:
        """As the host's; the modulation layers are loaded like all others where their answers cannot be foreseen."""
        modulations = self.model.modulations
        if modulations.resting != (rests := self._may_rest(force_patch_weights)):
            self.unpatch_model(self.offload_device)
            if rests:
                modulations.rest()
            else:
                modulations.wake()
        return super().partially_load(device_to, extra_memory, force_patch_weights=force_patch_weights)

    def partially_unload(self, *options: Any, **more: Any) -> Any:
        """As the host's; what cannot be streamed stays: the host may sample next without another load."""
        self._unloading = True
        try:
            return super().partially_unload(*options, **more)
        finally:
            self._unloading = False

    def load(self, *options: Any, **more: Any) -> None:
        super().load(*options, **more)
        if self.model.modulations.resting:
            self.model.modulations.loaded(self.patches, self.patches_uuid)

    def unpatch_model(self, device_to: Any = None, unpatch_weights: bool = True) -> None:
        super().unpatch_model(device_to, unpatch_weights)
        if unpatch_weights and self.model.modulations.resting:
            self.model.modulations.off_the_device(self.offload_device)

    def cleanup(self) -> None:
        """After each run, whether it went well or not."""
        super().cleanup()
        self.model.modulations.off_the_device(self.offload_device)

    def _load_list(self, *options: Any, **more: Any) -> list[Any]:
        found = super()._load_list(*options, **more)
        return [entry for entry in found if not any(self._stays(part) for part in entry)]

    def _stays(self, part: Any) -> bool:
        """Whether it is a layer that is neither loaded nor, now, unloaded."""
        if not isinstance(part, torch.nn.Module):
            return False
        return getattr(part, "resting", False) or (self._unloading and not hasattr(part, "comfy_cast_weights"))

    def _may_rest(self, to_be_saved: bool) -> bool:
        """Whether nothing changes the layers' weights during a run, and nobody wants to read them patched."""
        replaced = any(name.split(".")[0] == "diffusion_model" for name in self.object_patches)
        if replaced or _COMPILED in self.wrappers.get(WrappersMP.APPLY_MODEL, {}):
            # What has been compiled as a whole cannot look anything up, and other layers have other answers.
            return False
        names = self.model.modulations.names() | self.model.modulations.asked_with()
        changing = [*self.hook_patches.values(), self.weight_wrapper_patches]
        return self.rests and not to_be_saved and all(names.isdisjoint(patches) for patches in changing)

    def add_patches(
        self, patches: Mapping[Any, Any], strength_patch: float = 1.0, strength_model: float = 1.0
    ) -> list[Any]:
        """Returns the caller's own names of what was patched: the host reports every other as not loaded."""
        wanted = self._under_our_names(patches)
        done = set(
            super().add_patches({wanted[key]: patch for key, patch in patches.items()}, strength_patch, strength_model)
        )
        return [key for key in patches if wanted[key] in done]

    def add_hook_patches(self, hook: Any, patches: Mapping[Any, Any], *strengths: float, **more: float) -> list[Any]:
        """The same for patches that come and go during a run."""
        wanted = self._under_our_names(patches)
        done = set(
            super().add_hook_patches(hook, {wanted[key]: patch for key, patch in patches.items()}, *strengths, **more)
        )
        return [key for key in patches if wanted[key] in done]

    def _under_our_names(self, patches: Mapping[Any, Any]) -> dict[Any, Any]:
        config = self.model.model_config.unet_config
        named = comfy.utils.mmdit_to_diffusers(config, output_prefix="diffusion_model.")
        ours = {
            (target, None) if isinstance(target, str) else target[:2]: f"{_BELOW}{name}"
            for name, target in named.items()
        }
        return {key: ours.get((key, None) if isinstance(key, str) else key[:2], key) for key in patches}


def as_model(
    transformer: Transformer,
    variant: Variant = OTHER,
    *,
    best_side: int = 1024,
    shift: float | None = None,
    latents: tuple[float, float] | None = None,
    rests: bool = True,
) -> Patcher:
    """A MODEL around ``transformer``, on the CPU until the host loads it.

    ``shift`` moves the schedule towards noise (3.0 unless said); ``latents`` are (scale, shift) of a VAE that is not the
    published one; ``rests`` is whether the modulation layers may stay off the device.
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
    base.modulations = Modulations(module, _BELOW)
    if rests:
        base.modulations.rest()
    # Weak, so that a model that nobody holds is gone at once.
    base.diffusion_model = Denoiser(module, base.modulations, weakref.WeakMethod(base.timesteps_of))
    side = made.pos_embed_max_size * made.patch_size * 8
    base.facts = Facts(variant, min(best_side, side), side)
    patcher = Patcher(base, load_device=device, offload_device=mm.unet_offload_device())
    patcher.rests = rests
    patcher.add_callback(CallbacksMP.ON_LOAD, keep_small_leaves_on_device)
    patcher.add_wrapper(WrappersMP.SAMPLER_SAMPLE, rehearsed)
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
