"""A prompt as Midjourney reads it: the words, and the parameters that a picture's size and version follow."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass, field

USUAL_VERSION = "7"
FLAGS: Mapping[str, str] = {
    **{
        name: name for name in ("ar", "v", "niji", "style", "chaos", "stylize", "weird", "exp", "no", "seed", "quality")
    },
    **{
        name: name
        for name in ("iw", "sref", "sw", "sv", "cref", "cw", "oref", "ow", "tile", "repeat", "profile", "stop")
    },
    **{name: name for name in ("draft", "hd", "sd", "raw", "fast", "relax", "turbo", "stealth", "public", "zoom")},
    **{"aspect": "ar", "version": "v", "c": "chaos", "s": "stylize", "w": "weird", "q": "quality", "r": "repeat"},
    "p": "profile",
}
"""Every spelling and what it is short for."""
RANGES: Mapping[str, tuple[float, float]] = {
    "chaos": (0, 100),
    "weird": (0, 3000),
    "exp": (0, 100),
    "seed": (0, 4294967295),
    "quality": (0.25, 4),
    "iw": (0, 3),
    "sw": (0, 1000),
    "cw": (0, 100),
    "ow": (1, 1000),
    "stop": (10, 100),
    "zoom": (1, 2),
}
ONLY_BEFORE_7 = ("cref", "cw", "stop")
ONLY_7 = ("oref", "ow", "draft")
ONLY_8 = ("hd", "sd")
SIDE = 1024
OLD_AND_SMALL = ("1", "2", "3")
MOST_LETTERS = 6000

_FLAG = re.compile(r"(?:^|\s)--(\S+)")
_LINK = re.compile(r"https?://\S+")
_WEIGHT = re.compile(r"::-?[\d.]*")


@dataclass(frozen=True)
class Wish:
    """A prompt that was read; ``problem`` is what Midjourney says against it."""

    words: str
    values: Mapping[str, str] = field(default_factory=dict)
    problem: str = ""

    @property
    def version(self) -> str:
        """Such as ``7`` or ``niji 6``."""
        if "niji" in self.values:
            return f"niji {self.values['niji']}"
        return self.values.get("v", USUAL_VERSION)

    @property
    def size(self) -> tuple[int, int]:
        """Width and height of one of the four pictures, in pixels."""
        width, height = (int(side) for side in self.values.get("ar", "1:1").split(":"))
        side = SIDE / 2 if "draft" in self.values else SIDE * 2 if "hd" in self.values else SIDE
        if self.version in OLD_AND_SMALL:
            side = SIDE / 4
        tall = math.sqrt(side * side * height / width)
        return max(16, round(tall * width / height / 16) * 16), max(16, round(tall / 16) * 16)


def read(prompt: str) -> Wish:
    """The words and parameters of a prompt."""
    found = list(_FLAG.finditer(prompt))
    words = prompt[: found[0].start() if found else None]
    words = " ".join(_WEIGHT.sub(" ", _LINK.sub(" ", words)).split())
    values: dict[str, str] = {}
    for place, match in enumerate(found):
        end = found[place + 1].start() if place + 1 < len(found) else len(prompt)
        name = FLAGS.get(match[1].lower())
        if name is None:
            return Wish(words, values, f"Invalid parameter: Unrecognized parameter(s): `--{match[1]}`")
        if name in values and name != "no":
            return Wish(words, values, f"Invalid parameter: `--{match[1]}` was given twice")
        values[name] = prompt[match.end() : end].strip()
    return Wish(words, values, _problem(prompt, values))


def _problem(prompt: str, values: Mapping[str, str]) -> str:
    if len(prompt) > MOST_LETTERS:
        return "Invalid prompt: it is too long"
    if "v" in values and "niji" in values:
        return "Invalid parameter: `--niji` is not compatible with `--version`"
    if not re.fullmatch(r"[1-9]\d*:[1-9]\d*", values.get("ar", "1:1")):
        return "Invalid parameter: Invalid value provided for argument `--ar`"
    for name, (least, most) in RANGES.items():
        if name in values and not (_is_number(values[name]) and least <= float(values[name]) <= most):
            return f"Invalid parameter: `--{name}` must be between {least:g} and {most:g}"
    version = values.get("v", USUAL_VERSION)
    number = float(version) if _is_number(version) else 0.0
    wrong = [name for name in ONLY_BEFORE_7 if number >= 7] + [name for name in ONLY_7 if number < 7]
    wrong += [name for name in ONLY_8 if number < 8]
    for name in wrong:
        if name in values and "niji" not in values:
            return f"Invalid parameter: `--{name}` is not compatible with `--version {version}`"
    return ""


def _is_number(text: str) -> bool:
    return re.fullmatch(r"\d+(\.\d+)?|\.\d+", text) is not None
