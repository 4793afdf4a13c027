"""LoRAs of every format in one: which layer of the transformer each of their tensors changes, under diffusers' name."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from .errors import ModelRefused
from .headers import Header
from .layouts import Piece, original_layers
from .parts import what_is

if TYPE_CHECKING:
    from torch import Tensor

Shapes = Mapping[str, tuple[int, ...]]
_TENSOR = re.compile(
    r"^(?P<layer>.+?)\.(?P<end>lora_(?:up|down|mid|A|B)(?:\.default)?(?:\.weight)?|lora\.(?:up|down)\.weight|alpha|dora_scale"
    r"|lok?r_\w+|hada_\w+|diff|diff_b)$"
)
_ROWS = ("lora_up.weight", "lora_B.weight", "lora.up.weight")
_COLUMNS = ("lora_down.weight", "lora_A.weight", "lora.down.weight")
_TEXT = ("lora_te", "text_encoder")
# Whose LoRA it is, by a part of the names of its layers.
_BASES = (
    ("double_blocks", "FLUX"),
    ("single_transformer_blocks", "FLUX"),
    ("input_blocks", "SDXL or Stable Diffusion 1 or 2"),
    ("down_blocks", "SDXL or Stable Diffusion 1 or 2"),
)


@dataclass(frozen=True)
class Sorted:
    """A LoRA's tensors for the transformer as ``LAYER.END``, and all others as they were; how many layers it has."""

    transformer: Mapping[str, Tensor]
    others: Mapping[str, Tensor]
    layers: int
    """Layers of the file, of which ``matched`` are the transformer's."""
    matched: int


def check(header: Header) -> None:
    """Raises ``ModelRefused`` where the file is no LoRA."""
    if not any(_TENSOR.match(name) for name in header.shapes):
        raise ModelRefused(f"is no LoRA: it {what_is(header)}.")


def sort(tensors: Mapping[str, Tensor], weights: Shapes) -> Sorted:
    """Find the layer that each tensor changes; ``weights`` are the shapes of the transformer's, by diffusers' names.

    Understood are diffusers and peft, kohya (q, k and v in one are taken apart), OneTrainer and LyCORIS. Raises
    ``ModelRefused`` for a LoRA of a model of another size, or of another family.
    """
    known = _known_layers(weights)
    found: dict[str, Tensor] = {}
    others: dict[str, Tensor] = {}
    layers, matched = set(), set()
    for name, tensor in tensors.items():
        parsed = _TENSOR.match(name)
        if parsed is None:
            others[name] = tensor
            continue
        layer, end = parsed["layer"], parsed["end"].replace(".default", "")
        layers.add(layer)
        taken = [(piece.target, _changed(piece, end, tensor)) for piece in known.get(layer, [])]
        if not taken or any(changed is None for _, changed in taken):
            others[name] = tensor
            continue
        matched.add(layer)
        for target, changed in taken:
            if changed is not None:
                _fits(target, end, changed, weights)
                found[f"{target}.{end}"] = changed
    return Sorted(found, others, len(layers), len(matched))


def refuse_unmatched(tensors: Mapping[str, Tensor]) -> ModelRefused:
    """The error for a LoRA of which nothing belongs to the model."""
    base = next((base for mark, base in _BASES if any(mark in name for name in tensors)), None)
    whose = f"it is made for {base}" if base else f"its first layer is called {next(iter(tensors))}"
    return ModelRefused(
        f"changes nothing in Stable Diffusion 3.5: {whose}. Take a LoRA that was trained on this model."
    )


def text_layers(tensors: Iterable[str]) -> int:
    """How many layers of text encoders there are among these."""
    return len({parsed["layer"] for name in tensors if name.startswith(_TEXT) and (parsed := _TENSOR.match(name))})


def refuse_unheard() -> ModelRefused:
    """The error for a LoRA of text encoders alone where there are none."""
    return ModelRefused("changes the text encoders only: connect clip, from Load SD 3.5.")


def _known_layers(weights: Shapes) -> dict[str, list[Piece]]:
    """Every name that trainers give a layer, to the pieces of it here."""
    layers = [name.removesuffix(".weight") for name in weights if name.endswith(".weight")]
    known: dict[str, list[Piece]] = {}
    for layer in layers:
        flat = layer.replace(".", "_")
        names = [f"{prefix}{layer}" for prefix in ("transformer.", "base_model.model.", "diffusion_model.", "")]
        names += [f"{prefix}{flat}" for prefix in ("lora_transformer_", "lycoris_", "lora_unet_")]
        known |= {name: [Piece(layer, layer)] for name in names}
    blocks = [int(layer.split(".")[1]) for layer in layers if layer.startswith("transformer_blocks.")]
    for name, pieces in original_layers(layers, max(blocks)).items():
        flat = name.replace(".", "_")
        known |= dict.fromkeys((f"lora_unet_{flat}", f"lycoris_{flat}", f"diffusion_model.{name}", name), pieces)
    return known


def _changed(piece: Piece, end: str, tensor: Tensor) -> Tensor | None:
    """The part of a tensor that changes this piece; None where it cannot be told apart."""
    if piece.third is None and not piece.swapped:
        return tensor
    if end in _ROWS:
        return piece.of(tensor)
    return tensor if end in (*_COLUMNS, "alpha", "lora_mid.weight") else None


def _fits(layer: str, end: str, tensor: Tensor, weights: Shapes) -> None:
    shape = weights[f"{layer}.weight"]
    wanted = shape[0] if end in _ROWS else shape[1] if end in _COLUMNS else None
    had = tensor.shape[0] if end in _ROWS else tensor.shape[1] if end in _COLUMNS else None
    if wanted != had:
        raise ModelRefused(
            f"is made for another size of the model: in {layer} it expects {had} channels, and this model has {wanted}. "
            "LoRAs of Medium and of Large do not go together."
        )
