"""Models of the family in a Hugging Face folder (config.json and model.safetensors), by transformers: rows of a table."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ...errors import ModelRefused
from .family import Frame, Prompts

if TYPE_CHECKING:
    from torch import Tensor

CONFIG = "config.json"
WEIGHTS = "model.safetensors"


@dataclass(frozen=True)
class Row:
    """One kind of model: its class in transformers, whether its frame is padded, and what its features are.

    ``features`` takes what ``get_image_embeddings`` returns, and ``given`` puts it back as arguments of ``forward``.
    """

    name: str
    model: str
    since: str
    padded: bool
    features: Callable[[Any], Sequence[Tensor]]
    given: Callable[[Sequence[Tensor]], dict[str, Any]]


_SAM2 = Row("SAM 2", "Sam2Model", "4.56", False, features=tuple, given=lambda kept: {"image_embeddings": list(kept)})
ROWS = {
    "sam": Row(
        "Segment Anything",
        "SamModel",
        "4.29",
        True,
        features=lambda embedding: (embedding,),
        given=lambda kept: {"image_embeddings": kept[0]},
    ),
    "sam_hq": Row(
        "SAM-HQ",
        "SamHQModel",
        "4.52",
        True,
        # Of the intermediate embeddings the decoder reads the first only.
        features=lambda pair: (pair[0], pair[1][0]),
        given=lambda kept: {"image_embeddings": kept[0], "intermediate_embeddings": [kept[1]]},
    ),
    "sam2": _SAM2,
    # How the published folders of SAM 2 call themselves; the part for single pictures is the same.
    "sam2_video": _SAM2,
}
"""By ``model_type`` of config.json."""


class HuggingFaceFamily:
    """A model of one of the rows; agrees with transformers' own ``forward``."""

    def __init__(self, row: Row, module: Any) -> None:
        self.name = row.name
        self.module = module
        self._row = row
        config = module.config.prompt_encoder_config
        grid = config.image_size // config.patch_size
        self.frame = Frame(config.image_size, grid * 4, row.padded)
        self.working_bytes = 16 * grid**4 * 4 * 3

    def encode(self, picture: Tensor) -> Sequence[Tensor]:
        return self._row.features(self.module.get_image_embeddings(picture))

    def answer(self, features: Sequence[Tensor], prompts: Prompts, several: bool) -> tuple[Tensor, Tensor]:
        def batched(tensor: Tensor | None) -> Tensor | None:
            return None if tensor is None else tensor[None]

        found = self.module(
            input_points=batched(prompts.points),
            input_labels=batched(prompts.labels),
            input_boxes=batched(prompts.boxes),
            input_masks=prompts.masks,
            multimask_output=several,
            **self._row.given(features),
        )
        return found.pred_masks[0], found.iou_scores[0]


def open_folder(folder: Path) -> HuggingFaceFamily:
    """The model in a folder: its weights only, from this machine only. Raises ``ModelRefused``."""
    row = _row_of(folder)
    import torch
    import transformers

    model = getattr(transformers, row.model, None)
    if model is None:
        raise ModelRefused(
            f"is {row.name}, which needs the Python package transformers {row.since} or later; ComfyUI has "
            f"{transformers.__version__}."
        )
    try:
        module, loading = model.from_pretrained(
            folder, local_files_only=True, use_safetensors=True, dtype=torch.float32, output_loading_info=True
        )
    except Exception as error:
        raise ModelRefused(f"cannot be opened as {row.name}: {error}") from error
    if lacking := sorted(loading["missing_keys"]):
        raise ModelRefused(f"is no whole {row.name}: it lacks {len(lacking)} parts, such as {lacking[0]}.")
    return HuggingFaceFamily(row, module.eval().requires_grad_(False))


def _row_of(folder: Path) -> Row:
    try:
        kind = json.loads((folder / CONFIG).read_text(encoding="utf-8")).get("model_type")
    except FileNotFoundError:
        raise ModelRefused(
            f"has no {CONFIG} beside it: copy the whole Hugging Face folder, {CONFIG} and {WEIGHTS} together."
        ) from None
    except (ValueError, AttributeError):
        raise ModelRefused(f"has a damaged {CONFIG} beside it: copy the whole Hugging Face folder again.") from None
    if kind not in ROWS:
        raise ModelRefused(
            f'is a model of the kind "{kind}"; of Hugging Face folders, these can be used: {", ".join(ROWS)}.'
        )
    return ROWS[kind]
