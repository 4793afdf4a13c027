"""Drawings: one shape on a ground, by signed distances, so that every border is soft by a pixel. Values are -1 to 1."""

from __future__ import annotations

import math
import random
from collections.abc import Sequence
from importlib import import_module

import torch
from torch import Tensor

from .words import COLOURS, PLACES, SHAPES, UNSAID, Description

SIDE = 128
"""Pixels of a training picture's side."""
PALETTE = torch.tensor(list(COLOURS.values()), dtype=torch.float32) / 127.5 - 1

_TRIANGLE = [(0.0, -1.0), (0.95, 0.75), (-0.95, 0.75)]
_STAR = [
    ((1.0, 0.42)[k % 2] * math.cos(angle), (1.0, 0.42)[k % 2] * math.sin(angle))
    for k in range(10)
    for angle in (-math.pi / 2 + k * math.pi / 5,)
]


def distances(shape: Tensor, x: Tensor, y: Tensor, radius: Tensor, height: int = SIDE, width: int = SIDE) -> Tensor:
    """Signed distances in pixels (N, H, W), negative inside; the others are (N,): which shape, its middle and size."""
    rows, columns = torch.meshgrid(torch.arange(height) + 0.5, torch.arange(width) + 0.5, indexing="ij")
    found = torch.empty(len(shape), height, width)
    for number, name in enumerate(SHAPES):
        (chosen,) = (shape == number).nonzero(as_tuple=True)
        if len(chosen):
            scale = radius[chosen, None, None]
            across = (columns - x[chosen, None, None]) / scale
            down = (rows - y[chosen, None, None]) / scale
            found[chosen] = _distance(name, across, down) * scale
    return found


def _distance(name: str, x: Tensor, y: Tensor) -> Tensor:
    if name == "circle":
        return torch.hypot(x, y) - 0.95
    if name == "ring":
        return (torch.hypot(x, y) - 0.74).abs() - 0.22
    if name == "square":
        return _box(x, y, 0.84, 0.84)
    if name == "cross":
        return torch.minimum(_box(x, y, 0.95, 0.3), _box(x, y, 0.3, 0.95))
    return _polygon(x, y, _TRIANGLE if name == "triangle" else _STAR)


def _box(x: Tensor, y: Tensor, half_width: float, half_height: float) -> Tensor:
    across, down = x.abs() - half_width, y.abs() - half_height
    return torch.hypot(across.clamp_min(0), down.clamp_min(0)) + torch.maximum(across, down).clamp_max(0)


def _polygon(x: Tensor, y: Tensor, corners: Sequence[tuple[float, float]]) -> Tensor:
    nearest = torch.full_like(x, math.inf)
    inside = torch.zeros_like(x, dtype=torch.bool)
    for (ax, ay), (bx, by) in zip(corners, [corners[-1], *corners[:-1]], strict=True):
        edge_x, edge_y = bx - ax, by - ay
        along = (((x - ax) * edge_x + (y - ay) * edge_y) / (edge_x**2 + edge_y**2)).clamp(0, 1)
        nearest = torch.minimum(nearest, (x - ax - edge_x * along) ** 2 + (y - ay - edge_y * along) ** 2)
        if edge_y:
            inside ^= ((y >= ay) != (y >= by)) & (x < ax + (y - ay) * edge_x / edge_y)
    return torch.where(inside, -nearest.sqrt(), nearest.sqrt())


def coverage(distance: Tensor) -> Tensor:
    """How much of each pixel is inside, 0 to 1."""
    return (0.5 - distance).clamp(0, 1)


def outline(distance: Tensor, thickness: float) -> Tensor:
    """The distance to the band of that many pixels just inside the border."""
    return (distance + thickness / 2).abs() - thickness / 2


def paint(cover: Tensor, ink: Tensor, ground: Tensor) -> Tensor:
    """(N, 3, H, W) of a coverage (N, H, W) and two colours (N, 3)."""
    cover = cover[:, None]
    return cover * ink[:, :, None, None] + (1 - cover) * ground[:, :, None, None]


def draw(
    shown: Sequence[Description],
    rng: random.Random,
    *,
    outlined: bool = False,
    spread: float = 1.0,
    anywhere: bool = False,
) -> tuple[Tensor, Tensor]:
    """Pictures (N, 3, H, W) and their distances (N, H, W).

    ``spread`` scales how much pictures of one description differ; with ``anywhere``, a place that is not said is any.
    """
    geometry = [_place(one, rng, spread, anywhere) for one in shown]
    x, y, radius = (torch.tensor(values) * SIDE for values in zip(*geometry, strict=True))
    distance = distances(torch.tensor([one.shape for one in shown]), x, y, radius)
    made = torch.Generator().manual_seed(rng.getrandbits(62))
    ink, ground = (
        (PALETTE[list(chosen)] + 0.02 * torch.randn(len(shown), 3, generator=made)).clamp(-1, 1)
        for chosen in ([one.colour for one in shown], [one.background for one in shown])
    )
    seen = outline(distance, 4.5) if outlined else distance
    return paint(coverage(seen), ink, ground), distance


def _place(shown: Description, rng: random.Random, spread: float, anywhere: bool) -> tuple[float, float, float]:
    """The middle and the radius, as parts of the side."""
    middle, variety = {0: (0.1475, 0.0175), 1: (0.3125, 0.0225)}.get(shown.size, (0.24, 0.055))
    radius = middle + rng.uniform(-variety, variety) * spread
    place = shown.place
    if place == UNSAID and spread >= 1 and rng.random() < 0.25:
        place = rng.randrange(len(PLACES))
    far = 0.5 - radius - 0.03
    step = min(far, 0.25)
    moves = {"left": (-step, 0.0), "right": (step, 0.0), "top": (0.0, -step), "bottom": (0.0, step)}
    x, y = moves.get(PLACES[place], (0.0, 0.0)) if place != UNSAID else (0.0, 0.0)
    if anywhere and shown.place == UNSAID:
        x, y = rng.uniform(-far, far), rng.uniform(-far, far)
    return 0.5 + x + rng.uniform(-0.02, 0.02) * spread, 0.5 + y + rng.uniform(-0.02, 0.02) * spread, radius


def drawn_edges(distance: Tensor) -> Tensor:
    """White borders of a pixel and a half on black (N, 3, H, W)."""
    return ((1.25 - distance.abs()).clamp(0, 1) * 2 - 1)[:, None].repeat(1, 3, 1, 1)


def found_edges(distance: Tensor, rng: random.Random) -> Tensor:
    """Edges for the ControlNet: one half found by OpenCV's Canny, the other drawn."""
    cv2 = import_module("cv2")
    edges = drawn_edges(distance)
    for number in range(len(edges)):
        if rng.random() < 0.5:
            grey = (coverage(distance[number]) * 255).byte().numpy()
            edges[number] = torch.from_numpy(cv2.Canny(grey, 100, 200)).float() / 127.5 - 1
    return edges


def varied(count: int, rng: random.Random, side: int) -> Tensor:
    """Drawings for the autoencoder: any colours, outlines, edges, one shape over another, grounds that slope."""
    made = torch.Generator().manual_seed(rng.getrandbits(62))

    def chance(*shape: int) -> Tensor:
        return torch.rand(*shape, generator=made)

    def colours() -> Tensor:
        named = PALETTE[torch.randint(len(PALETTE), (count,), generator=made)]
        named = (named + 0.03 * torch.randn(count, 3, generator=made)).clamp(-1, 1)
        return torch.where((chance(count) < 0.35)[:, None], chance(count, 3) * 2 - 1, named)

    pictures = colours()[:, :, None, None].repeat(1, 1, side, side)
    slope = (chance(count, 2) - 0.5) * (chance(count, 1) < 0.12)
    grid = torch.linspace(-1, 1, side)
    pictures = pictures + slope[:, 0, None, None, None] * grid[:, None] + slope[:, 1, None, None, None] * grid
    for layer in range(3):
        shape = torch.randint(len(SHAPES), (count,), generator=made)
        radius = (0.1 + 0.25 * chance(count)) * SIDE * min(1.0, side / SIDE) ** 0.5
        x, y = (0.15 + 0.7 * chance(count)) * side, (0.15 + 0.7 * chance(count)) * side
        distance = distances(shape, x, y, radius, side, side)
        thin = (chance(count) < (0.5 if layer else 0.25))[:, None, None]
        distance = torch.where(thin, outline(distance, 1.5 if layer else 4.5), distance)
        cover = coverage(distance) * (1 if layer == 0 else (chance(count) < 0.3)[:, None, None])
        pictures = cover[:, None] * colours()[:, :, None, None] + (1 - cover[:, None]) * pictures
    is_edges = (chance(count) < 0.12)[:, None, None, None]
    return torch.where(is_edges, drawn_edges(distance), pictures).clamp(-1, 1)
