"""From a file to a model: weights only, never code; what is something else is refused with what it is."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ... import weights
from ...errors import ModelMissing, ModelRefused
from . import huggingface
from .architectures import WIDTH_KEY, PackageFamily, architecture_of
from .family import Family

if TYPE_CHECKING:
    from torch import Tensor

ENDINGS = (".pth", ".pt", ".safetensors")
PUBLISHED = {
    "sam_vit_b_01ec64.pth": "375 MB",
    "sam_vit_l_0b3195.pth": "1.2 GB",
    "sam_vit_h_4b8939.pth": "2.6 GB",
}
"""The files that Meta offers, and their sizes."""
_PUBLISHED_AT = "https://dl.fbaipublicfiles.com/segment_anything/"

_EXPECTED = (
    "This node takes checkpoints of Segment Anything (vit_b, vit_l, vit_h as .pth or .safetensors) and Hugging Face folders of "
    "SAM, SAM-HQ and SAM 2."
)
# What else has been seen in such folders, by a part of the names of its weights; the first that fits is said.
_OTHERS = (
    ("mask_decoder.hf_token", "SAM-HQ in its authors' own layout; take its Hugging Face folder instead"),
    ("image_encoder.trunk.", "SAM 2 in Meta's own layout; take its Hugging Face folder instead"),
    ("image_encoder.layers.", "MobileSAM, whose small encoder is another one"),
    ("vision_encoder.", "a model.safetensors of Hugging Face without its folder; its config.json belongs beside it"),
    (WIDTH_KEY, "a Segment Anything of a size that nobody has published"),
    ("model.diffusion_model.", "a Stable Diffusion checkpoint; it belongs into models/checkpoints"),
    ("first_stage_model.", "a VAE; it belongs into models/vae"),
    ("double_blocks.", "a FLUX model; it belongs into models/diffusion_models"),
    ("joint_blocks.", "a Stable Diffusion 3 model; it belongs into models/diffusion_models"),
    ("transformer_blocks.", "a diffusion model; it belongs into models/diffusion_models"),
    ("lora_", "a LoRA; it belongs into models/loras"),
    ("text_model.", "a text encoder; it belongs into models/text_encoders"),
)


def missing(name: str, folder: Path) -> ModelMissing:
    """The error for a file that is not there; ``folder`` is where it should be."""
    sentence = f'There is no "{name}" in {folder}.'
    if size := PUBLISHED.get(name):
        return ModelMissing(f"{sentence} Download {_PUBLISHED_AT}{name} ({size}) and put it there; then press R.")
    known = " or ".join(f"{_PUBLISHED_AT}{file} ({size})" for file, size in PUBLISHED.items())
    return ModelMissing(
        f"{sentence} Put the file there, choose one that you have, or download {known}; then press R in the editor."
    )


def open_model(path: Path) -> Family:
    """The model in ``path``, on the CPU. Raises ``ModelRefused``, saying what the file is and what is expected."""
    try:
        if path.name == huggingface.WEIGHTS and (path.parent / huggingface.CONFIG).exists():
            return huggingface.open_folder(path.parent)
        found = _weights(path)
        row = architecture_of(found)
        if row is None or any("hf_token" in key for key in found):
            raise ModelRefused(f"is {_what(found)}.")
        return PackageFamily(row, found)
    except ModelRefused as error:
        raise ModelRefused(f'"{path.name}" {error.sentence} {_EXPECTED}') from error


def _weights(path: Path) -> Mapping[str, Tensor]:
    """Every tensor of a file by its name."""
    with path.open("rb") as file:
        head = file.read(weights.HEAD)
    weights.refuse_no_model(head)
    # By content, not by name: files are renamed.
    found = weights.open_pickle(path) if weights.header_length(head) is None else _of_safetensors(path)
    if not found:
        raise ModelRefused("holds no weights of a model.")
    return found


def _of_safetensors(path: Path) -> Mapping[str, Tensor]:
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    try:
        found: Mapping[str, Tensor] = load_file(path)
    except (SafetensorError, ValueError, KeyError) as error:
        raise ModelRefused(f"is damaged or was cut short ({error}): download it again.") from error
    return found


def _what(found: Mapping[str, Any]) -> str:
    for part, name in _OTHERS:
        if any(part in key for key in found):
            return name
    return f"another model (its first part is {json.dumps(next(iter(found)))})"
