"""Contact sheets: pictures in a labelled grid."""

from __future__ import annotations

import functools
from collections.abc import Sequence
from dataclasses import dataclass
from math import ceil, sqrt
from typing import TYPE_CHECKING

import numpy as np

from ..hosted.engine.errors import InputRefused
from ..pictures import MAX_PIXELS, Pixels
from .choices import THEMES

if TYPE_CHECKING:
    from PIL.Image import Image
    from PIL.ImageFont import FreeTypeFont

    Font = FreeTypeFont

_WIDE_FONTS = (
    "NotoSansCJK-Regular.ttc",
    "NotoSansSC-Regular.otf",
    "msyh.ttc",
    "PingFang.ttc",
    "Hiragino Sans GB.ttc",
    "arialuni.ttf",
    "wqy-microhei.ttc",
    "DejaVuSans.ttf",
)
"""Fonts of the usual systems that have far more letters than Pillow's own; the first that is there is taken."""
_LATIN_END = 0x250
_LINE_HEIGHT = 1.35
"""In font sizes."""
_TITLE_SIZE = 1.8
"""In font sizes of the captions."""
_ELLIPSIS = "…"


@dataclass(frozen=True)
class Cell:
    """One place of a sheet: its picture (None leaves it empty) and what stands below, the first line in full ink."""

    picture: Pixels | None
    caption: tuple[str, ...] = ()


@dataclass(frozen=True)
class Layout:
    """How a sheet is laid out; lengths in pixels. ``columns`` 0 makes it about as wide as it is high."""

    columns: int = 0
    side: int = 384
    lines: int = 4
    """The most lines that a caption takes; what is longer ends in an ellipsis."""
    theme: str = "dark"
    title: str = ""
    heads: tuple[str, ...] = ()
    """What stands above each column."""

    @property
    def gap(self) -> int:
        return max(8, self.side // 24)

    @property
    def font_size(self) -> int:
        return max(11, self.side // 24)


def sheet(cells: Sequence[Cell], layout: Layout) -> Pixels:
    """The sheet as RGB, pictures scaled into squares of ``layout.side`` pixels, never up.

    Raises :class:`InputRefused` for no cells, and for a sheet larger than any picture may be.
    """
    from PIL import Image, ImageDraw

    if not cells:
        raise InputRefused("There is no picture to put on the sheet.", input_name="images")
    grid = _Grid(cells, layout)
    if grid.width * grid.height > MAX_PIXELS:
        raise InputRefused(
            f"The sheet of {len(cells)} pictures would be {grid.width}x{grid.height} pixels: make the cells smaller, or give "
            f"it fewer pictures.",
            input_name="cell",
        )
    theme = THEMES[layout.theme]
    canvas = Image.new("RGB", (grid.width, grid.height), theme.paper)
    pen = ImageDraw.Draw(canvas)
    if layout.title:
        font = _font(layout.title, round(layout.font_size * _TITLE_SIZE))
        line = _cut(layout.title, font, grid.width - 2 * layout.gap)
        pen.text((layout.gap, layout.gap), line, theme.ink, font)
    for column, head in enumerate(layout.heads):
        font = _font(head, layout.font_size)
        pen.text((grid.left(column), grid.heads_top), _cut(head, font, layout.side), theme.ink, font)
    for place, cell in enumerate(cells):
        row, column = divmod(place, grid.columns)
        left, top = grid.left(column), grid.tops[row]
        if cell.picture is not None:
            thumbnail = _thumbnail(cell.picture, layout.side)
            canvas.paste(thumbnail, (left + (layout.side - thumbnail.width) // 2, top))
        for number, (line, font, is_first) in enumerate(grid.captions[place]):
            y = top + grid.heights[row] + layout.gap // 2 + number * grid.line_height
            pen.text((left, y), line, theme.ink if is_first else theme.faint, font)
    return Pixels(np.asarray(canvas))


class _Grid:
    """Where everything of a sheet goes: rows are as high as their highest picture and longest caption."""

    def __init__(self, cells: Sequence[Cell], layout: Layout) -> None:
        side, gap = layout.side, layout.gap
        self.columns = min(len(cells), layout.columns or ceil(sqrt(len(cells))))
        self.line_height = round(layout.font_size * _LINE_HEIGHT)
        self.captions = [_lines(cell.caption, layout) for cell in cells]
        self._pitch, self._gap = side + gap, gap
        self.width = gap + self.columns * self._pitch
        self.heads_top = gap + (round(layout.font_size * _TITLE_SIZE * _LINE_HEIGHT) + gap if layout.title else 0)
        top = self.heads_top + (self.line_height + gap // 2 if layout.heads else 0)
        self.tops, self.heights = [], []
        for first in range(0, len(cells), self.columns):
            row = slice(first, first + self.columns)
            height = max(_scaled(cell.picture, side)[1] if cell.picture else 0 for cell in cells[row])
            lines = max(len(caption) for caption in self.captions[row])
            self.tops.append(top)
            self.heights.append(height)
            top += height + (gap // 2 + lines * self.line_height if lines else 0) + gap
        self.height = top

    def left(self, column: int) -> int:
        return self._gap + column * self._pitch


def _scaled(picture: Pixels, side: int) -> tuple[int, int]:
    scale = min(1.0, side / max(picture.width, picture.height))
    return max(1, round(picture.width * scale)), max(1, round(picture.height * scale))


def _thumbnail(picture: Pixels, side: int) -> Image:
    from PIL import Image

    return Image.fromarray(picture.flattened().array).resize(_scaled(picture, side), Image.Resampling.LANCZOS)


def _lines(caption: Sequence[str], layout: Layout) -> list[tuple[str, Font, bool]]:
    """The caption wrapped to the width of a cell, with the font of each line and whether it is of the first part."""
    lines: list[tuple[str, Font, bool]] = []
    rest = [part for part in caption if part]
    for number, part in enumerate(rest):
        font = _font(part, layout.font_size)
        # Every later part keeps a line of its own, however long this one is.
        room = max(1, layout.lines - len(lines) - (len(rest) - number - 1))
        lines += [(line, font, number == 0) for line in _wrap(part, font, layout.side, room)]
    return lines[: layout.lines]


def _wrap(text: str, font: Font, width: int, lines: int) -> list[str]:
    """``text`` in at most ``lines`` lines of ``width`` pixels, the last one cut with an ellipsis."""
    rest = " ".join(text.split())
    wrapped: list[str] = []
    while rest and len(wrapped) < lines - 1:
        taken = _fitting(rest, font, width)
        if taken < len(rest) and (space := rest.rfind(" ", 0, taken + 1)) > 0:
            taken = space
        wrapped.append(rest[:taken].rstrip())
        rest = rest[taken:].lstrip()
    return [*wrapped, _cut(rest, font, width)] if rest else wrapped


def _cut(text: str, font: Font, width: int) -> str:
    if font.getlength(text) <= width:
        return text
    return text[: _fitting(text, font, width - font.getlength(_ELLIPSIS))].rstrip() + _ELLIPSIS


def _fitting(text: str, font: Font, width: float) -> int:
    """How many letters from the start fit into ``width`` pixels; at least one."""
    low, high = 1, len(text)
    while low < high:
        middle = (low + high + 1) // 2
        low, high = (middle, high) if font.getlength(text[:middle]) <= width else (low, middle - 1)
    return low


def _font(text: str, size: int) -> Font:
    """Pillow's own font, or one of this machine's where the text needs letters that it lacks."""
    return _fonts(size, wide=any(ord(letter) >= _LATIN_END and letter != _ELLIPSIS for letter in text))


@functools.lru_cache(maxsize=16)
def _fonts(size: int, *, wide: bool) -> Font:
    from PIL import ImageFont

    for name in _WIDE_FONTS if wide else ():
        try:
            return ImageFont.truetype(name, size)
        except OSError:
            continue
    own = ImageFont.load_default(size)
    if not isinstance(own, ImageFont.FreeTypeFont):
        raise InputRefused(
            "This Pillow was built without FreeType and cannot write captions: install pillow anew with pip."
        )
    return own
