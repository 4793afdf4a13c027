"""What the new parts of a canvas are filled with, before a model paints there."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt

from ...hosted.engine.errors import InputRefused
from .canvas import Layout
from .choices import BLUR, COLOUR, EDGE, FILLS, NOISE, TRANSPARENT
from .tensors import Array, one_of

_ROWS_AT_ONCE = 256
# A gaussian of this many pixels is smooth enough to be enlarged without a trace.
_BLUR_AT_LEAST = 4


@dataclass(frozen=True)
class Fill:
    """How to fill: ``blur`` in pixels (standard deviation), ``seed`` of the noise, ``colour`` as CSS writes it."""

    kind: str = EDGE
    blur: int = 32
    seed: int = 0
    colour: str = "#808080"

    def __post_init__(self) -> None:
        one_of("fill", self.kind, FILLS)

    @cached_property
    def rgb(self) -> Array:
        """The plain colour, 0 to 1. Raises ``InputRefused`` for a text that names none."""
        from PIL import ImageColor

        try:
            red, green, blue, *_ = ImageColor.getrgb(self.colour.strip())
        except ValueError:
            raise InputRefused(
                f'The input colour = "{self.colour}" is no colour: write a name such as white, or #rrggbb.',
                input_name="colour",
            ) from None
        return np.array([red, green, blue], np.float32) / np.float32(255)


def paint(pictures: Array, holes: Array | None, layout: Layout, fill: Fill) -> Array:
    """Canvases (B, H, W, 3) with the pictures (B, h, w, 3) on them, bit for bit where they are opaque.

    ``holes`` (B, h, w) is the pictures' transparency: it is filled like what is new, unless the fill is transparent.
    Under transparency lies the continued edge, so that no dark fringe appears when the canvas is scaled.
    """
    made = np.empty((len(pictures), layout.canvas_height, layout.canvas_width, 3), np.float32)
    random = np.random.default_rng(fill.seed)
    for place, picture in enumerate(pictures):
        hole = None if holes is None or not holes[place].any() else holes[place]
        _fill(made[place], picture, hole, layout, fill, random)
        inside = made[place][layout.inside]
        if hole is None or fill.kind == TRANSPARENT:
            inside[...] = picture
        else:
            _lay_over(inside, picture, hole)
    return made


def _lay_over(below: Array, picture: Array, holes: Array) -> None:
    opacity = (1 - holes)[..., None]
    blended = picture * opacity + below * (1 - opacity)
    below[...] = np.where(opacity == 1, picture, blended)


def _fill(
    canvas: Array, picture: Array, hole: Array | None, layout: Layout, fill: Fill, random: np.random.Generator
) -> None:
    if fill.kind == COLOUR:
        canvas[...] = fill.rgb
    elif fill.kind == NOISE:
        _scatter(canvas, picture if hole is None else _opaque_pixels(picture, hole), random)
    else:
        _continue_edges(canvas, picture if hole is None else _without_holes(picture, hole), layout)
        if fill.kind == BLUR and fill.blur:
            canvas[...] = blurred(canvas, fill.blur)


def _continue_edges(canvas: Array, picture: Array, layout: Layout) -> None:
    rows, columns = layout.inside
    canvas[rows, columns] = picture
    canvas[rows, : columns.start] = picture[:, :1]
    canvas[rows, columns.stop :] = picture[:, -1:]
    canvas[: rows.start] = canvas[rows.start]
    canvas[rows.stop :] = canvas[rows.stop - 1]


def _scatter(canvas: Array, pixels: Array, random: np.random.Generator) -> None:
    """Every pixel takes the colour of some pixel of the picture, so that the noise has the picture's own colours."""
    colours = pixels.reshape(-1, 3)
    for row in range(0, len(canvas), _ROWS_AT_ONCE):
        band = canvas[row : row + _ROWS_AT_ONCE]
        band[...] = colours[random.integers(0, len(colours), band.shape[:2])]


def _opaque_pixels(picture: Array, holes: Array) -> Array:
    opaque = picture[holes == 0]
    return opaque if len(opaque) else picture


def _without_holes(picture: Array, holes: Array) -> Array:
    """Every pixel that is transparent, be it a little, takes the colour of the nearest opaque one."""
    from scipy import ndimage

    is_hole = holes > 0
    if is_hole.all():
        return picture
    nearest: npt.NDArray[np.int32] = ndimage.distance_transform_edt(
        is_hole, return_distances=False, return_indices=True
    )
    return picture[nearest[0], nearest[1]]


def blurred(picture: Array, sigma: float) -> Array:
    """(H, W, 3) under a gaussian of that standard deviation in pixels; wide ones are made small and enlarged."""
    import torch
    from scipy import ndimage
    from torch.nn.functional import interpolate

    height, width = picture.shape[:2]
    factor = max(1, int(sigma / _BLUR_AT_LEAST))
    small = torch.from_numpy(picture).permute(2, 0, 1)[None]
    if factor > 1:
        size = (-(-height // factor), -(-width // factor))
        small = interpolate(small, size=size, mode="area")
    spread = (0, sigma / factor, sigma / factor)
    soft: Array = ndimage.gaussian_filter(small[0].numpy(), spread, mode="nearest")
    if factor == 1:
        return soft.transpose(1, 2, 0)
    large = interpolate(torch.from_numpy(soft)[None], size=(height, width), mode="bilinear")
    return large[0].permute(1, 2, 0).numpy()
