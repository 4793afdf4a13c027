"""Colours by name, both ways."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

RGB = tuple[int, int, int]

COLOURS: dict[str, RGB] = {
    "red": (217, 45, 50),
    "orange": (240, 138, 36),
    "yellow": (247, 206, 58),
    "green": (52, 152, 84),
    "lime": (150, 210, 60),
    "teal": (26, 140, 140),
    "cyan": (70, 200, 220),
    "blue": (42, 92, 200),
    "navy": (24, 36, 92),
    "purple": (122, 62, 168),
    "magenta": (206, 50, 150),
    "pink": (245, 160, 190),
    "brown": (122, 78, 48),
    "beige": (232, 216, 186),
    "black": (24, 24, 28),
    "white": (248, 248, 246),
    "grey": (140, 144, 150),
}

SYNONYMS: dict[str, str] = {
    "gray": "grey",
    "silver": "grey",
    "gold": "yellow",
    "golden": "yellow",
    "crimson": "red",
    "scarlet": "red",
    "violet": "purple",
    "turquoise": "teal",
    "cream": "beige",
}


def named(word: str) -> str | None:
    """The colour a word stands for, or None."""
    word = word.lower()
    return word if word in COLOURS else SYNONYMS.get(word)


def nearest(pixels: NDArray[np.uint8]) -> NDArray[np.intp]:
    """For RGB pixels (..., 3), the index of the nearest named colour, in the order of COLOURS."""
    palette = np.array(list(COLOURS.values()), dtype=np.int32)
    # The eye tells greens apart best and blues least.
    weights = np.array([3, 4, 2], dtype=np.int32)
    apart = pixels[..., None, :].astype(np.int32) - palette
    return np.asarray((apart * apart * weights).sum(axis=-1).argmin(axis=-1))


def mixed(one: RGB, other: RGB, share: float) -> RGB:
    """`one` with a share (0-1) of `other` in it."""
    return (
        round(one[0] + (other[0] - one[0]) * share),
        round(one[1] + (other[1] - one[1]) * share),
        round(one[2] + (other[2] - one[2]) * share),
    )
