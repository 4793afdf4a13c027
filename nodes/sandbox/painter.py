"""Pictures that show what was asked for, the same for the same order."""

from __future__ import annotations

import hashlib
import io
import math
import random
from dataclasses import dataclass

import numpy as np
from PIL import Image, ImageDraw, PngImagePlugin

from . import shapes
from .colours import COLOURS, RGB, mixed
from .lettering import caption_height, letter_picture
from .scene import Scene, Thing, parse

SMOOTHED_PIXELS = 2_500_000
"""Up to this size shapes are drawn twice as large and reduced; larger pictures are sharp enough without."""
CHUNK = "easel-sandbox"
FREE_COLOURS = ("orange", "teal", "purple", "yellow", "red", "blue", "pink")

SKIES: tuple[tuple[RGB, RGB], ...] = (
    ((32, 42, 92), (244, 150, 120)),
    ((64, 132, 190), (250, 226, 190)),
    ((60, 36, 96), (240, 120, 160)),
    ((20, 90, 104), (214, 236, 190)),
    ((150, 70, 60), (252, 214, 130)),
)


@dataclass(frozen=True)
class Order:
    """One picture to paint. `serial` is the sandbox's count of pictures, drawn on it."""

    prompt: str
    width: int
    height: int
    serial: int
    model: str = ""
    quality: str = ""
    transparent: bool = False

    @property
    def size(self) -> tuple[int, int]:
        """Width and height in pixels."""
        return self.width, self.height

    @property
    def details(self) -> str:
        """The line below the prompt."""
        told = (self.model, f"{self.width}x{self.height}", self.quality, f"#{self.serial}")
        return "  ·  ".join(part for part in told if part)

    def chance(self) -> random.Random:
        """Chance that is the same for the same prompt, model and serial."""
        seed = hashlib.sha256(f"{self.prompt}|{self.model}|{self.serial}".encode()).digest()
        return random.Random(seed)


def paint(order: Order) -> Image.Image:
    """The picture of an order: its scene, else a landscape of its mood; with caption and ribbon."""
    picture = paint_bare(order, parse(order.prompt))
    letter_picture(picture, order.prompt, order.details)
    return picture


def paint_bare(order: Order, scene: Scene | None) -> Image.Image:
    """The same without words: RGBA with a clear background when transparent, else RGB."""
    factor = 2 if order.width * order.height <= SMOOTHED_PIXELS else 1
    large = (order.width * factor, order.height * factor)
    chance = order.chance()
    if scene is None:
        picture = _landscape(large, chance, order.transparent)
    else:
        picture = _ground(large, scene, chance, order.transparent)
        draw_things(picture, scene.things, chance)
    return picture.reduce(factor) if factor > 1 else picture


def draw_things(picture: Image.Image, things: tuple[Thing, ...], chance: random.Random) -> None:
    """Lay things out in rows above the caption, each a little off its place, in place."""
    each = [thing for thing in things for _ in range(thing.count)]
    if not each:
        return
    width, height = picture.width, picture.height - caption_height(picture.size)
    columns = max(1, min(len(each), round(math.sqrt(len(each) * width / height))))
    rows = math.ceil(len(each) / columns)
    cell = min(width / columns, height / rows)
    pen = ImageDraw.Draw(picture)
    taken = {thing.colour for thing in things}
    spare = [name for name in FREE_COLOURS if name not in taken]
    for place, thing in enumerate(each):
        row, column = divmod(place, columns)
        in_row = min(columns, len(each) - row * columns)
        # Drawn together a little, so that nothing lies below the ribbon in the corner.
        x = width / 2 + 0.88 * (column - (in_row - 1) / 2) * width / columns
        y = height / 2 + 0.88 * (row - (rows - 1) / 2) * height / rows
        x, y = (at + chance.uniform(-0.03, 0.03) * cell for at in (x, y))
        radius = cell * 0.33 * thing.scale * chance.uniform(0.94, 1.04)
        colour = COLOURS[thing.colour or spare[place % len(spare)]]
        shapes.draw(pen, thing.shape, (x, y), radius, colour)


def _ground(size: tuple[int, int], scene: Scene, chance: random.Random, transparent: bool) -> Image.Image:
    if transparent and scene.background is None:
        return Image.new("RGBA", size)
    taken = {*FREE_COLOURS} if not all(thing.colour for thing in scene.things) else set()
    taken |= {thing.colour for thing in scene.things if thing.colour}
    free = [name for name in ("beige", "white", "teal", "navy") if name not in taken]
    colour = COLOURS[scene.background or chance.choice(free)]
    ground = _gradient(size, mixed(colour, (255, 255, 255), 0.07), mixed(colour, (0, 0, 0), 0.07))
    return ground.convert("RGBA") if transparent else ground


def _gradient(size: tuple[int, int], top: RGB, bottom: RGB) -> Image.Image:
    column = np.linspace(top, bottom, 256).round().astype(np.uint8).reshape(256, 1, 3)
    return Image.fromarray(column).resize(size, Image.Resampling.BILINEAR)


def _landscape(size: tuple[int, int], chance: random.Random, transparent: bool) -> Image.Image:
    """Hills below a sun; with a transparent background, no sky."""
    width, height = size
    high, low = chance.choice(SKIES)
    picture = Image.new("RGBA", size) if transparent else _gradient(size, high, low)
    pen = ImageDraw.Draw(picture)
    sun = min(size) * chance.uniform(0.08, 0.14)
    at = (width * chance.uniform(0.2, 0.7), height * chance.uniform(0.22, 0.42))
    shapes.draw(pen, "circle", at, sun, mixed(low, (255, 250, 225), 0.75))
    layers = 5
    for layer in range(layers):
        share = layer / (layers - 1)
        colour = mixed(mixed(low, high, 0.35), mixed(high, (8, 10, 20), 0.55), share)
        base = height * (0.50 + 0.085 * layer)
        pen.polygon([*_ridge(width, height, base, chance), (width, height), (0, height)], fill=colour)
    return picture


def _ridge(width: int, height: int, base: float, chance: random.Random) -> list[tuple[float, float]]:
    waves = [
        (chance.uniform(0.6, 1.4) * 2**octave, chance.uniform(0, math.tau), height * 0.05 / 1.8**octave)
        for octave in range(4)
    ]
    xs = np.linspace(0, width, 160)
    ys = base + sum(tall * np.sin(xs / width * math.tau * often + shift) for often, shift, tall in waves)
    return list(zip(xs.tolist(), np.asarray(ys).tolist(), strict=True))


def encode(picture: Image.Image, output_format: str = "png", compression: int = 100) -> bytes:
    """The picture as a file: png, jpeg or webp. `compression` 0-100 is the quality of the last two."""
    file = io.BytesIO()
    if output_format == "png":
        told = PngImagePlugin.PngInfo()
        told.add_text(CHUNK, "1")
        picture.save(file, "PNG", compress_level=1, pnginfo=told)
    elif output_format == "jpeg":
        flat = picture.convert("RGB")
        flat.save(file, "JPEG", quality=max(1, min(compression, 95)), comment=f"{CHUNK}: 1".encode())
    else:
        picture.save(file, "WEBP", quality=compression, method=0, xmp=f"{CHUNK}: 1".encode())
    return file.getvalue()
