"""Shapes drawn into a square box."""

from __future__ import annotations

import math
from collections.abc import Callable

from PIL import ImageDraw

from .colours import RGB

Point = tuple[float, float]


def _regular(corners: int, *, inner: float = 1.0, turned: float = -90.0) -> list[Point]:
    """Corners on the unit circle; with `inner` below 1, every second one lies nearer the middle (a star)."""
    steps = corners if inner == 1.0 else corners * 2
    return [
        (
            math.cos(math.radians(turned + 360 * step / steps)) * (inner if step % 2 and inner < 1 else 1),
            math.sin(math.radians(turned + 360 * step / steps)) * (inner if step % 2 and inner < 1 else 1),
        )
        for step in range(steps)
    ]


def _heart() -> list[Point]:
    turns = [math.tau * step / 120 for step in range(120)]
    return [
        (
            math.sin(t) ** 3,
            -(13 * math.cos(t) - 5 * math.cos(2 * t) - 2 * math.cos(3 * t) - math.cos(4 * t)) / 16,
        )
        for t in turns
    ]


def _triangle() -> list[Point]:
    return [(0, -0.9), (1, 0.85), (-1, 0.85)]


OUTLINES: dict[str, Callable[[], list[Point]]] = {
    "square": lambda: [(-0.88, -0.88), (0.88, -0.88), (0.88, 0.88), (-0.88, 0.88)],
    "rectangle": lambda: [(-1, -0.6), (1, -0.6), (1, 0.6), (-1, 0.6)],
    "triangle": _triangle,
    "diamond": lambda: [(0, -1), (0.72, 0), (0, 1), (-0.72, 0)],
    "star": lambda: _regular(5, inner=0.42),
    "hexagon": lambda: _regular(6, turned=0),
    "heart": _heart,
}


def draw(on: ImageDraw.ImageDraw, shape: str, centre: Point, radius: float, colour: RGB) -> None:
    """Fill one shape; `radius` is half the side of its box, in pixels."""
    x, y = centre
    box = (x - radius, y - radius, x + radius, y + radius)
    if shape == "circle":
        on.ellipse(box, fill=colour)
    elif shape == "ellipse":
        on.ellipse((x - radius, y - radius * 0.62, x + radius, y + radius * 0.62), fill=colour)
    elif shape == "ring":
        on.ellipse(box, outline=colour, width=max(1, round(radius * 0.34)))
    else:
        on.polygon([(x + radius * px, y + radius * py) for px, py in OUTLINES[shape]()], fill=colour)
