"""A picture made ready for outpainting: the larger canvas, the mask of what to paint, and what is transparent on it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from ...hosted.engine.errors import InputRefused
from .canvas import PERCENT, PIXELS, Layout, Wish, described, fill_mask, lay_out
from .fills import TRANSPARENT, Fill, paint
from .tensors import Array, masks_for, picture_arrays

if TYPE_CHECKING:
    from torch import Tensor


@dataclass(frozen=True)
class Seam:
    """How the mask reaches into the picture, in pixels: ``overlap`` in full, then fading over ``feather``."""

    overlap: int = 8
    feather: int = 0


@dataclass(frozen=True)
class Outpainting:
    """``canvas`` IMAGE (B, H, W, 3); ``mask`` (1 = paint here) and ``alpha`` (1 = transparent) MASK (B, H, W)."""

    canvas: Tensor
    mask: Tensor
    alpha: Tensor
    report: str


def outpaint(
    image: Tensor, wish: Wish, fill: Fill, seam: Seam, alpha: Tensor | None = None, mask: Tensor | None = None
) -> Outpainting:
    """Every picture of the batch on its canvas. Blocks: call it off the event loop.

    ``alpha`` (1 = transparent), the pictures' own fourth channel and ``mask`` (1 = change here) join the mask. Raises
    ``InputRefused`` where nothing is to be painted, and for what the parts refuse.
    """
    import torch

    pictures = picture_arrays(image)
    holes = _holes(pictures, masks_for("alpha", alpha, pictures))
    marked = masks_for("mask", mask, pictures)
    layout = lay_out(wish, pictures.shape[2], pictures.shape[1])
    if not layout.grows and holes is None and marked is None and wish.extend_by in (PIXELS, PERCENT):
        raise InputRefused(f"Nothing is to be added: say at left, top, right or bottom how many {wish.extend_by}.")

    masks = _masks(layout, seam, len(pictures), holes, marked)
    clear = np.zeros_like(masks)
    if fill.kind == TRANSPARENT:
        clear[...] = 1
        clear[:, layout.inside[0], layout.inside[1]] = 0 if holes is None else holes
    canvas = paint(pictures[..., :3], holes, layout, fill)
    report = f"{described(wish, layout)} To be painted: {masks.mean():.1%} of the canvas."
    return Outpainting(torch.from_numpy(canvas), torch.from_numpy(masks), torch.from_numpy(clear), report)


def _holes(pictures: Array, alpha: Array | None) -> Array | None:
    """What is transparent, (B, h, w); None where nothing is."""
    found = alpha
    if pictures.shape[3] == 4:
        own = (1 - pictures[..., 3]).clip(0, 1)
        found = own if alpha is None else np.maximum(own, alpha)
    return found if found is not None and found.any() else None


def _masks(layout: Layout, seam: Seam, count: int, *also: Array | None) -> Array:
    masks = np.repeat(fill_mask(layout, seam.overlap, seam.feather)[None], count, axis=0)
    inside = masks[:, layout.inside[0], layout.inside[1]]
    for more in also:
        if more is not None:
            np.maximum(inside, more, out=inside)
    return masks
