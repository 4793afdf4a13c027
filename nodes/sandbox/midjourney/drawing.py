"""What a task draws: a grid of four, one picture of a grid, and what is made of either."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from PIL import Image, ImageOps

from .. import painter, retouch
from .prompts import Wish

Serial = Callable[[], int]
"""Counts the sandbox's pictures."""


@dataclass(frozen=True)
class Brush:
    """What a picture is drawn with."""

    wish: Wish
    serial: Serial

    def order(self, size: tuple[int, int] | None = None) -> painter.Order:
        """The next picture to paint."""
        width, height = size or self.wish.size
        return painter.Order(self.wish.words, width, height, self.serial(), f"midjourney {self.wish.version}")


def grid_of(pictures: list[Image.Image]) -> Image.Image:
    """Four pictures of one size as two rows of two."""
    width, height = pictures[0].size
    grid = Image.new("RGB", (2 * width, 2 * height))
    for place, picture in enumerate(pictures):
        grid.paste(picture, ((place % 2) * width, (place // 2) * height))
    return grid


def cell_of(grid: Image.Image, number: int) -> Image.Image:
    """The picture of that number, 1 to 4, out of a grid."""
    width, height = grid.width // 2, grid.height // 2
    left, top = ((number - 1) % 2) * width, ((number - 1) // 2) * height
    return grid.crop((left, top, left + width, top + height))


def imagine(brush: Brush, prompts: list[Image.Image]) -> Image.Image:
    """Four pictures of the words, drawn over the first picture prompt where there is one."""
    if not prompts:
        return grid_of([painter.paint(brush.order()) for _ in range(4)])
    return grid_of([retouch.edit([_flat(one) for one in prompts], None, brush.order()) for _ in range(4)])


def larger(brush: Brush, picture: Image.Image, times: int) -> Image.Image:
    """The same picture with more pixels."""
    brush.serial()
    return picture.resize((picture.width * times, picture.height * times), Image.Resampling.BICUBIC)


def vary(brush: Brush, picture: Image.Image) -> Image.Image:
    """Four variations."""
    return grid_of([retouch.vary(picture, brush.order(picture.size)) for _ in range(4)])


def region(brush: Brush, picture: Image.Image, mask: Image.Image) -> Image.Image:
    """Four times the picture, with something else where the mask is white."""
    kept = mask.convert("L").point([255] * 128 + [0] * 128)
    clear = Image.merge("RGBA", (kept, kept, kept, kept))
    return grid_of([retouch.edit([picture], clear, brush.order(picture.size)) for _ in range(4)])


def zoom(brush: Brush, picture: Image.Image, factor: float) -> Image.Image:
    """Four times the picture from further away, with something else around it."""
    small = picture.resize((round(picture.width / factor), round(picture.height / factor)), Image.Resampling.BICUBIC)
    at = ((picture.width - small.width) // 2, (picture.height - small.height) // 2)
    return grid_of([_laid(painter.paint(brush.order(picture.size)), small, at) for _ in range(4)])


def pan(brush: Brush, picture: Image.Image, direction: str) -> Image.Image:
    """Four times the picture, half as much again on one side."""
    more_x, more_y = (picture.width // 2, 0) if direction in ("left", "right") else (0, picture.height // 2)
    at = (more_x if direction == "left" else 0, more_y if direction == "up" else 0)
    size = (picture.width + more_x, picture.height + more_y)
    return grid_of([_laid(painter.paint(brush.order(size)), picture, at) for _ in range(4)])


def blend(brush: Brush, pictures: list[Image.Image], size: tuple[int, int]) -> Image.Image:
    """Four pictures in which all that were sent can be seen."""
    mixed = ImageOps.fit(_flat(pictures[0]), size)
    for place, picture in enumerate(pictures[1:], start=2):
        mixed = Image.blend(mixed, ImageOps.fit(_flat(picture), size), 1 / place)
    return grid_of([retouch.edit([mixed], None, brush.order(size)) for _ in range(4)])


def _flat(picture: Image.Image) -> Image.Image:
    return picture.convert("RGB")


def _laid(ground: Image.Image, picture: Image.Image, at: tuple[int, int]) -> Image.Image:
    ground.paste(picture, at)
    return ground
