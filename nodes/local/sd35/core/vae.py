"""From an autoencoder to the host's VAE."""

from __future__ import annotations

import copy
from typing import Any

import comfy.ldm.models.autoencoder
import comfy.model_management as mm
import comfy.sd
import torch
from comfy.model_patcher import ModelPatcher
from comfy.patcher_extension import CallbacksMP
from torch import Tensor, nn

from ...errors import WishRefused
from ..vae import Autoencoder
from .ops import keep_small_leaves_on_device, offloadable

_SHELL = {
    "ddconfig": {
        "double_z": True,
        "z_channels": 16,
        "resolution": 8,
        "in_channels": 3,
        "out_ch": 3,
        "ch": 32,
        "ch_mult": [1, 1, 1, 1],
        "num_res_blocks": 1,
        "attn_resolutions": [],
        "dropout": 0.0,
    },
    "embed_dim": 16,
}
"""The smallest autoencoder of the host's own, for which a VAE is set up before it is given ours."""


class Holder(nn.Module):
    """What the host calls ``first_stage_model``. The host sets an attribute ``device``, read-only in diffusers' models."""

    def __init__(self, autoencoder: Any) -> None:
        super().__init__()
        self.autoencoder = autoencoder

    def encode(self, pixels: Tensor, **_others: Any) -> Tensor:
        """The middle of the distribution, as the host takes it."""
        latents: Tensor = self.autoencoder.encode(pixels).latent_dist.mode()
        return latents

    def decode(self, latents: Tensor, **_others: Any) -> Tensor:
        pixels: Tensor = self.autoencoder.decode(latents, return_dict=False)[0]
        return pixels


def as_vae(autoencoder: Autoencoder) -> comfy.sd.VAE:
    """A VAE around ``autoencoder``, on the CPU until the host loads it."""
    shell = comfy.ldm.models.autoencoder.AutoencoderKL(**_SHELL).state_dict()
    vae = comfy.sd.VAE(sd=shell, config={"params": _SHELL})
    module = autoencoder.module
    # Not streamed from a smaller form: it is small, and its convolutions gain nothing from it.
    nn.Module.to(module, vae.vae_dtype)
    offloadable(module, {}, vae.vae_dtype)
    vae.latent_channels = module.config.latent_channels
    vae.first_stage_model = Holder(module)
    vae.patcher = ModelPatcher(vae.first_stage_model, load_device=vae.device, offload_device=mm.vae_offload_device())
    vae.patcher.add_callback(CallbacksMP.ON_LOAD, keep_small_leaves_on_device)
    vae.size = None
    vae.model_size()
    return vae


def hurried_vae(vae: Any, half_precision: bool, channels_last: bool) -> Any:
    """A VAE beside ``vae`` that computes in bfloat16, in the channels-last layout, or both; ``vae`` itself where neither is wanted.

    Raises ``WishRefused`` for one that is not of pictures.
    """
    if not isinstance(vae, comfy.sd.VAE) or vae.latent_dim != 2:
        raise WishRefused("This node takes a VAE of pictures: connect that of Load SD 3.5.")
    if not half_precision and not channels_last:
        return vae
    faster = copy.copy(vae)
    # Copied where it is kept, and not as something that is loaded.
    vae.patcher.unpatch_model(mm.vae_offload_device())
    module = copy.deepcopy(vae.patcher.model)
    if half_precision:
        faster.vae_dtype = torch.bfloat16
        module.to(torch.bfloat16)
    if channels_last:
        module.to(memory_format=torch.channels_last)
    faster.first_stage_model = module
    faster.patcher = ModelPatcher(module, load_device=vae.patcher.load_device, offload_device=mm.vae_offload_device())
    faster.patcher.add_callback(CallbacksMP.ON_LOAD, keep_small_leaves_on_device)
    faster.size = None
    faster.model_size()
    return faster


def is_finite(found: Tensor) -> bool:
    """Whether there is a picture in these latents or pixels at all."""
    return bool(torch.isfinite(found).all())
