"""From a file's weights to diffusers' autoencoder: without a copy, a configuration file or a network."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ..errors import ModelRefused
from .parts import Part
from .transformer import assign, diffusers_there

SCALE, SHIFT = 1.5305, 0.0609
"""How the published family's latents are brought to the transformer: (latent - shift) * scale."""


@dataclass(frozen=True)
class Autoencoder:
    """The module (``AutoencoderKL``), and how its latents are brought to the transformer."""

    module: Any
    scale: float
    shift: float


def build_vae(part: Part) -> Autoencoder:
    """The autoencoder, its weights views of the file. Raises ``ModelRefused`` where it is another model's."""
    import torch

    diffusers_there()
    from diffusers import AutoencoderKL
    from diffusers.loaders.single_file_utils import convert_ldm_vae_checkpoint

    tensors = part.tensors()
    if "decoder.up.0.block.0.norm1.weight" in tensors:
        levels = _levels(tensors, "encoder.down.{}.block.0.conv1.weight")
        names = dict.fromkeys(("down_block_types", "up_block_types"), ["block"] * len(levels))
        tensors = convert_ldm_vae_checkpoint(tensors, names)
    config = _config(tensors)
    with torch.device("meta"):
        module = AutoencoderKL.from_config(config)
    assign(module, tensors)
    scale, shift = part.settings.get("scaling_factor"), part.settings.get("shift_factor")
    return Autoencoder(
        module.eval().requires_grad_(False), SCALE if scale is None else scale, SHIFT if shift is None else shift
    )


def _levels(tensors: Mapping[str, Any], pattern: str) -> list[int]:
    """The channels of each level of the encoder."""
    found: list[int] = []
    while pattern.format(len(found)) in tensors:
        found.append(tensors[pattern.format(len(found))].shape[0])
    return found


def _config(tensors: Mapping[str, Any]) -> dict[str, Any]:
    channels = _levels(tensors, "encoder.down_blocks.{}.resnets.0.conv1.weight")
    if len(channels) != 4 or "decoder.conv_in.weight" not in tensors:
        raise ModelRefused("is not the VAE of Stable Diffusion 3.5.")
    latent = tensors["decoder.conv_in.weight"].shape[1]
    if latent != 16 or "post_quant_conv.weight" in tensors:
        raise ModelRefused(
            f"is the VAE of another model: its latents have {latent} channels, those of Stable Diffusion 3.5 have 16."
        )
    layers = len(
        [name for name in tensors if name.startswith("encoder.down_blocks.0.") and name.endswith("conv1.weight")]
    )
    return {
        "in_channels": 3,
        "out_channels": 3,
        "down_block_types": ["DownEncoderBlock2D"] * 4,
        "up_block_types": ["UpDecoderBlock2D"] * 4,
        "block_out_channels": channels,
        "layers_per_block": layers,
        "latent_channels": latent,
        # The published one has 32 groups for 128 channels.
        "norm_num_groups": max(1, channels[0] // 4),
        "use_quant_conv": False,
        "use_post_quant_conv": False,
        "scaling_factor": SCALE,
        "shift_factor": SHIFT,
    }
