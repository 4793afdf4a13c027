"""A small trained Segment Anything, the scenes that it knows, and the package's own predictor on it."""

from __future__ import annotations

import contextlib
import shutil
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

if TYPE_CHECKING:
    import torch

MODEL = Path(__file__).resolve().parents[1] / "models/tiny-sam.safetensors"
"""Trained on procedurally drawn pictures: one to three coloured shapes on a coloured ground."""


STANDS_FOR = "sam_vit_b_01ec64.pth"
"""The published file that the example workflows name; what a file holds is known by its content."""


def lay_into(base: Path) -> None:
    """Put the model where a ComfyUI with that base directory looks for the published one."""
    folder = base / "models/sams"
    folder.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(MODEL, folder / STANDS_FOR)


def scene(width: int = 128, height: int = 96) -> npt.NDArray[np.uint8]:
    """An orange disc in the left half and a green square in the right half, on blue: uint8 (H, W, 3)."""
    y, x = np.mgrid[:height, :width] + 0.5
    picture = np.empty((height, width, 3), np.uint8)
    picture[:] = (30, 60, 200)
    picture[np.hypot(x - width * 0.3, y - height * 0.5) < height * 0.25] = (240, 140, 20)
    picture[(abs(x - width * 0.75) < height * 0.2) & (abs(y - height * 0.5) < height * 0.2)] = (40, 180, 60)
    return picture


def package_model() -> Any:
    """The same model as the package itself would be given it, built beside Easel's own loader."""
    from safetensors.torch import load_file

    sam = new_package_model()
    sam.load_state_dict({name: value.float() for name, value in load_file(MODEL).items()})
    return sam.eval()


def new_package_model() -> Any:
    """It before any training."""
    from segment_anything.modeling import ImageEncoderViT, MaskDecoder, PromptEncoder, Sam, TwoWayTransformer
    from torch.nn import LayerNorm

    return Sam(
        image_encoder=ImageEncoderViT(
            img_size=256,
            patch_size=16,
            embed_dim=96,
            depth=4,
            num_heads=3,
            mlp_ratio=4,
            out_chans=64,
            qkv_bias=True,
            use_rel_pos=True,
            window_size=8,
            global_attn_indexes=(1, 3),
            norm_layer=partial(LayerNorm, eps=1e-6),
        ),
        prompt_encoder=PromptEncoder(
            embed_dim=64, image_embedding_size=(16, 16), input_image_size=(256, 256), mask_in_chans=16
        ),
        mask_decoder=MaskDecoder(
            num_multimask_outputs=3,
            transformer_dim=64,
            iou_head_depth=3,
            iou_head_hidden_dim=64,
            transformer=TwoWayTransformer(depth=2, embedding_dim=64, mlp_dim=256, num_heads=4),
        ),
        pixel_mean=[123.675, 116.28, 103.53],
        pixel_std=[58.395, 57.12, 57.375],
    )


@contextlib.contextmanager
def on_cpu(handle: Any, working_bytes: int) -> Iterator[torch.device]:
    """A device manager that has nothing to manage."""
    import torch

    yield torch.device("cpu")
