"""What a drawing shows, read back from its pixels: no model, so that it may judge one."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
import numpy.typing as npt
import torch

from .shapes import coverage, distances
from .words import COLOUR_NAMES, COLOURS, SHAPES

Mask = npt.NDArray[np.bool_]
_PALETTE = np.array(list(COLOURS.values()), dtype=float)
_FRAME = 3
_SMALLEST = 30
"""Pixels of a figure."""
_LIKE = 0.65
"""How much a figure must overlap with a shape to be one."""


@dataclass(frozen=True)
class Seen:
    """Words for a picture; "" for what cannot be told."""

    background: str
    colour: str = ""
    shape: str = ""
    size: str = ""
    place: str = ""


def read(picture: npt.NDArray[np.uint8]) -> Seen:
    """What a picture (H, W, 3) shows: the ground along its frame, and the largest thing that differs from it."""
    background = _nearest(_ground(picture))
    figure = largest_piece(figure_of(picture))
    if figure.sum() < _SMALLEST:
        return Seen(background)
    height, width = figure.shape
    overlap, shape, x, y, radius = max(_fits(figure))
    inside = figure.copy()
    inside[1:-1, 1:-1] &= figure[:-2, 1:-1] & figure[2:, 1:-1] & figure[1:-1, :-2] & figure[1:-1, 2:]
    colour = _nearest(np.median(picture[inside if inside.sum() > _SMALLEST else figure], 0))
    extent = radius / min(height, width)
    size = "small" if extent < 0.19 else "large" if extent > 0.28 else "medium"
    return Seen(background, colour, shape if overlap >= _LIKE else "", size, _place(x / width - 0.5, y / height - 0.5))


def figure_of(picture: npt.NDArray[np.uint8]) -> Mask:
    """The pixels that differ from the ground."""
    away = np.sqrt(((picture.astype(float) - _ground(picture)) ** 2).sum(-1))
    return away > max(30.0, 0.5 * float(np.percentile(away, 99.5)))


def overlap_of(one: Mask, other: Mask) -> float:
    """Intersection over union."""
    return float((one & other).sum() / max(1, (one | other).sum()))


def largest_piece(mask: Mask) -> Mask:
    """The largest of the pieces that hang together, corners included."""
    left = mask.copy()
    largest = np.zeros_like(mask)
    while left.any():
        piece = np.zeros_like(mask)
        piece[tuple(np.argwhere(left)[0])] = True
        while True:
            grown = np.pad(piece, 1)
            grown = grown[:-2] | grown[1:-1] | grown[2:]
            grown = (grown[:, :-2] | grown[:, 1:-1] | grown[:, 2:]) & left
            if (grown == piece).all():
                break
            piece = grown
        left &= ~piece
        if piece.sum() > largest.sum():
            largest = piece
    return largest


def _ground(picture: npt.NDArray[np.uint8]) -> Any:
    sides = [picture[:_FRAME], picture[-_FRAME:], picture[:, :_FRAME], picture[:, -_FRAME:]]
    return np.median(np.concatenate([side.reshape(-1, 3) for side in sides]), 0)


def _nearest(colour: Any) -> str:
    return COLOUR_NAMES[int(((_PALETTE - colour) ** 2).sum(1).argmin())]


def _place(x: float, y: float) -> str:
    if abs(x) < 0.09 and abs(y) < 0.09:
        return "center"
    if abs(x) > abs(y):
        return "left" if x < 0 else "right"
    return "top" if y < 0 else "bottom"


@cache
def _measures() -> list[tuple[float, float]]:
    """Of each shape of radius 1: its area, and how far its centre of mass lies below its middle."""
    middle, radius = torch.full((len(SHAPES),), 256.0), torch.full((len(SHAPES),), 200.0)
    masks = coverage(distances(torch.arange(len(SHAPES)), middle, middle, radius, 512, 512)).numpy() > 0.5
    return [(mask.sum() / 200**2, (np.nonzero(mask)[0].mean() + 0.5 - 256) / 200) for mask in masks]


def _fits(figure: Mask) -> list[tuple[float, str, float, float, float]]:
    """Each shape laid over the figure, of the same area and centre of mass: overlap, name, middle and radius."""
    rows, columns = np.nonzero(figure)
    x, y, area = columns.mean() + 0.5, rows.mean() + 0.5, len(rows)
    radius = [(area / size) ** 0.5 for size, _ in _measures()]
    middle = [y - below * scale for (_, below), scale in zip(_measures(), radius, strict=True)]
    laid = distances(
        torch.arange(len(SHAPES)),
        torch.full((len(SHAPES),), float(x)),
        torch.tensor(middle, dtype=torch.float32),
        torch.tensor(radius, dtype=torch.float32),
        *figure.shape,
    )
    overlaps = [overlap_of(mask, figure) for mask in laid.numpy() < 0]
    return list(zip(overlaps, SHAPES, [float(x)] * len(SHAPES), middle, radius, strict=True))
