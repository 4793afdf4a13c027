"""A LoRA added to a MODEL and a CLIP, as the host's patches: nothing is changed until they are loaded, nothing stays behind."""

from __future__ import annotations

import uuid
from collections.abc import Iterable
from typing import Any

import comfy.lora
import comfy.lora_convert
import torch
from comfy.weight_adapter import WeightAdapterBase
from torch import Tensor

from ...errors import WishRefused
from ..files import stamp
from ..headers import Header
from ..layouts import Piece
from ..lora import Sorted, check, refuse_unheard, refuse_unmatched, sort, text_layers
from .model import Patcher

_BELOW = "diffusion_model.transformer."


def apply_lora(model: Any, clip: Any, header: Header, strength: float, text_strength: float) -> tuple[Any, Any, str]:
    """The model and the text encoders (None where there are none) with the LoRA in ``header``'s file, and what matched.

    Raises ``ModelRefused`` for a file that is no LoRA, or one of another model.
    """
    if not isinstance(model, Patcher):
        raise WishRefused("This node takes the model of Load SD 3.5; for another one, use ComfyUI's own Load LoRA.")
    check(header)
    tensors = header.tensors()
    shapes = {
        name.removeprefix(_BELOW): tuple(weight.shape)
        for name, weight in model.model.state_dict().items()
        if name.startswith(_BELOW)
    }
    found = sort(tensors, shapes)
    patches = _patches(found, shapes)
    encoders = {} if clip is None else _text_patches(clip, found.others)
    unheard = text_layers(found.others) if clip is None else 0
    if not patches and not encoders:
        raise refuse_unmatched(tensors) if not unheard else refuse_unheard()
    patched = model.clone()
    file = stamp(header.path)
    _add(patched, patches, strength, file)
    spoken = None if clip is None else clip.clone()
    if spoken is not None:
        _add(spoken.patcher, encoders, text_strength, file)
    report = f"{found.matched} of its {found.layers} layers are the model's"
    report += f", {len(encoders)} the text encoders'" if encoders else ""
    report += f"; {unheard} for the text encoders are left out, as clip is not connected" if unheard else ""
    return patched, spoken, report


def _patches(found: Sorted, weights: Iterable[str]) -> dict[str, Any]:
    places = {name.removesuffix(".weight"): f"{_BELOW}{name}" for name in weights if name.endswith(".weight")}
    whole = {layer: layer for layer in found.whole}
    patches: dict[str, Any] = comfy.lora.load_lora(dict(found.transformer), places | whole, log_missing=False)
    for layer, pieces in found.whole.items():
        product = patches.pop(layer)
        patches |= {f"{_BELOW}{piece.target}.weight": _Part(product, piece) for piece in pieces}
    return patches


class _Part(WeightAdapterBase):
    """What a product changes in one of the layers that it is for. Worked out when it is loaded: until then it takes no room."""

    name = "part"

    def __init__(self, whole: Any, piece: Piece) -> None:
        self.whole, self.piece = whole, piece
        self.loaded_keys, self.weights = whole.loaded_keys, whole.weights

    def calculate_weight(self, weight: Tensor, *told: Any, **more: Any) -> Tensor:
        rows = len(weight) * (1 if self.piece.third is None else 3)
        nothing = torch.zeros(rows, *weight.shape[1:], dtype=weight.dtype, device=weight.device)
        weight += self.piece.of(self.whole.calculate_weight(nothing, *told, **more))
        return weight


def _add(patcher: Any, patches: dict[str, Any], strength: float, file: str) -> None:
    if not patches or not strength:
        return
    # The host loads anew what has another name, and prompts are read anew: the same LoRA again shall not cost that.
    name = uuid.uuid5(patcher.patches_uuid, f"{file} {strength!r}")
    patcher.add_patches(patches, strength)
    patcher.patches_uuid = name


def _text_patches(clip: Any, tensors: Any) -> dict[str, Any]:
    places = comfy.lora.model_lora_keys_clip(clip.cond_stage_model, {})
    found: dict[str, Any] = comfy.lora.load_lora(
        comfy.lora_convert.convert_lora(dict(tensors)), places, log_missing=False
    )
    return found
