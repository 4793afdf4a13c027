"""Where the subject stands: the region it is looked for in, the margin around it, its size and place, its shadow."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from PIL import Image, ImageFilter

from .wire import error

Box = tuple[int, int, int, int]
"""Left, top, right and bottom in pixels."""

SHADOWS = ("auto", "car", "3D", "drop")
USUAL_OPACITY = 70
"""Percent."""
_LENGTH = re.compile(r"(\d+(?:\.\d+)?)(px|%)?")
_PLACE = re.compile(r"(\d+(?:\.\d+)?)%")


def region(text: str, size: tuple[int, int]) -> Box:
    """The part of a picture in which the subject may be. Raises 400."""
    found = [_LENGTH.fullmatch(part) for part in text.split()]
    if len(found) != 4 or not all(found):
        raise error(400, "Invalid region of interest", "invalid_roi", text[:50])
    left, top, right, bottom = (
        round(float(length[1]) * (side / 100 if length[2] == "%" else 1))
        for length, side in zip(found, size * 2, strict=True)
        if length
    )
    box = (max(0, left), max(0, top), min(size[0], right), min(size[1], bottom))
    if box[0] >= box[2] or box[1] >= box[3]:
        raise error(400, "Region of interest is empty", "roi_region_empty", text[:50])
    return box


def within(alpha: Image.Image, box: Box) -> Image.Image:
    """The opacity inside a region; outside everything is removed."""
    kept = Image.new("L", alpha.size)
    kept.paste(alpha.crop(box), box[:2])
    return kept


def margin(text: str, subject: Box) -> tuple[float, float, float, float]:
    """Pixels at the top, the right, the bottom and the left, from one to four lengths as in CSS. Raises 400."""
    found = [_LENGTH.fullmatch(part) for part in text.split()]
    if not 1 <= len(found) <= 4 or not all(found):
        raise error(400, "Invalid crop margin", "invalid_crop_margin", text[:50])
    sides = (subject[3] - subject[1], subject[2] - subject[0]) * 2
    lengths = [one for one in found if one]
    four = (lengths * 4)[:4] if len(lengths) != 3 else [*lengths, lengths[1]]
    top, right, bottom, left = (
        float(length[1]) * (side / 100 if length[2] == "%" else 1) for length, side in zip(four, sides, strict=True)
    )
    return top, right, bottom, left


def widened(box: Box, by: tuple[float, float, float, float]) -> Box:
    """A box with that much more at the top, the right, the bottom and the left."""
    top, right, bottom, left = (round(length) for length in by)
    return box[0] - left, box[1] - top, box[2] + right, box[3] + bottom


def moved(box: Box, into: Box) -> Box:
    """Where a box stands in another one."""
    return box[0] - into[0], box[1] - into[1], box[2] - into[0], box[3] - into[1]


def placed(cut: Image.Image, subject: Box, scale: str, position: str) -> tuple[Image.Image, Box]:
    """The subject at another size and place of the same canvas, and where it stands then. Raises 400."""
    figure = cut.crop(subject)
    if scale != "original":
        share = float(scale.rstrip("%")) / 100
        grow = min(share * cut.width / figure.width, share * cut.height / figure.height)
        figure = figure.resize((max(1, round(figure.width * grow)), max(1, round(figure.height * grow))))
        position = "center" if position == "original" else position
    if position == "original":
        return cut, subject
    across, down = _shares(position)
    at = (round((cut.width - figure.width) * across), round((cut.height - figure.height) * down))
    canvas = Image.new("RGBA", cut.size)
    canvas.paste(figure, at)
    return canvas, (*at, at[0] + figure.width, at[1] + figure.height)


def shaded(cut: Image.Image, fields: Mapping[str, Any]) -> Image.Image:
    """The cut-out above its own shadow. Raises 400."""
    kind, opacity = str(fields.get("shadow_type", "car")), str(fields.get("shadow_opacity", USUAL_OPACITY))
    if kind not in SHADOWS:
        raise error(400, "Invalid shadow type", "invalid_shadow_type", kind[:50])
    if not opacity.isdecimal() or int(opacity) > 100:
        raise error(400, "Invalid shadow opacity", "invalid_shadow_opacity", opacity[:50])
    deep = max(2, cut.height // 24)
    soft = cut.getchannel("A").filter(ImageFilter.GaussianBlur(deep / 2))
    shadow = Image.new("RGBA", cut.size)
    shadow.paste((0, 0, 0, 255), (0, deep), soft.point([step * int(opacity) // 100 for step in range(256)]))
    shadow.alpha_composite(cut)
    return shadow


def _shares(position: str) -> tuple[float, float]:
    if position == "center":
        return 0.5, 0.5
    found = [_PLACE.fullmatch(part) for part in position.split()]
    if not 1 <= len(found) <= 2 or not all(place and float(place[1]) <= 100 for place in found):
        raise error(400, "Invalid position", "invalid_position", position[:50])
    shares = [float(place[1]) / 100 for place in found if place]
    return shares[0], shares[-1]
