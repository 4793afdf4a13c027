"""Depth read from a picture by a model of Hugging Face's form on this machine: no code of its own, no network."""

from __future__ import annotations

from pathlib import Path, PurePath
from typing import TYPE_CHECKING, Any

from ... import host
from ..errors import ModelMissing, ModelRefused
from ..handle import Handle
from .parts import json_of
from .preparation import stretched

if TYPE_CHECKING:
    from torch import Tensor

FOLDER = "depth_anything"
# What other packs call their folders of such models.
_ALSO = ("depthanything", "depth")
_WEIGHTS, _CONFIG = "model.safetensors", "config.json"
_WORKING_BYTES = 2**30
# Whether the numbers that a kind gives are larger where it is near; otherwise they are distances.
_NEAR_IS_LARGE = {"depth_anything": True, "dpt": True, "zoedepth": False, "depth_pro": False}


def models() -> list[str]:
    """The names of the folders there are."""
    host.model_folders(FOLDER, *_ALSO)
    names = (PurePath(name) for name in host.model_files(FOLDER))
    return [str(name.parent) for name in names if name.name == _WEIGHTS and name.parent.name]


def read(name: str, images: Tensor) -> Tensor:
    """How near everything is in pictures (B, H, W, C): grey (B, H, W, 3), white where it is near, each from black to white.

    Raises ``ModelMissing`` or ``ModelRefused``.
    """
    import torch

    folder = _folder(name)
    kind = _kind(folder)
    module, processor = _open(folder)
    found = []
    with host.on_device(Handle(module, *host.devices()), _WORKING_BYTES) as device, torch.inference_mode():
        for picture in images[..., :3]:
            host.throw_if_interrupted(host.place().run)
            pixels = (picture.clamp(0, 1) * 255).round().byte().movedim(-1, 0).cpu()
            given = processor(images=pixels, return_tensors="pt")
            seen = module(pixel_values=given["pixel_values"].to(device))
            (answer,) = processor.post_process_depth_estimation(seen, target_sizes=[tuple(picture.shape[:2])])
            depth = answer["predicted_depth"].to(images)
            found.append(depth if kind else 1 / depth.clamp(min=1e-3))
    return stretched(torch.stack(found)[..., None]).expand(-1, -1, -1, 3).contiguous()


def _folder(name: str) -> Path:
    places = host.model_folders(FOLDER, *_ALSO)
    found = next((place / name for place in places if (place / name / _WEIGHTS).is_file()), None)
    if found is None:
        raise ModelMissing(
            f'There is no "{name}" in {places[0]}. Copy the whole folder of a depth model there ({_CONFIG}, '
            f"preprocessor_config.json and {_WEIGHTS}), such as https://huggingface.co/depth-anything/Depth-Anything-V2-Small-hf; "
            "then press R in the editor."
        )
    return found


def _kind(folder: Path) -> bool:
    """Whether its numbers are larger where it is near."""
    try:
        settings = json_of(folder / _CONFIG) if (folder / _CONFIG).is_file() else {}
    except ModelRefused as error:
        raise ModelRefused(f'"{folder.name}" {error.sentence}') from error
    kind = settings.get("model_type")
    if kind not in _NEAR_IS_LARGE:
        raise ModelRefused(
            f'"{folder.name}" is no depth model that is known here ({kind or f"it has no {_CONFIG}"}); known are: '
            f"{', '.join(_NEAR_IS_LARGE)}."
        )
    return _NEAR_IS_LARGE[kind] and settings.get("depth_estimation_type", "relative") == "relative"


def _open(folder: Path) -> tuple[Any, Any]:
    import torch
    import transformers

    try:
        module, loading = transformers.AutoModelForDepthEstimation.from_pretrained(
            folder, local_files_only=True, use_safetensors=True, dtype=torch.float32, output_loading_info=True
        )
        processor = transformers.AutoImageProcessor.from_pretrained(folder, local_files_only=True)
    except Exception as error:
        raise ModelRefused(f'"{folder.name}" cannot be opened as a depth model: {error}') from error
    if lacking := sorted(loading["missing_keys"]):
        raise ModelRefused(
            f'"{folder.name}" is no whole depth model: it lacks {len(lacking)} parts, such as {lacking[0]}.'
        )
    return module.eval().requires_grad_(False), processor
