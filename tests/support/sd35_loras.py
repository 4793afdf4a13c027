"""One and the same LoRA in the formats of its trainers, for the small model."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import torch
from torch import Tensor

Tensors = dict[str, Tensor]
Updates = Mapping[str, tuple[Tensor, Tensor]]
"""(up, down) of each layer, by diffusers' names; q, k and v share their down, as those of a fused layer must."""

RANK = 3
LAYERS = (
    "attn.to_q",
    "attn.to_k",
    "attn.to_v",
    "attn.add_q_proj",
    "attn.add_k_proj",
    "attn.add_v_proj",
    "ff.net.0.proj",
    "attn.to_out.0",
)
LAST = "transformer_blocks.2.norm1_context.linear"


def diffusers(updates: Updates, prefix: str = "transformer.") -> Tensors:
    found: Tensors = {}
    for layer, (up, down) in updates.items():
        found |= {f"{prefix}{layer}.lora_A.weight": down, f"{prefix}{layer}.lora_B.weight": up}
    return found


def flat(updates: Updates, prefix: str) -> Tensors:
    found: Tensors = {}
    for layer, (up, down) in updates.items():
        name = prefix + layer.replace(".", "_")
        found |= {
            f"{name}.lora_down.weight": down,
            f"{name}.lora_up.weight": up,
            f"{name}.alpha": torch.tensor(float(RANK)),
        }
    return found


def kohya(updates: Updates, prefix: str = "lora_unet_", join: str = "_") -> Tensors:
    """In the layout of the original code, q, k and v in one."""
    block = "transformer_blocks.1."
    pairs = {
        "joint_blocks.1.x_block.attn.qkv": [f"{block}attn.to_{c}" for c in "qkv"],
        "joint_blocks.1.context_block.attn.qkv": [f"{block}attn.add_{c}_proj" for c in "qkv"],
        "joint_blocks.1.x_block.mlp.fc1": [f"{block}ff.net.0.proj"],
        "joint_blocks.1.x_block.attn.proj": [f"{block}attn.to_out.0"],
    }
    found: Tensors = {}
    for name, layers in pairs.items():
        up = torch.cat([updates[layer][0] for layer in layers])
        module = prefix + name.replace(".", join)
        found |= {f"{module}.lora_down.weight": updates[layers[0]][1], f"{module}.lora_up.weight": up}
        found[f"{module}.alpha"] = torch.tensor(float(RANK))
    up, down = updates[LAST]
    module = prefix + "joint_blocks.2.context_block.adaLN_modulation.1".replace(".", join)
    # There shift stands before scale.
    found |= {f"{module}.lora_down.weight": down, f"{module}.lora_up.weight": torch.cat(up.chunk(2)[::-1])}
    found[f"{module}.alpha"] = torch.tensor(float(RANK))
    return found


def lycoris(updates: Updates) -> Tensors:
    """Kronecker products: one times the whole change."""
    found: Tensors = {}
    for layer, (up, down) in updates.items():
        name = "lycoris_" + layer.replace(".", "_")
        found |= {f"{name}.lokr_w1": torch.ones(1, 1), f"{name}.lokr_w2": up @ down, f"{name}.alpha": torch.tensor(1.0)}
    return found


def lycoris_of_kohya(updates: Updates) -> Tensors:
    """In the layout of the original code: a product that is for q, k and v together."""
    pairs = kohya(updates)
    found: Tensors = {}
    for name in {key.partition(".")[0] for key in pairs}:
        change = pairs[f"{name}.lora_up.weight"] @ pairs[f"{name}.lora_down.weight"]
        found |= {f"{name}.lokr_w1": torch.ones(1, 1), f"{name}.lokr_w2": change, f"{name}.alpha": torch.tensor(1.0)}
    return found


FORMATS: dict[str, Callable[[Updates], Tensors]] = {
    "diffusers": diffusers,
    "peft": lambda updates: {
        name.replace(".lora_A.", ".lora_A.default."): tensor
        for name, tensor in diffusers(updates, "base_model.model.").items()
    },
    "OneTrainer": lambda updates: flat(updates, "lora_transformer_"),
    "kohya": kohya,
    "original names": lambda updates: kohya(updates, "diffusion_model.", "."),
    "LyCORIS": lycoris,
    "LyCORIS of kohya": lycoris_of_kohya,
}
