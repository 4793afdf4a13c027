"""The three text encoders: their sizes, read from the shapes of their weights."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..errors import ModelRefused
from .layouts import NEVER_USED, scale_named
from .parts import Part
from .transformer import split_scales

if TYPE_CHECKING:
    from torch import Tensor

PUBLISHED_WORDS = 49408
"""Entries in CLIP's vocabulary: a folder with another one brings its own tokenizer."""
_WORDS = "text_model.embeddings.token_embedding.weight"
_UNUSED = ("position_ids", "encoder.embed_tokens.weight", "logit_scale", *NEVER_USED)
_ACTIVATIONS = {"clip_l": "quick_gelu", "clip_g": "gelu"}
_NAMES = {"clip_l": "CLIP-L", "clip_g": "CLIP-G", "t5xxl": "T5-XXL"}


@dataclass(frozen=True)
class Encoder:
    """One text encoder: the configuration that the host builds it with, its weights, and the scales of fp8 ones."""

    config: Mapping[str, Any]
    weights: Mapping[str, Tensor]
    scales: Mapping[str, Tensor]
    width: int
    tokenizer: Path | None = None
    """The folder of a tokenizer of its own."""
    projected: bool = True
    """Whether the vector of the whole prompt passes the encoder's projection."""
    source: tuple[object, ...] = ()
    """The files that the weights are in, as they are now; nothing where they are in none."""


def build_encoder(name: str, part: Part, folder: Path | None = None) -> Encoder:
    """What ``name`` (clip_l, clip_g or t5xxl) is built from; ``folder`` is the diffusers folder it comes from, if any.

    Raises ``ModelRefused`` where the file is another encoder.
    """
    shapes = part.header.shapes
    is_t5 = "encoder.final_layer_norm.weight" in shapes
    if is_t5 != (name == "t5xxl"):
        raise ModelRefused(f"is {'a T5' if is_t5 else 'a CLIP'} text encoder, not {_NAMES[name]}.")
    try:
        config = _t5(shapes) if is_t5 else _clip(name, shapes, part.settings)
    except (KeyError, ValueError) as error:
        raise ModelRefused(
            f"is a text encoder with parts missing ({error}). Where it comes in several files (00001-of-00002), take the one file "
            "that holds all of it."
        ) from error
    tensors = {scale_named(key): value for key, value in part.tensors().items() if not key.endswith(_UNUSED)}
    weights, scales = split_scales(tensors)
    if not is_t5:
        weights.setdefault("text_projection.weight", _identity(config["hidden_size"], weights))
    width = config["d_model" if is_t5 else "hidden_size"]
    own = folder is not None and not is_t5 and shapes[_WORDS][0] != PUBLISHED_WORDS
    own |= folder is not None and is_t5 and config["vocab_size"] < 32000
    # A clip_l file may hold a projection, but the family was trained without; diffusers applies what its folder holds.
    projected = name != "clip_l" or folder is not None
    tokenizer = _tokenizer(name, folder) if own else None
    return Encoder(config, weights, scales, width, tokenizer, projected, _source(part))


def _source(part: Part) -> tuple[object, ...]:
    states = [(header, header.path.stat()) for header in part.headers]
    return tuple((str(header.path), header.prefix, state.st_mtime_ns, state.st_size) for header, state in states)


def _tokenizer(name: str, folder: Path | None) -> Path | None:
    below = {"clip_l": "tokenizer", "clip_g": "tokenizer_2", "t5xxl": "tokenizer_3"}[name]
    return folder and folder / below


def _identity(width: int, weights: Mapping[str, Tensor]) -> Tensor:
    import torch

    return torch.eye(width, dtype=weights["text_model.final_layer_norm.weight"].dtype)


def _clip(name: str, shapes: Mapping[str, tuple[int, ...]], settings: Mapping[str, Any]) -> dict[str, Any]:
    width = shapes[_WORDS][1]
    wrong = {"clip_l": 1280, "clip_g": 768}[name]
    if width == wrong:
        other = "CLIP-G" if name == "clip_l" else "CLIP-L"
        raise ModelRefused(f"is {other}, not {_NAMES[name]}.")
    return {
        "hidden_size": width,
        "intermediate_size": shapes["text_model.encoder.layers.0.mlp.fc1.weight"][0],
        "max_position_embeddings": shapes["text_model.embeddings.position_embedding.weight"][0],
        "num_attention_heads": settings.get("num_attention_heads", max(1, width // 64)),
        "num_hidden_layers": _layers(shapes, "text_model.encoder.layers."),
        "hidden_act": settings.get("hidden_act", _ACTIVATIONS[name]),
        "eos_token_id": PUBLISHED_WORDS - 1,
        "vocab_size": shapes[_WORDS][0],
    }


def _t5(shapes: Mapping[str, tuple[int, ...]]) -> dict[str, Any]:
    first = "encoder.block.0.layer.0.SelfAttention."
    heads = shapes[f"{first}relative_attention_bias.weight"][1]
    words, width = shapes["shared.weight"]
    return {
        "model_type": "t5",
        "d_model": width,
        "d_kv": shapes[f"{first}q.weight"][0] // heads,
        "d_ff": shapes["encoder.block.0.layer.1.DenseReluDense.wo.weight"][1],
        "num_heads": heads,
        "num_layers": _layers(shapes, "encoder.block."),
        "dense_act_fn": "gelu_pytorch_tanh",
        "is_gated_act": True,
        "vocab_size": words,
    }


def _layers(shapes: Mapping[str, Any], prefix: str) -> int:
    return 1 + max(int(name.removeprefix(prefix).partition(".")[0]) for name in shapes if name.startswith(prefix))
