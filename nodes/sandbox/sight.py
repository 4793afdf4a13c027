"""What can be seen in a picture, told in words that are true: its size, its colours, plain shapes."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from .colours import COLOURS, nearest

SIDE = 160
SMALLEST_SHARE = 0.004
SMALLEST_COLOUR = 0.03
NAMES = tuple(COLOURS)
COUNTED = ("no", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten")


@dataclass(frozen=True)
class Seen:
    """A look at a picture. `colours` are (name, share 0-1), the commonest first."""

    width: int
    height: int
    colours: tuple[tuple[str, float], ...]
    shapes: tuple[tuple[str, str], ...]
    """(colour, shape) of what stands out and touches no edge."""
    clear: float
    """Share of transparent pixels."""


def look(picture: Image.Image) -> Seen:
    """See a picture of any mode; only a small copy of it is looked at."""
    small = picture.convert("RGBA")
    small.thumbnail((SIDE, SIDE), Image.Resampling.NEAREST)
    pixels = np.asarray(small)
    solid = pixels[..., 3] > 127
    names = np.where(solid, nearest(pixels[..., :3]), -1)
    counts = Counter(names[solid].tolist())
    total = max(1, int(solid.sum()))
    colours = tuple(
        (NAMES[index], count / total) for index, count in counts.most_common() if count / total >= SMALLEST_COLOUR
    )
    background = Counter(names.ravel().tolist()).most_common(1)[0][0]
    shapes = _shapes(names, background)
    return Seen(*picture.size, colours, shapes, 1 - float(solid.mean()))


def describe(seen: Seen) -> str:
    """Two or three sentences; the first can be asked for again as a prompt."""
    colours = [name for name, _ in seen.colours]
    if seen.shapes:
        ground = f" on a {colours[0]} background" if colours and seen.clear < 0.5 else ""
        first = f"{_listed(seen.shapes)}{ground}."
    else:
        first = f"A picture that is mostly {' and '.join(colours[:2]) or 'empty'}."
    told = [f"{name} ({share:.0%})" for name, share in seen.colours[:4]]
    # Not "square": the description may come back as a prompt, and squares are drawn.
    form = "even-sided" if seen.width == seen.height else "wide" if seen.width > seen.height else "tall"
    size = f"It is {form}, {seen.width} by {seen.height} pixels"
    shown = f", and shows {', '.join(told)}" if told else ""
    clear = f" {seen.clear:.0%} of it is transparent." if seen.clear >= 0.01 else ""
    return f"{first[0].upper()}{first[1:]} {size}{shown}.{clear}"


def _listed(shapes: tuple[tuple[str, str], ...]) -> str:
    parts = []
    for (colour, shape), count in Counter(shapes).items():
        number = COUNTED[count] if count < len(COUNTED) else str(count)
        article = "an" if colour[0] in "aeiou" else "a"
        parts.append(f"{article} {colour} {shape}" if count == 1 else f"{number} {colour} {shape}s")
    return parts[0] if len(parts) == 1 else f"{', '.join(parts[:-1])} and {parts[-1]}"


def _shapes(names: NDArray[np.intp], background: int) -> tuple[tuple[str, str], ...]:
    height, width = names.shape
    seen = np.zeros(names.shape, dtype=bool)
    found = []
    for row, column in zip(*np.nonzero((names != background) & (names >= 0)), strict=True):
        if seen[row, column]:
            continue
        patch = _patch(names, seen, int(row), int(column))
        rows, columns = patch[:, 0], patch[:, 1]
        on_edge = 0 in patch or rows.max() == height - 1 or columns.max() == width - 1
        if on_edge or len(patch) < SMALLEST_SHARE * names.size:
            continue
        shape = _shape(rows, columns)
        if shape:
            found.append((NAMES[int(names[row, column])], shape))
    return tuple(found)


def _patch(names: NDArray[np.intp], seen: NDArray[np.bool_], row: int, column: int) -> NDArray[np.intp]:
    """All pixels of one colour that hang together with this one, as rows and columns."""
    colour = names[row, column]
    height, width = names.shape
    todo, patch = [(row, column)], []
    seen[row, column] = True
    while todo:
        y, x = todo.pop()
        patch.append((y, x))
        for below, right in ((y + 1, x), (y - 1, x), (y, x + 1), (y, x - 1)):
            inside = 0 <= below < height and 0 <= right < width
            if inside and not seen[below, right] and names[below, right] == colour:
                seen[below, right] = True
                todo.append((below, right))
    return np.array(patch, dtype=np.intp)


def _shape(rows: NDArray[np.intp], columns: NDArray[np.intp]) -> str | None:
    """The shape whose box is filled to this share, with its weight at this height; None when unsure."""
    tall, wide = int(np.ptp(rows)) + 1, int(np.ptp(columns)) + 1
    filled = len(rows) / (tall * wide)
    weight = (float(rows.mean()) - int(rows.min()) + 0.5) / tall
    even = 0.9 < wide / tall < 1.1
    if filled > 0.94:
        return "square" if even else "rectangle"
    if 0.73 < filled < 0.84 and abs(weight - 0.5) < 0.03:
        return "circle" if even else "ellipse"
    if 0.44 < filled < 0.58:
        return "triangle" if weight > 0.6 else "diamond" if abs(weight - 0.5) < 0.03 else None
    return None
