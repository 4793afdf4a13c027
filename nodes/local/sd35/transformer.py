"""From a file's weights to diffusers' transformer: without a copy, a configuration file or a network."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ..errors import ModelMissing, ModelRefused
from .layouts import pieces
from .parts import Part
from .variants import config_of

if TYPE_CHECKING:
    from torch import Tensor

NEEDS = "diffusers>=0.35.2"
_FLOATS = ("float32", "float16", "bfloat16", "float8_e4m3fn", "float8_e5m2")


@dataclass(frozen=True)
class Transformer:
    """The module (``SD3Transformer2DModel``), and what scaled fp8 weights have been divided by, by the names of their layers."""

    module: Any
    scales: Mapping[str, Tensor]


def diffusers_there() -> None:
    """Raises ``ModelMissing`` where the package that the models are built with is not installed."""
    try:
        import diffusers
    except ImportError as error:
        sentence = (
            f"Stable Diffusion 3.5 needs the Python package diffusers (\"pip install '{NEEDS}'\" in ComfyUI's Python)."
        )
        raise ModelMissing(sentence) from error
    del diffusers


def build_transformer(part: Part) -> Transformer:
    """The transformer, its weights views of the file. Raises ``ModelRefused`` where weights are missing or strange."""
    import torch

    diffusers_there()
    from diffusers import SD3Transformer2DModel

    config = config_of(part.header)
    weights, scales = split_scales(in_diffusers_layout(part.tensors()))
    with torch.device("meta"):
        module = SD3Transformer2DModel.from_config(config)
    assign(module, weights)
    return Transformer(module.eval().requires_grad_(False), scales)


def in_diffusers_layout(tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """The same weights under diffusers' names; thirds of fused ones are views."""
    return {piece.target: piece.of(tensors[piece.source]) for piece in pieces(tensors)}


def split_scales(tensors: Mapping[str, Tensor]) -> tuple[dict[str, Tensor], dict[str, Tensor]]:
    """Weights, and apart from them the scales by the names of their layers. Refuses numbers of an unknown kind."""
    scales = {name.removesuffix(".scale"): value for name, value in tensors.items() if name.endswith(".scale")}
    weights = {name: value for name, value in tensors.items() if not name.endswith(".scale")}
    for name, value in weights.items():
        if str(value.dtype).removeprefix("torch.") not in _FLOATS:
            raise ModelRefused(
                f"is compressed in a way that is not known here ({name} is {value.dtype}); take the bf16 or fp8 file."
            )
    for name, value in scales.items():
        if value.numel() != 1:
            raise ModelRefused(f"is compressed in a way that is not known here ({name} has {value.numel()} scales).")
    return weights, {name: value.float().reshape(()) for name, value in scales.items()}


def assign(module: Any, weights: Mapping[str, Tensor]) -> None:
    """Give ``module`` these tensors themselves. Raises ``ModelRefused`` naming what is missing, too much or of a wrong shape."""
    try:
        module.load_state_dict(weights, strict=True, assign=True)
    except RuntimeError as error:
        said = " ".join(str(error).split("\n")[1:3]).strip()
        raise ModelRefused(f"has parts that do not fit together ({said[:200]}). Download it again.") from error
