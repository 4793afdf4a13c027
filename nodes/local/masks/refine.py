"""A mask put right: which way round, how hard, without holes and specks, larger or smaller, with soft edges.

The order is always the same: invert, threshold, fill holes, drop pieces, grow or shrink, feather.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from .choices import BOTH, FEATHER_SIDES, FILL_ALL, HOLES, INSIDE, KEEP_ALL, KEEP_HOLES, LARGEST, OUTSIDE, PIECES
from .morphology import MARKED, drop_pieces, fill_holes, grow, shrink, soften
from .tensors import Array, mask_arrays, one_of

if TYPE_CHECKING:
    from torch import Tensor

# A gaussian has 95 % of its step within four standard deviations: that is the width an edge is seen to fade over.
_SIGMAS_IN_A_FEATHER = 4


@dataclass(frozen=True)
class Refining:
    """What is done to a mask. Lengths in pixels, areas in square pixels; ``grow`` below 0 shrinks; 0 does nothing."""

    invert: bool = False
    threshold: float = 0.0
    holes: str = KEEP_HOLES
    hole_area: int = 0
    pieces: str = KEEP_ALL
    piece_area: int = 0
    grow: int = 0
    feather: int = 0
    feather_side: str = BOTH

    def __post_init__(self) -> None:
        one_of("holes", self.holes, HOLES)
        one_of("pieces", self.pieces, PIECES)
        one_of("feather_side", self.feather_side, FEATHER_SIDES)


@dataclass(frozen=True)
class Refined:
    """One mask as it has become, and what was found in it."""

    mask: Array
    holes: int
    pieces: int


def refine_batch(mask: Tensor, wish: Refining, check: Callable[[], None] = lambda: None) -> tuple[Tensor, str]:
    """Every mask of a MASK, each for itself, and a report of a line each. Blocks: call it off the event loop.

    ``check`` is called between the steps and may raise, to stop. Raises ``InputRefused`` for what is no mask.
    """
    import torch

    masks = mask_arrays("mask", mask)
    lines = []
    for place, one in enumerate(masks):
        before = _share(one)
        done = refine(one, wish, check)
        masks[place] = done.mask
        lines.append(_described(done, before, wish, f"Mask {place + 1}: " if len(masks) > 1 else ""))
    return torch.from_numpy(masks), "\n".join(lines)


def refine(mask: Array, wish: Refining, check: Callable[[], None] = lambda: None) -> Refined:
    """One mask (H, W), float32 from 0 to 1; the given one is left as it is."""
    if wish.invert:
        mask = 1 - mask
    if wish.threshold:
        mask = (mask >= wish.threshold).astype(np.float32)
    holes = pieces = 0
    if wish.holes != KEEP_HOLES:
        check()
        mask, holes = fill_holes(mask, None if wish.holes == FILL_ALL else wish.hole_area, check)
    if wish.pieces != KEEP_ALL:
        check()
        mask, pieces = drop_pieces(mask, None if wish.pieces == LARGEST else wish.piece_area, check)
    if wish.grow:
        check()
        mask = grow(mask, wish.grow, check) if wish.grow > 0 else shrink(mask, -wish.grow, check)
    if wish.feather:
        check()
        mask = _feathered(mask, wish.feather, wish.feather_side, check)
    return Refined(mask, holes, pieces)


def _feathered(mask: Array, feather: int, side: str, check: Callable[[], None]) -> Array:
    """Edges that fade over ``feather`` pixels: half of them on either side of the edge, or all on one."""
    sigma = feather / _SIGMAS_IN_A_FEATHER
    if side == INSIDE:
        return np.minimum(mask, soften(shrink(mask, feather / 2, check), sigma))
    if side == OUTSIDE:
        return np.maximum(mask, soften(grow(mask, feather / 2, check), sigma))
    return soften(mask, sigma)


def _share(mask: Array) -> float:
    return float((mask >= MARKED).mean())


def _described(done: Refined, before: float, wish: Refining, name: str) -> str:
    height, width = done.mask.shape
    said = [f"{name}{width}x{height}, {_share(done.mask):.1%} marked (before: {before:.1%})."]
    if wish.holes != KEEP_HOLES:
        said.append(f"Holes filled: {done.holes}.")
    if wish.pieces != KEEP_ALL:
        said.append(f"Pieces dropped: {done.pieces}.")
    if not done.mask.any():
        said.append("Nothing is left marked.")
    return " ".join(said)
