"""Lengths as remove.bg writes them, in pixels or in percent of a side: margins, regions and places.

Source: remove.bg's OpenAPI 1.0.0 and the reference of its API (2026). Each reader raises ``ValueError`` with the reason.
"""

from __future__ import annotations

import re

_LENGTH = re.compile(r"(\d+(?:\.\d+)?)(px|%)")
_PLACE = re.compile(r"(\d+(?:\.\d+)?)%")
_MOST_MARGIN = {"px": 500.0, "%": 50.0}
PLACES = ("original", "center")
"""The places that have a name."""


def check_margin(text: str) -> str:
    """What stays around a cropped subject: one to four lengths."""
    found = [_LENGTH.fullmatch(part) for part in text.split()]
    if not 1 <= len(found) <= 4 or not all(length and float(length[1]) <= _MOST_MARGIN[length[2]] for length in found):
        raise ValueError("a margin is written like 30px or 10%, one to four of them, at most 500px or 50%")
    return text


def check_region(text: str, width: int, height: int) -> str:
    """A rectangle in a picture of that size in pixels: left, top, right, bottom. One that holds nothing is none."""
    found = [_LENGTH.fullmatch(part) for part in text.split()]
    if len(found) != 4 or not all(found):
        raise ValueError(
            "a region is four lengths, left top right bottom, such as 10% 0% 90% 100% or 40px 0px 600px 480px"
        )
    sides = (width, height, width, height)
    left, top, right, bottom = (
        float(length[1]) * (1 if length[2] == "px" else side / 100)
        for length, side in zip(found, sides, strict=True)
        if length
    )
    if right > width or bottom > height:
        raise ValueError(f"it reaches beyond the picture, which is {width}x{height} pixels")
    if right - left < 1 or bottom - top < 1:
        raise ValueError(
            f"it is empty in a picture of {width}x{height} pixels: right must be more than left, bottom more than top"
        )
    return " ".join(text.split())


def check_place(text: str) -> str:
    """Where the subject stands: a name, or one or two percentages (across, down)."""
    parts = text.lower().split()
    if " ".join(parts) in PLACES:
        return parts[0]
    found = [_PLACE.fullmatch(part) for part in parts]
    if not 1 <= len(found) <= 2 or not all(place and float(place[1]) <= 100 for place in found):
        raise ValueError(
            f"a position is {' or '.join(PLACES)}, or one or two percentages (across and down), such as 50% 90%"
        )
    return " ".join(parts)
