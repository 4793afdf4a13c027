"""How large a picture comes out, for each way of asking."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any

from .refusals import ModelFailure

Size = tuple[int, int]

MEGAPIXEL = 1024 * 1024
USUAL: Size = (1024, 1024)
RATIOS: Mapping[str, Size] = {
    "1:1": USUAL,
    "16:9": (1344, 768),
    "21:9": (1536, 640),
    "3:2": (1216, 832),
    "4:3": (1152, 896),
    "5:4": (1088, 896),
}
"""What the FLUX.1 and SD 3.5 models make of a ratio; upright ones are the same the other way round."""
LONGEST_MATCH = 1440
MATCHING = ("match_input_image", "auto")
_FLUX_3 = {"768sq": 0.5625, "1k": 1.0, "1.5k": 2.25, "2k": 4.0, "4k": 16.0}
_WAYS: dict[str, Callable[[Mapping[str, Any], Size | None], Size]] = {}

_Way = Callable[[Mapping[str, Any], "Size | None"], Size]


def size_of(way: str, inputs: Mapping[str, Any], first: Size | None) -> Size:
    """Width and height in pixels; `first` is the size of the first picture that was sent."""
    return _WAYS[way](inputs, first)


def _way(name: str) -> Callable[[_Way], _Way]:
    def keep(function: _Way) -> _Way:
        _WAYS[name] = function
        return function

    return keep


@_way("input")
def _as_sent(inputs: Mapping[str, Any], first: Size | None) -> Size:
    """As large as what was sent, times `scale` where there is one."""
    scale = float(inputs.get("scale", inputs.get("scale_factor", 1)))
    width, height = first or USUAL
    return max(1, round(width * scale)), max(1, round(height * scale))


@_way("ratio")
def _by_table(inputs: Mapping[str, Any], first: Size | None) -> Size:
    """A ratio out of the table, or for `custom` the width and height in steps of 32; a start picture sets the ratio."""
    if inputs.get("image") and first is not None:
        return fitted(first[0] / first[1], _megapixels(inputs), 16)
    if inputs["aspect_ratio"] == "custom":
        return _custom(inputs, 32)
    width, height = _of_table(inputs["aspect_ratio"])
    return (width // 2, height // 2) if inputs.get("megapixels") == "0.25" else (width, height)


@_way("ultra")
def _ultra(inputs: Mapping[str, Any], first: Size | None) -> Size:
    """A ratio at four megapixels."""
    return fitted(_number(inputs["aspect_ratio"]), 4, 16)


@_way("megapixels")
def _by_megapixels(inputs: Mapping[str, Any], first: Size | None) -> Size:
    """In the ratio of the picture that was sent, at so many megapixels; or as large as it, up to 1440 pixels a side."""
    width, height = first or USUAL
    if inputs["megapixels"] == "match_input":
        smaller = min(1.0, LONGEST_MATCH / max(width, height))
        return _stepped(width * smaller, 32), _stepped(height * smaller, 32)
    return fitted(width / height, _megapixels(inputs), 16)


@_way("match")
def _matching(inputs: Mapping[str, Any], first: Size | None) -> Size:
    """A ratio or that of the first picture, at the resolution asked; or `custom`, in steps of 16."""
    ratio, resolution = inputs["aspect_ratio"], str(inputs.get("resolution", "1 MP"))
    if ratio == "custom":
        return _custom(inputs, 16)
    width, height = first or USUAL
    if resolution in MATCHING:
        area = width * height / MEGAPIXEL
    else:
        area = _FLUX_3.get(resolution) or float(resolution.removesuffix(" MP"))
    return fitted(width / height if ratio in MATCHING else _number(ratio), area, 16)


@_way("named")
def _by_name(inputs: Mapping[str, Any], first: Size | None) -> Size:
    """A size as `WxH`, else that of the first picture, else a ratio at one megapixel."""
    named = str(inputs.get("size") or inputs.get("resolution") or "None")
    width, _, height = named.partition("x")
    if width.isdecimal() and height.isdecimal():
        return int(width), int(height)
    if first is not None and (inputs.get("image") or inputs.get("images")):
        return first
    return fitted(_number(inputs.get("aspect_ratio", "1:1")), 1, 16)


def fitted(ratio: float, megapixels: float, step: int) -> Size:
    """The size of that ratio and area, in whole steps."""
    height = math.sqrt(megapixels * MEGAPIXEL / ratio)
    return _stepped(height * ratio, step), _stepped(height, step)


def _stepped(side: float, step: int) -> int:
    return max(step, round(side / step) * step)


def _of_table(ratio: str) -> Size:
    if ratio in RATIOS:
        return RATIOS[ratio]
    width, _, height = ratio.partition(":")
    return RATIOS[f"{height}:{width}"][::-1]


def _number(ratio: str) -> float:
    width, _, height = ratio.partition(":")
    return int(width) / int(height)


def _megapixels(inputs: Mapping[str, Any]) -> float:
    asked = inputs.get("megapixels", "1")
    return 1.0 if asked == "match_input" else float(asked)


def _custom(inputs: Mapping[str, Any], step: int) -> Size:
    if not (inputs.get("width") and inputs.get("height")):
        raise ModelFailure("width and height are needed when aspect_ratio is custom")
    return _stepped(inputs["width"], step), _stepped(inputs["height"], step)
