"""ControlNets of the family: told apart by the names and shapes of their weights, and brought to the names that the host reads."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..errors import ModelRefused
from .choices import TRAINED_ON
from .headers import Header, read_header
from .parts import Part, json_of, weights_in, what_is
from .transformer import diffusers_there
from .variants import HEAD

if TYPE_CHECKING:
    from torch import Tensor

Shapes = Mapping[str, tuple[int, ...]]
CONFIG = "config.json"

_NUMBER = "control_type"
_CLASS = "SD3ControlNetModel"
_POOLED = 2048
_LATENTS = 16
_HINT = "pos_embed_input.proj.weight"
_VECTOR = "time_text_embed.text_embedder.linear_1.weight"
_BLOCK = "transformer_blocks."
# What the published files call the layers of a block, and what diffusers does.
_IN_BLOCK = {
    "adaLN_modulation.1": "norm1.linear",
    "attn.proj": "attn.to_out.0",
    "mlp.fc1": "ff.net.0.proj",
    "mlp.fc2": "ff.net.2",
}
_FUSED, _THIRDS = "attn.qkv", ("attn.to_q", "attn.to_k", "attn.to_v")
_LORA = ("lora_up.", "lora_A.", "lokr_", "hada_")
_NETS = ("controlnet", "control_model.", "control_add_embedding.", "zero_convs.")
# Whose ControlNet it is otherwise, by a part of the names of its weights; the first that fits is said.
_OTHERS = (
    ("lora_controlnet", "SDXL (a Control-LoRA)"),
    ("img_mlp.", "Qwen-Image"),
    ("controlnet_x_embedder.", "FLUX"),
    ("double_blocks.", "FLUX"),
    ("after_proj_list.", "HunyuanDiT"),
    ("control_add_embedding.", "SDXL (a union of several)"),
    ("add_embedding.", "SDXL"),
    ("label_emb.", "SDXL"),
    ("controlnet_cond_embedding.", "Stable Diffusion 1 or 2"),
    ("input_hint_block.", "Stable Diffusion 1 or 2"),
)


@dataclass(frozen=True)
class ControlFile:
    """A ControlNet of the family, not yet read: its weights, the configuration of its structure, what it was trained on."""

    part: Part
    config: Mapping[str, Any]
    trained_on: str
    """One of ``TRAINED_ON``, or nothing where neither the file nor its name says."""

    @property
    def reads_words(self) -> bool:
        """Whether it has a text stream of its own; such nets want the picture as it is."""
        return self.config["joint_attention_dim"] is not None

    @property
    def width(self) -> int:
        width: int = self.config["num_attention_heads"] * HEAD
        return width

    def weights(self) -> dict[str, Tensor]:
        """Its weights by the names that the host reads."""
        tensors = {name: tensor for name, tensor in self.part.tensors().items() if _belongs(name, self.reads_words)}
        return tensors if self.reads_words else _as_published(tensors)


def control_file(path: Path) -> ControlFile:
    """The ControlNet in a file or a folder of diffusers'. Raises ``ModelRefused`` saying what it is instead."""
    import torch

    part = _folder(path) if path.is_dir() else Part((read_header(path),))
    header = part.header
    _refuse_others(header)
    config = _config_of(header)
    said = f"{path.parent.name if path.stem.startswith('diffusion_pytorch_model') else ''} {path.name}".lower()
    if _NUMBER in header.shapes:
        number = round(torch.as_tensor(part.tensors()[_NUMBER]).flatten()[0].item())
        trained_on = TRAINED_ON[number] if 0 <= number < len(TRAINED_ON) else ""
    else:
        trained_on = next((kind for kind in TRAINED_ON if kind in said), "")
    return ControlFile(part, config, trained_on)


def _folder(folder: Path) -> Part:
    if not (folder / CONFIG).is_file():
        raise ModelRefused(f"is no folder of a ControlNet: there is no {CONFIG} in it.")
    settings = json_of(folder / CONFIG)
    if (made := settings.get("_class_name")) != _CLASS:
        raise ModelRefused(f"is the folder of another model ({made or 'unnamed'}), not of a ControlNet of this family.")
    files = weights_in(folder)
    if not files:
        raise ModelRefused("holds no .safetensors file.")
    return Part(tuple(read_header(file) for file in files), settings)


def _refuse_others(header: Header) -> None:
    names = header.shapes
    if _HINT in names and "controlnet_blocks.0.weight" in names and any(name.startswith(_BLOCK) for name in names):
        return
    if _any(names, _LORA):
        raise ModelRefused("is a LoRA; put it into models/loras and open it with SD 3.5 Apply LoRA.")
    if _any(names, _NETS):
        whose = next((words for mark, words in _OTHERS if _any(names, (mark,))), "another model")
        raise ModelRefused(
            f"is a ControlNet for {whose}, not for Stable Diffusion 3.5; Load ControlNet Model opens it, for a model of that kind."
        )
    if _any(names, ("joint_blocks.",)) or {"proj_out.weight", _VECTOR} <= names.keys():
        raise ModelRefused(
            "is a Stable Diffusion 3.5 model; put it into models/checkpoints and open it with Load SD 3.5."
        )
    raise ModelRefused(f"{what_is(header)}, not a ControlNet.")


def _any(names: Iterable[str], marks: Iterable[str]) -> bool:
    return any(mark in name for name in names for mark in marks)


def _config_of(header: Header) -> dict[str, Any]:
    """What diffusers' ``SD3ControlNetModel`` is built with, from shapes alone, checked against what it then consists of."""
    reads_words = "context_embedder.weight" in header.shapes
    shapes = _in_diffusers({name: size for name, size in header.shapes.items() if _belongs(name, reads_words)})
    try:
        config = _config(shapes, reads_words)
    except (KeyError, ValueError, IndexError) as error:
        raise ModelRefused(f"is a ControlNet with parts missing ({error}). Download it again.") from error
    if not reads_words and config["pooled_projection_dim"] != _POOLED:
        raise ModelRefused(
            f"is a ControlNet of a kind that is not known here: it takes {config['pooled_projection_dim']} numbers for the whole "
            f"prompt, not {_POOLED}."
        )
    _check(config, shapes)
    return config


def _config(shapes: Shapes, reads_words: bool) -> dict[str, Any]:
    blocks = sorted({int(found[1]) for found in (re.match(rf"{_BLOCK}(\d+)\.", name) for name in shapes) if found})
    width, channels, patch, _ = shapes[_HINT]
    caption, joint = shapes["context_embedder.weight"] if reads_words else (width, None)
    return {
        "num_layers": blocks[-1] + 1,
        "num_attention_heads": width // HEAD,
        "attention_head_dim": HEAD,
        "patch_size": patch,
        "in_channels": _LATENTS,
        "out_channels": _LATENTS,
        "extra_conditioning_channels": channels - _LATENTS,
        "sample_size": 128,
        "joint_attention_dim": joint,
        "caption_projection_dim": caption,
        "pooled_projection_dim": shapes[_VECTOR][1],
        "use_pos_embed": reads_words,
        "pos_embed_max_size": math.isqrt(shapes["pos_embed.pos_embed"][1]) if reads_words else 1,
        "dual_attention_layers": tuple(i for i in blocks if f"{_BLOCK}{i}.attn2.to_q.weight" in shapes),
        "qk_norm": "rms_norm" if f"{_BLOCK}0.attn.norm_q.weight" in shapes else None,
        "force_zeros_for_pooled_projection": reads_words,
    }


def _check(config: Mapping[str, Any], shapes: Shapes) -> None:
    """Raises ``ModelRefused`` naming what is missing, too much or of a wrong shape: the host would only log it."""
    import torch

    diffusers_there()
    from diffusers import SD3ControlNetModel

    with torch.device("meta"):
        wanted = SD3ControlNetModel.from_config(config).state_dict()
    for name, weight in wanted.items():
        if name not in shapes:
            raise ModelRefused(f"is a ControlNet with parts missing ({name}). Download it again.")
        if tuple(weight.shape) != shapes[name]:
            raise ModelRefused(f"has parts that do not fit together ({name} is {shapes[name]}). Download it again.")
    if strange := next((name for name in shapes if name not in wanted), None):
        raise ModelRefused(f'has a part that no ControlNet of Stable Diffusion 3.5 has ("{strange}").')


def _belongs(name: str, reads_words: bool) -> bool:
    # Nets without words share the embedding of the model's own patches; diffusers may have saved it with them.
    return name != _NUMBER and (reads_words or not name.startswith("pos_embed."))


def _in_diffusers(shapes: Shapes) -> dict[str, tuple[int, ...]]:
    found: dict[str, tuple[int, ...]] = {}
    for name, shape in shapes.items():
        block, layer, end = _split(name)
        if layer == _FUSED:
            found |= {f"{block}.{third}.{end}": (shape[0] // 3, *shape[1:]) for third in _THIRDS}
        else:
            found[f"{block}.{_IN_BLOCK.get(layer, layer)}.{end}" if block else name] = shape
    return found


def _as_published(tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """The names of the published files, q, k and v in one."""
    import torch

    published = {theirs: ours for ours, theirs in _IN_BLOCK.items()}
    found: dict[str, Tensor] = {}
    for name, tensor in tensors.items():
        block, layer, end = _split(name)
        if layer == _THIRDS[0]:
            found[f"{block}.{_FUSED}.{end}"] = torch.cat([tensors[f"{block}.{third}.{end}"] for third in _THIRDS])
        elif layer not in _THIRDS:
            found[f"{block}.{published.get(layer, layer)}.{end}" if block else name] = tensor
    return found


def _split(name: str) -> tuple[str, str, str]:
    """A block, the layer in it, and weight or bias; without a block, the rest is of no interest."""
    found = re.match(rf"({_BLOCK}\d+)\.(.+)\.(\w+)$", name)
    return (found[1], found[2], found[3]) if found else ("", "", "")
