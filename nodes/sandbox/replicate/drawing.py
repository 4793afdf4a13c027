"""What each kind of model does with its inputs."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias

from PIL import Image, ImageFilter, ImageOps

from .. import cutting, painter, retouch, sight
from ..lettering import tag
from ..scene import parse
from . import backgrounds
from .models import Model
from .refusals import ModelFailure
from .sizes import Size

Made: TypeAlias = Image.Image | str | list[str] | dict[str, Image.Image]

FORMATS: Mapping[str, str] = {"jpg": "jpeg", "jpeg": "jpeg", "png": "png", "webp": "webp"}
SIDES = ("Left", "Top", "Right", "Bottom")
OUTLINE = 40
"""How strong an edge of the control picture must be, of 255, to be drawn."""


@dataclass(frozen=True)
class Work:
    """A run that was understood."""

    name: str
    model: Model
    inputs: Mapping[str, Any]
    """With the model's own values where nothing was asked."""
    pictures: tuple[Image.Image, ...]
    mask: Image.Image | None
    """Alpha 0 where to paint."""
    size: Size
    count: int = 1

    @property
    def prompt(self) -> str:
        """What to paint; empty for a model that takes no words."""
        return str(self.inputs.get("prompt") or "")

    @property
    def format(self) -> str:
        """The kind of file, as the encoder names it."""
        return FORMATS[self.model.always or self.inputs.get("output_format") or self.inputs.get("format") or "png"]

    def make(self, serial: int) -> Made:
        """One result: a picture, words, or pictures by name."""
        order = painter.Order(self.prompt, *self.size, serial, self.name.rpartition("/")[2])
        return _DONE[self.model.does](self, order)

    def encoded(self, picture: Image.Image) -> bytes:
        """The picture as a file."""
        return painter.encode(picture, self.format, int(self.inputs.get("output_quality", 90)))


def _generated(work: Work, order: painter.Order) -> Made:
    if not work.pictures:
        return painter.paint(order)
    return retouch.edit(list(work.pictures), work.mask, order)


def _inpainted(work: Work, order: painter.Order) -> Made:
    """A new picture, or one with a mask that is painted into; references of style leave it as it is."""
    if not work.inputs.get("image"):
        return painter.paint(order)
    return retouch.edit([work.pictures[0]], work.mask, order)


def _filled(work: Work, order: painter.Order) -> Made:
    first = work.pictures[0].convert("RGB")
    where = work.inputs.get("outpaint", "None")
    if where != "None":
        return _widened(first, where, order)
    return retouch.edit([first], work.mask, order)


def _widened(first: Image.Image, where: str, order: painter.Order) -> Image.Image:
    """The picture as it is, with new ground around it or at one side."""
    left, top, right, bottom = _margins(where, *first.size)
    size = (first.width + left + right, first.height + top + bottom)
    wider = painter.paint(painter.Order(order.prompt, *size, order.serial, order.model))
    wider.paste(first, (left, top))
    return wider


def _margins(where: str, width: int, height: int) -> tuple[int, int, int, int]:
    """Pixels to add at the left, the top, the right and the bottom."""
    way, _, rest = where.partition(" ")
    if way == "Zoom":
        share = (float(rest.removeprefix("out ").removesuffix("x")) - 1) / 2
        return (round(width * share), round(height * share)) * 2
    if way == "Make":
        across, down = max(0, height - width), max(0, width - height)
        return across // 2, down // 2, across - across // 2, down - down // 2
    left, top, right, bottom = (way == side for side in SIDES)
    return width // 2 * left, height // 2 * top, width // 2 * right, height // 2 * bottom


def _controlled(work: Work, order: painter.Order) -> Made:
    """What was asked for, below the outlines of the control picture."""
    painted = painter.paint(order).convert("RGB")
    edges = work.pictures[0].convert("L").filter(ImageFilter.FIND_EDGES)
    lines = edges.point([255 if step > OUTLINE else 0 for step in range(256)])
    painted.paste((250, 250, 250), mask=ImageOps.fit(lines, order.size))
    return painted


def _varied(work: Work, order: painter.Order) -> Made:
    return retouch.vary(work.pictures[0], order)


def _enlarged(work: Work, order: painter.Order) -> Made:
    first = work.pictures[0]
    has_alpha = first.mode in ("RGBA", "LA", "PA") or "transparency" in first.info
    large = first.convert("RGBA" if has_alpha else "RGB").resize(work.size, Image.Resampling.LANCZOS)
    width, height = large.size
    # In a corner, so that what was enlarged can be looked at.
    tag(large, (0, height * 2 // 3, max(1, width // 3), height), f"#{order.serial}")
    return large


def _cut_out(work: Work, order: painter.Order) -> Made:
    first, inputs = work.pictures[0], work.inputs
    alpha = cutting.alpha_of(first, float(inputs.get("threshold", 0)), reverse=bool(inputs.get("reverse")))
    return backgrounds.on_background(
        cutting.cut_out(first, alpha, order.serial), str(inputs.get("background_type", "rgba"))
    )


def _taken_apart(work: Work, order: painter.Order) -> Made:
    alpha = cutting.alpha_of(work.pictures[0])
    return {"picture": cutting.cut_out(work.pictures[0], alpha, order.serial), "mask": alpha.convert("RGB")}


def _described(work: Work, order: painter.Order) -> Made:
    return sight.describe(sight.look(work.pictures[0]))


def _told(work: Work, order: painter.Order) -> Made:
    """What a picture of the prompt would show, word by word."""
    seen = sight.look(painter.paint_bare(order, parse(order.prompt)))
    return re.findall(r"\S+\s*", sight.describe(seen))[: work.inputs["max_words"]]


_DONE: Mapping[str, Callable[[Work, painter.Order], Made]] = {
    "generate": _generated,
    "inpaint": _inpainted,
    "fill": _filled,
    "control": _controlled,
    "vary": _varied,
    "upscale": _enlarged,
    "cut out": _cut_out,
    "take apart": _taken_apart,
    "describe": _described,
    "tell": _told,
}
NEEDS_PICTURE = frozenset(_DONE) - {"generate", "inpaint", "tell"}


def check(work: Work) -> None:
    """Raises ModelFailure for a kind of file that cannot be written, or a background that is not there."""
    asked = work.inputs.get("format")
    if asked is not None and asked not in FORMATS:
        raise ModelFailure(f"unknown file extension: .{asked}")
    if "background_type" in work.inputs:
        backgrounds.check_background(work.inputs["background_type"])
