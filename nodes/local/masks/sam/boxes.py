"""The box socket: masks, or the host's and other packs' boxes, as boxes in pixels."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from ....hosted.engine.errors import InputRefused
from .family import Array

_TAKEN = (
    "It takes a mask, a box as x, y, width and height (the host's BOUNDING_BOX), or corners x1, y1, x2, y2 (BBOX), one for all "
    "pictures or one for each."
)


def around(mask: npt.NDArray[np.float32]) -> Array | None:
    """The box (1, 4) of what is marked in a mask (H, W) by half or more; None where nothing is."""
    rows, columns = np.flatnonzero((mask >= 0.5).any(1)), np.flatnonzero((mask >= 0.5).any(0))
    if not len(rows):
        return None
    return np.array([[columns[0], rows[0], columns[-1] + 1, rows[-1] + 1]], np.float64)


def corners(value: Any, width: int, height: int) -> list[Array]:
    """Boxes that are not masks, each (1, 4), cut to a picture of that size. Raises ``InputRefused``."""
    several = isinstance(value, Sequence) and bool(value) and not isinstance(value[0], (int, float))
    found = [_corners(one) for one in (value if several else [value])]
    for one in found:
        one[:, ::2] = one[:, ::2].clip(0, width)
        one[:, 1::2] = one[:, 1::2].clip(0, height)
        if one[0, 0] >= one[0, 2] or one[0, 1] >= one[0, 3]:
            raise _refused(f"A box is empty or lies outside the picture, which is {width}x{height} pixels.")
    return found


def _corners(value: Any) -> Array:
    try:
        if isinstance(value, Mapping):
            x, y = float(value["x"]), float(value["y"])
            return np.array([[x, y, x + float(value["width"]), y + float(value["height"])]])
        x1, y1, x2, y2 = (float(one) for one in value)
        return np.array([[x1, y1, x2, y2]])
    except (TypeError, ValueError, KeyError) as error:
        raise _refused(f"{str(value)[:80]} is no box.") from error


def _refused(sentence: str) -> InputRefused:
    return InputRefused(f"{sentence} {_TAKEN}", input_name="box")
