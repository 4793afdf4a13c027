"""What was clicked in the editor or written by hand: the JSON of the points widget, checked and brought to a picture."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

import numpy as np

from ....hosted.engine.errors import InputRefused
from .family import Array, Asked

_EXAMPLE = (
    'It is written like {"points": [{"x": 412, "y": 230, "label": 1}], "box": [100, 80, 600, 500]} in pixels; label 1 belongs '
    "to what you want, 0 does not."
)


@dataclass(frozen=True)
class Clicks:
    """What was clicked on one picture: points as (x, y, label), and one box as (x1, y1, x2, y2), in pixels.

    ``size`` (width, height) is of the picture that was clicked on: another size of it moves the points along.
    """

    points: tuple[tuple[float, float, int], ...] = ()
    box: tuple[float, float, float, float] | None = None
    size: tuple[float, float] | None = None

    def __bool__(self) -> bool:
        return bool(self.points) or self.box is not None

    def asked(self, width: int, height: int) -> Asked:
        """The question about a picture of that size. Raises ``InputRefused`` for what lies outside it."""
        across, down = (width / self.size[0], height / self.size[1]) if self.size else (1.0, 1.0)
        scale = np.array([across, down])
        points = np.array([point[:2] for point in self.points], dtype=np.float64).reshape(-1, 2) * scale
        corners = np.array(self.box or (), dtype=np.float64).reshape(-1, 2) * scale
        for x, y in [*points, *corners]:
            if not (0 <= x <= width and 0 <= y <= height):
                raise _refused(
                    f"The point {x:g}, {y:g} lies outside the picture, which is {width}x{height} pixels: x goes from 0 to "
                    f"{width}, y from 0 to {height}."
                )
        labels = np.array([point[2] for point in self.points], dtype=np.int64)
        return Asked(
            points[None] if len(points) else None,
            labels[None] if len(points) else None,
            _ordered(corners) if len(corners) else None,
        )


def read(text: str) -> list[Clicks]:
    """The clicks in a widget's text: one for all pictures, or one for each. Empty text is no click at all.

    Taken are an object with "points", "box" and "size", a list of such objects (one for each picture), and a bare list of
    points. Raises ``InputRefused``.
    """
    if not text.strip():
        return [Clicks()]
    try:
        value = json.loads(text)
    except ValueError as error:
        raise _refused(f"The points are not JSON ({error}). {_EXAMPLE}") from error
    if isinstance(value, list) and not any(isinstance(one, dict) and "x" not in one for one in value):
        return [Clicks(points=_points(value))]
    return [_clicks(one) for one in (value if isinstance(value, list) else [value])]


def _clicks(value: Any) -> Clicks:
    if not isinstance(value, dict) or not value.keys() <= {"points", "box", "size"}:
        raise _refused(f"{json.dumps(value)[:80]} is no set of points. {_EXAMPLE}")
    box, size = value.get("box"), value.get("size")
    if size is not None and min(_numbers(size, 2)) <= 0:
        raise _refused(
            f"The size {size} of the picture that was clicked on cannot be: it is [width, height] in pixels."
        )
    corners = None if box is None else _numbers(box, 4)
    if corners is not None and (corners[0] == corners[2] or corners[1] == corners[3]):
        raise _refused(f"The box {box} is empty: give it two corners, [x1, y1, x2, y2].")
    return Clicks(_points(value.get("points", [])), corners, None if size is None else _numbers(size, 2))  # type: ignore[arg-type]


def _points(value: Any) -> tuple[tuple[float, float, int], ...]:
    if not isinstance(value, list) or not all(isinstance(one, dict) and {"x", "y"} <= one.keys() for one in value):
        raise _refused(f'"points" is a list of points, each with x and y. {_EXAMPLE}')
    found = []
    for one in value:
        x, y = _numbers([one["x"], one["y"]], 2)
        if (label := one.get("label", 1)) not in (0, 1):
            raise _refused(f"A point has the label {json.dumps(label)}: 1 belongs to what you want, 0 does not.")
        found.append((x, y, int(label)))
    return tuple(found)


def _numbers(values: Any, count: int) -> tuple[float, ...]:
    plain = isinstance(values, list) and len(values) == count
    if not plain or not all(isinstance(one, (int, float)) and np.isfinite(one) for one in values):
        raise _refused(f"{json.dumps(values)[:80]} should be {count} numbers. {_EXAMPLE}")
    return tuple(float(one) for one in values)


def _ordered(corners: Array) -> Array:
    """Two corners, whichever they are, as (1, 4): the top left one first."""
    return np.concatenate([corners.min(axis=0), corners.max(axis=0)])[None]


def _refused(sentence: str) -> InputRefused:
    return InputRefused(sentence, input_name="points")
