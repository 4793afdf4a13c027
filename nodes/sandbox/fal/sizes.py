"""How large a picture becomes, by the names, numbers and ratios that endpoints take."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from .models import MEGAPIXEL, MODELS, RESOLUTIONS, Size
from .schemas import properties
from .wire import invalid

NAMED: Mapping[str, Size] = {
    "square_hd": (1024, 1024),
    "square": (512, 512),
    "portrait_4_3": (768, 1024),
    "portrait_16_9": (576, 1024),
    "landscape_4_3": (1024, 768),
    "landscape_16_9": (1024, 576),
}
USUAL = (1024, 768)
MOST_PIXELS = 36_000_000
"""What the sandbox draws at most; the real ones differ from model to model."""


def of_order(path: str, asked: Mapping[str, Any], first: Size | None) -> Size:
    """Width and height in pixels of a checked body; `first` is the size of the first picture sent. Raises 422."""
    size = _asked(path, asked, first)
    if size[0] * size[1] > MOST_PIXELS:
        raise invalid("image_size", f"{size[0]}x{size[1]} is too large", "image_too_large")
    return size


def _asked(path: str, asked: Mapping[str, Any], first: Size | None) -> Size:
    model = MODELS[path]
    if model.does == "upscale" and first is not None:
        factor = float(asked.get(model.scale, 2))
        return round(first[0] * factor), round(first[1] * factor)
    if model.does in ("cutout", "caption", "fill") and first is not None:
        return first
    given = asked.get("image_size")
    if given not in (None, "auto"):
        return _of_size(given)
    ratio = next((name for name in ("aspect_ratio", "resolution_mode") if name in properties(path)), None)
    if ratio is None:
        return _within_reach(first) if first else USUAL
    area = RESOLUTIONS[asked["resolution"]] if "resolution" in asked else model.ratio_megapixels
    wanted = asked.get(ratio, "auto")
    if wanted in ("auto", "match_input"):
        return _of_ratio(first[0] / first[1] if first else 1.0, area)
    width, _, height = wanted.partition(":")
    return _of_ratio(int(width) / int(height), area)


def _of_size(given: Any) -> Size:
    if isinstance(given, dict):
        return int(given.get("width", 512)), int(given.get("height", 512))
    if given in NAMED:
        return NAMED[given]
    width, _, height = given.partition("x")
    return int(width), int(height)


def _within_reach(first: Size) -> Size:
    """An edit keeps the size of the first picture, up to four megapixels."""
    shrink = min(1.0, math.sqrt(4 * MEGAPIXEL / (first[0] * first[1])))
    return max(1, round(first[0] * shrink)), max(1, round(first[1] * shrink))


def _of_ratio(number: float, megapixels: float) -> Size:
    height = math.sqrt(megapixels * MEGAPIXEL / number)
    return max(16, round(height * number / 16) * 16), max(16, round(height / 16) * 16)
