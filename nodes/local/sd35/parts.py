"""What a file or a folder holds: the transformer, text encoders, the VAE; and what it is where it is something else."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..errors import ModelRefused
from .headers import Header, read_header

if TYPE_CHECKING:
    from torch import Tensor

TEXT = ("clip_l", "clip_g", "t5xxl")
INDEX = "model_index.json"
"""What makes a folder one of diffusers'."""

_FOLDERS = {
    "transformer": "transformer",
    "clip_l": "text_encoder",
    "clip_g": "text_encoder_2",
    "t5xxl": "text_encoder_3",
    "vae": "vae",
}
_TRANSFORMER_PREFIXES = ("model.diffusion_model.", "diffusion_model.", "transformer.", "")
_ORIGINAL = "joint_blocks.0.x_block.attn.qkv.weight"
_DIFFUSERS = ("transformer_blocks.0.attn.add_q_proj.weight", "pos_embed.proj.weight")
_TEXT_MARKS = ("text_model.final_layer_norm.weight", "encoder.final_layer_norm.weight")
_VAE_MARK = "decoder.conv_in.weight"

# What else lies in such folders, by a part of the names of its weights; the first that fits is said.
_OTHERS = (
    ("controlnet_blocks.", "is a ControlNet; put it into models/controlnet and open it with SD 3.5 Load ControlNet"),
    ("control_model.", "is a ControlNet; put it into models/controlnet and open it with Load ControlNet Model"),
    ("lora_", "is a LoRA; put it into models/loras and open it with Load LoRA, behind this node"),
    ("lokr_", "is a LoRA; put it into models/loras and open it with Load LoRA, behind this node"),
    ("hada_", "is a LoRA; put it into models/loras and open it with Load LoRA, behind this node"),
    ("label_emb.", "is an SDXL model; open it with Load Checkpoint"),
    ("add_embedding.", "is an SDXL model; open it with Load Diffusion Model"),
    ("conditioner.embedders.", "is an SDXL model; open it with Load Checkpoint"),
    ("double_blocks.", "is a FLUX model; open it with Load Diffusion Model"),
    ("single_transformer_blocks.", "is a FLUX model; open it with Load Diffusion Model"),
    ("input_blocks.", "is a Stable Diffusion 1 or 2 model; open it with Load Checkpoint"),
    ("down_blocks.0.attentions.", "is a Stable Diffusion 1 or 2 model; open it with Load Diffusion Model"),
    ("text_model.", "is a text encoder; put it into models/text_encoders and choose it there"),
    ("encoder.block.", "is a T5 text encoder; put it into models/text_encoders and choose it there"),
    ("decoder.conv_in.", "is a VAE; put it into models/vae and choose it there"),
    ("decoder.mid", "is a VAE; put it into models/vae and choose it there"),
    ("diffusion_model.", "is another diffusion model; open it with Load Checkpoint"),
)


@dataclass(frozen=True)
class Part:
    """The weights of one module, in one file or in several, and what a folder's config.json says of it."""

    headers: tuple[Header, ...]
    settings: Mapping[str, Any] = field(default_factory=dict)

    @property
    def header(self) -> Header:
        """All of it as one table of contents."""
        shapes = {name: shape for header in self.headers for name, shape in header.shapes.items()}
        return Header(self.headers[0].path, shapes, self.headers[0].words)

    def tensors(self) -> dict[str, Tensor]:
        """The weights by their names: views of the files."""
        return {name: tensor for header in self.headers for name, tensor in header.tensors().items()}


def parts_of(path: Path) -> dict[str, Part]:
    """The parts in a model file or a diffusers folder, a transformer among them. Raises ``ModelRefused``."""
    found = _in_folder(path) if path.is_dir() else _in_file(read_header(path))
    if "transformer" not in found:
        raise ModelRefused("holds no transformer of Stable Diffusion 3.5.")
    return found


def text_encoder_of(path: Path) -> Part:
    """The text encoder in a file of its own, or in the model file that it came with. Raises ``ModelRefused``."""
    header = read_header(path)
    if not any(mark in header.shapes for mark in _TEXT_MARKS):
        raise ModelRefused(f"{what_is(header)}, not a text encoder.")
    return Part((header,))


def vae_of(path: Path) -> Part:
    """The VAE in a file of its own. Raises ``ModelRefused``."""
    header = read_header(path)
    for prefix in ("first_stage_model.", "vae.", ""):
        if prefix + _VAE_MARK in header.shapes:
            return Part((header.below(prefix),))
    raise ModelRefused(f"{what_is(header)}, not a VAE.")


def what_is(header: Header) -> str:
    """What a file that is no Stable Diffusion 3.5 is, and which node takes it."""
    for mark, words in _OTHERS:
        if any(mark in name for name in header.shapes):
            return words
    return f"is another model (its first part is {json.dumps(next(iter(header.shapes)))})"


def _in_file(header: Header) -> dict[str, Part]:
    names = header.shapes.keys()
    prefix = next((prefix for prefix in _TRANSFORMER_PREFIXES if _is_transformer(header, prefix)), None)
    if prefix is None:
        raise ModelRefused(f"{what_is(header)}.")
    found = {"transformer": Part((header.below(prefix) if prefix else _without_the_rest(header),))}
    for name in TEXT:
        below = f"text_encoders.{name}.transformer."
        if any(below + mark in names for mark in _TEXT_MARKS):
            found[name] = Part((header.below(below),))
    if f"first_stage_model.{_VAE_MARK}" in names:
        found["vae"] = Part((header.below("first_stage_model."),))
    return found


def _is_transformer(header: Header, prefix: str) -> bool:
    names = header.shapes
    if any(name.startswith((f"{prefix}controlnet_blocks.", f"{prefix}single_transformer_blocks.")) for name in names):
        return False
    return prefix + _ORIGINAL in names or all(prefix + name in names for name in _DIFFUSERS)


def _without_the_rest(header: Header) -> Header:
    others = ("text_encoders.", "first_stage_model.")
    shapes = {name: shape for name, shape in header.shapes.items() if not name.startswith(others)}
    return Header(header.path, shapes, header.words, header.opened)


def _in_folder(folder: Path) -> dict[str, Part]:
    if not (folder / INDEX).is_file():
        raise ModelRefused(f"is no diffusers folder: there is no {INDEX} in it.")
    pipeline = str(json_of(folder / INDEX).get("_class_name", ""))
    if not pipeline.startswith("StableDiffusion3"):
        raise ModelRefused(f"is a diffusers folder of another model ({pipeline or 'unnamed'}).")
    found = {}
    for name, below in _FOLDERS.items():
        files = weights_in(folder / below)
        if files:
            settings = folder / below / "config.json"
            headers = tuple(read_header(file) for file in files)
            found[name] = Part(headers, json_of(settings) if settings.is_file() else {})
    return found


def weights_in(folder: Path) -> list[Path]:
    """The file or the files of one part; the full form where a half-precision one lies beside it.

    Raises ``ModelRefused`` where one of several is missing.
    """
    indexes = sorted(folder.glob("*.safetensors.index.json"), key=lambda path: len(path.name))
    whole = sorted(folder.glob("*.safetensors"), key=lambda path: len(path.name))
    if not indexes:
        return whole[:1]
    files = [folder / name for name in sorted(set(json_of(indexes[0]).get("weight_map", {}).values()))]
    if missing := next((file for file in files if not file.is_file()), None):
        raise ModelRefused(f'is not whole: "{missing.name}" is missing in {folder}. Download that file too.')
    return files


def json_of(path: Path) -> dict[str, Any]:
    """What a folder says of itself. Raises ``ModelRefused`` where that is damaged."""
    try:
        found: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise ModelRefused(f"has a damaged {path.name}: {error}.") from error
    if not isinstance(found, dict):
        raise ModelRefused(f"has a damaged {path.name}.")
    return found


def shift_of(folder: Path) -> float | None:
    """How far a diffusers folder's own schedule is shifted towards noise; None where it says nothing."""
    path = folder / "scheduler/scheduler_config.json"
    said = json_of(path).get("shift") if path.is_file() else None
    if said is not None and not isinstance(said, (int, float)):
        raise ModelRefused(f"has a damaged {path.name}: its shift is {json.dumps(said)}, which is no number.")
    return said
