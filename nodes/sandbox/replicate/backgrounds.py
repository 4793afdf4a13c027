"""What a cut-out is put before."""

from __future__ import annotations

import json
from collections.abc import Mapping

from PIL import Image, ImageFilter

from ..colours import RGB
from .refusals import ModelFailure

COLOURS: Mapping[str, RGB] = {"green": (120, 255, 155), "white": (255, 255, 255)}


def on_background(cut: Image.Image, kind: str) -> Image.Image:
    """The cut-out as `background_type` wants it: clear, a map of its opacity, or before a colour or a blur."""
    if kind == "rgba":
        return cut
    if kind == "map":
        return cut.getchannel("A").convert("RGB")
    if kind == "blur":
        ground = cut.convert("RGB").filter(ImageFilter.GaussianBlur(15))
    elif kind == "overlay":
        ground = Image.blend(cut.convert("RGB"), Image.new("RGB", cut.size, COLOURS["green"]), 0.5)
    else:
        ground = Image.new("RGB", cut.size, colour_of(kind))
    ground.paste(cut.convert("RGB"), mask=cut.getchannel("A"))
    return ground


def check_background(kind: str) -> None:
    """Raises ModelFailure for anything else, such as a path: there is no such file."""
    if kind not in ("rgba", "map", "blur", "overlay"):
        colour_of(kind)


def colour_of(text: str) -> RGB:
    """A colour by its name or as [R, G, B]. Raises ModelFailure."""
    if text in COLOURS:
        return COLOURS[text]
    try:
        red, green, blue = (min(255, max(0, int(step))) for step in json.loads(text))
    except (ValueError, TypeError) as problem:
        raise ModelFailure(f"[Errno 2] No such file or directory: '{text[:200]}'") from problem
    return red, green, blue
