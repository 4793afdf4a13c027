"""LoRAs of every format in one: which layer of the transformer each of their tensors changes, under diffusers' name."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ..errors import ModelRefused
from .headers import Header
from .layouts import Piece, original_layers
from .parts import what_is

if TYPE_CHECKING:
    from torch import Tensor

Shapes = Mapping[str, tuple[int, ...]]
_TENSOR = re.compile(
    r"^(?P<layer>.+?)\.(?P<end>lora_(?:up|down|mid|A|B)(?:\.default)?(?:\.weight)?|lora\.(?:up|down)\.weight|alpha|dora_scale"
    r"|lok?r_\w+|hada_\w+|diff|diff_b|w_norm|b_norm|oft_blocks|oft_diag|rescale|[ab][12]\.weight)$"
)
_ROWS = ("lora_up.weight", "lora_B.weight", "lora.up.weight")
_COLUMNS = ("lora_down.weight", "lora_A.weight", "lora.down.weight")
# What has the rows of the layer, and what is the same for all of them.
_BY_ROWS = {*_ROWS, "diff", "diff_b", "w_norm", "b_norm", "dora_scale"}
_FOR_ALL = {*_COLUMNS, "alpha", "lora_mid.weight"}
# What is the change itself, and no factor of it.
_WHOLE = ("diff", "w_norm")
# LyCORIS' kinds whose change depends on the weights, by the end of their tensors: not applied, and said so.
_UNHEARD = ((".oft_blocks", "an OFT"), (".oft_diag", "an OFT"), (".a1.weight", "a GLoRA"))
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
    whole: Mapping[str, Sequence[Piece]]
    """Layers among ``transformer`` that are products (LyCORIS) for several of its layers: to be worked out, then taken apart."""


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
    whole: dict[str, Sequence[Piece]] = {}
    layers = _layers_of(tensors)
    matched = set()
    for layer, names in layers.items():
        ends, pieces = {end: tensors[name] for end, name in names.items()}, known.get(layer, [])
        size = _size(ends)
        if not pieces or size is None:
            continue
        taken = _apart(pieces, ends)
        if taken is None and "dora_scale" in ends:
            # It is of all rows together, and each third of ours has its own.
            continue
        _fit(pieces, size, weights, tensors)
        matched.add(layer)
        if taken is None:
            whole[layer] = pieces
            taken = {f"{layer}.{end}": tensor for end, tensor in ends.items()}
        found |= taken
    used = {name for layer in matched for name in layers[layer].values()}
    others = {name: tensor for name, tensor in tensors.items() if name not in used}
    return Sorted(found, others, len(layers), len(matched), whole)


def refuse_unmatched(tensors: Mapping[str, Tensor]) -> ModelRefused:
    """The error for a LoRA of which nothing belongs to the model."""
    base = _base_of(tensors)
    kind = next((kind for end, kind in _UNHEARD if any(name.endswith(end) for name in tensors)), None)
    if kind and not base:
        return ModelRefused(f"is {kind} file, a kind that is not applied here: LoRA, DoRA, LoHa and LoKr are.")
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


def _base_of(tensors: Mapping[str, Tensor]) -> str | None:
    """The other family that it is made for, where its names tell."""
    return next((base for mark, base in _BASES if any(mark in name for name in tensors)), None)


def _layers_of(tensors: Iterable[str]) -> dict[str, dict[str, str]]:
    """The layers of the file: the names of their tensors by their ends."""
    layers: dict[str, dict[str, str]] = {}
    for name in tensors:
        if parsed := _TENSOR.match(name):
            layers.setdefault(parsed["layer"], {})[parsed["end"].replace(".default", "")] = name
    return layers


def _apart(pieces: Sequence[Piece], ends: Mapping[str, Tensor]) -> dict[str, Tensor] | None:
    """What changes each of the pieces, as ``LAYER.END``; None where that cannot be told from the tensors alone."""
    if len(pieces) == 1 and not pieces[0].swapped:
        return {f"{pieces[0].target}.{end}": tensor for end, tensor in ends.items()}
    scale = ends.get("dora_scale")
    if not ends.keys() <= _BY_ROWS | _FOR_ALL or (scale is not None and _side(scale, 0) == 1):
        return None
    return {
        f"{piece.target}.{end}": piece.of(tensor) if end in _BY_ROWS else tensor
        for piece in pieces
        for end, tensor in ends.items()
    }


def _size(ends: Mapping[str, Tensor]) -> tuple[int, int] | tuple[None, None] | None:
    """Rows and columns of what a layer is changed by, where its tensors tell; None where some of them are missing."""
    rows, columns = (next((end for end in some if end in ends), None) for some in (_ROWS, _COLUMNS))
    if rows and columns:
        return _side(ends[rows], 0), _side(ends[columns], 1)
    if whole := next((end for end in _WHOLE if end in ends), None):
        return _side(ends[whole], 0), _side(ends[whole], 1)
    if {"diff_b", "hada_t1", "lokr_t2"} & ends.keys():
        return None, None
    if {"hada_w1_a", "hada_w1_b", "hada_w2_a", "hada_w2_b"} <= ends.keys():
        return _side(ends["hada_w1_a"], 0), _side(ends["hada_w1_b"], 1)
    factors = []
    for factor in ("lokr_w1", "lokr_w2"):
        left, right = (ends.get(factor, ends.get(f"{factor}_{side}")) for side in "ab")
        if left is None or right is None:
            return None
        factors.append((_side(left, 0), _side(right, 1)))
    (rows_1, columns_1), (rows_2, columns_2) = factors
    return rows_1 * rows_2, columns_1 * columns_2


def _side(tensor: Tensor, number: int) -> int:
    return tensor.shape[number] if tensor.ndim > number else 0


def _fit(
    pieces: Sequence[Piece], size: tuple[int, int] | tuple[None, None], weights: Shapes, tensors: Mapping[str, Tensor]
) -> None:
    """Raises ``ModelRefused`` where the change is of another size than the layers: the host would only log it."""
    shapes = [weights[f"{piece.target}.weight"] for piece in pieces]
    wanted = sum(shape[0] for shape in shapes), shapes[0][1] if len(shapes[0]) > 1 else 0
    if size in (wanted, (None, None)):
        return
    if _base_of(tensors):
        raise refuse_unmatched(tensors)
    had, has = next(pair for pair in zip(size, wanted, strict=True) if pair[0] != pair[1])
    raise ModelRefused(
        f"is made for another size of the model: in {pieces[0].target} it expects {had} channels, and this model has {has}. "
        "LoRAs of Medium and of Large do not go together."
    )
