"""A LoRA added to a MODEL and a CLIP, as the host's patches: nothing is changed until they are loaded, nothing stays behind."""

from __future__ import annotations

import uuid
from typing import Any

import comfy.lora
import comfy.lora_convert

from ..errors import WishRefused
from ..files import stamp
from ..headers import Header
from ..lora import check, refuse_unheard, refuse_unmatched, sort, text_layers
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
    places = {name.removesuffix(".weight"): f"{_BELOW}{name}" for name in shapes if name.endswith(".weight")}
    patches = comfy.lora.load_lora(dict(found.transformer), places, log_missing=False)
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
