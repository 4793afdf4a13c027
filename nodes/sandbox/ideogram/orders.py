"""A body that was understood: what will be drawn, at which size, and for how much."""

from __future__ import annotations

import math
import random
import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from PIL import Image, ImageOps

from .. import lettering, painter, retouch, scene, uploads
from ..calls import Call
from .models import ENDPOINTS, Endpoint, Size
from .wire import Files, invalid

MEGAPIXEL = 1024 * 1024
MOST_MEGABYTES = {"v1": 10, "v2": 25}
MOST_FILES = 10
STYLE_MEGABYTES = 10
WIDEST = 6
LARGEST_SEED = 2**31
USUAL_MODEL = "V_2"
CHARACTER_STYLES = ("AUTO", "REALISTIC", "FICTION")
_TWO_NUMBERS = re.compile(r"(\d+)[x_](\d+)$")
_SOURCES = ("image", "images", "image_file")


@dataclass(frozen=True)
class IdeogramOrder:
    """One accepted request."""

    path: str
    model: str
    prompt: str
    size: Size
    n: int
    seed: int
    usd: float
    """The price of all its pictures."""
    style: str
    pictures: tuple[Image.Image, ...]
    mask: Image.Image | None
    rewritten: str

    @property
    def endpoint(self) -> Endpoint:
        """The row of its path."""
        return ENDPOINTS[self.path]

    def draw(self, serial: int) -> bytes:
        """Paint one of its pictures, as a PNG."""
        order = painter.Order(
            self.prompt, *self.size, serial, self.model, self.style, transparent=self.endpoint.transparent
        )
        return painter.encode(self._painted(order))

    def _painted(self, order: painter.Order) -> Image.Image:
        operation = self.endpoint.operation
        if not self.pictures:
            return painter.paint(order)
        if operation == "upscale":
            larger = self.pictures[0].convert("RGB").resize(self.size, Image.Resampling.LANCZOS)
            lettering.tag(larger, (0, 0, *self.size), f"#{order.serial}")
            return larger
        if operation == "reframe":
            wider = painter.paint(order)
            inner = ImageOps.contain(self.pictures[0].convert("RGB"), self.size)
            wider.paste(inner, ((self.size[0] - inner.width) // 2, (self.size[1] - inner.height) // 2))
            return wider
        if operation == "replace-background":
            subject = retouch.edit(list(self.pictures), None, replace(order, transparent=True))
            behind = painter.paint_bare(order, scene.parse(self.prompt)).convert("RGBA")
            behind.alpha_composite(subject)
            return behind.convert("RGB")
        return retouch.edit(list(self.pictures), self.mask, order)


def order_of(path: str, fields: Mapping[str, Any], files: Files, call: Call) -> IdeogramOrder:
    """The order of a body that fits its schema. Raises 400 for what the schema cannot say."""
    endpoint = ENDPOINTS[path]
    asked = fields.get("image_request", fields)
    _check_together(call, path, asked, files)
    pictures = [_picture(call, path, name, data) for name, data in files if name in _SOURCES]
    others = [
        _picture(call, path, name, data) for name, data in files if name.endswith("_images") and name not in _SOURCES
    ]
    if endpoint.operation != "generate" and not pictures:
        raise invalid(call, "image", "an image is required")
    mask = next((_mask(call, path, data, pictures) for name, data in files if name == "mask"), None)
    model = str(asked.get("model") or _model(path))
    speed, quality = str(asked.get("rendering_speed") or "default"), str(asked.get("quality") or "medium")
    character = any(name == "character_reference_images" for name, _ in files)
    n = int(asked.get("num_images") or 1)
    each = endpoint.each(model, speed=speed.lower(), quality=quality.lower(), character=character)
    prompt = str(asked.get("prompt") or "")
    magic = str(asked.get("magic_prompt_option") or asked.get("magic_prompt") or "").lower()
    seed = asked.get("seed")
    return IdeogramOrder(
        path=path,
        model=model,
        prompt=prompt,
        size=_size(call, endpoint, asked, pictures[0].size if pictures else None),
        n=n,
        seed=random.randrange(LARGEST_SEED) if seed is None else int(seed),
        usd=round(each * n, 6),
        style=str(asked.get("style_type") or ""),
        pictures=(*pictures, *others),
        mask=mask,
        rewritten=f"{prompt.strip().rstrip('.')}, in rich detail and clear light." if magic == "on" else prompt,
    )


def _model(path: str) -> str:
    """The model that a path names; legacy's usual one where it names none."""
    steps = path.split("/")
    return {"v1": steps[1], "v2": steps[-1]}.get(steps[0], USUAL_MODEL) if len(steps) > 1 else USUAL_MODEL


def _check_together(call: Call, path: str, asked: Mapping[str, Any], files: Files) -> None:
    """What excludes what, by Ideogram's reference."""
    sent = {*asked, *(name for name, _ in files)}
    if path.startswith("v2/") and len(files) > MOST_FILES:
        raise invalid(call, files[-1][0], f"a request takes {MOST_FILES} files")
    styles = sum(len(data) for name, data in files if name == "style_reference_images")
    if path.startswith("v1/") and styles > STYLE_MEGABYTES * 1024 * 1024:
        raise invalid(call, "style_reference_images", f"they are larger than {STYLE_MEGABYTES} MB together")
    if {"aspect_ratio", "resolution"} <= sent:
        raise invalid(call, "resolution", "cannot be used in conjunction with aspect_ratio")
    if "style_codes" in sent and sent & {"style_type", "style_reference_images"}:
        raise invalid(call, "style_codes", "cannot be used in conjunction with style_type or style_reference_images")
    if path.startswith("v2/") and "style_preset" in sent and sent & {"style_codes", "style_reference_images"}:
        raise invalid(call, "style_preset", "cannot be combined with style codes or style references")
    if "character_reference_images" in sent and asked.get("style_type", "AUTO") not in CHARACTER_STYLES:
        raise invalid(call, "style_type", f"with a character it is one of {', '.join(CHARACTER_STYLES)}")
    if "mask" in sent and "size" in sent:
        raise invalid(call, "size", "cannot be set with a mask")
    if asked.get("size") == "source" and "images" not in sent:
        raise invalid(call, "size", '"source" needs images')
    if "V_1" in str(asked.get("model", "")) and "style_type" in sent:
        raise invalid(call, "style_type", "should not be specified for model version V_1")
    if asked.get("negative_prompt") and "V_2A" in str(asked.get("model", "")):
        raise invalid(call, "negative_prompt", "is not available for this model version")
    if asked.get("color_palette") and str(asked.get("model", "V_2")) not in ("V_2", "V_2_TURBO"):
        raise invalid(call, "color_palette", "is not supported by this model version")


def _size(call: Call, endpoint: Endpoint, asked: Mapping[str, Any], source: Size | None) -> Size:
    if endpoint.operation == "upscale" and source is not None:
        return source[0] * 2, source[1] * 2
    exact = _TWO_NUMBERS.search(str(asked.get("resolution") or asked.get("size") or ""))
    if exact:
        return int(exact[1]), int(exact[2])
    ratio = _TWO_NUMBERS.search(str(asked.get("aspect_ratio") or ""))
    if ratio:
        number = int(ratio[1]) / int(ratio[2])
        height = math.sqrt(MEGAPIXEL / number)
        return round(height * number / 32) * 32, round(height / 32) * 32
    return source or endpoint.usual


def _mask(call: Call, path: str, data: bytes, pictures: list[Image.Image]) -> Image.Image:
    """The mask (black = edit) as the painter wants it: alpha 0 where to edit."""
    grey = _picture(call, path, "mask", data).convert("L")
    if not pictures or grey.size != pictures[0].size:
        raise invalid(call, "mask", "must be the same size as the image")
    steps = {value for _, value in grey.getcolors(256) or ()}
    if not steps <= {0, 255}:
        raise invalid(call, "mask", "must be black and white only")
    if ENDPOINTS[path].both_colours and steps != {0, 255}:
        raise invalid(call, "mask", "must contain both black and white areas")
    mask = Image.new("RGBA", grey.size)
    mask.putalpha(grey)
    return mask


def _picture(call: Call, path: str, field: str, data: bytes) -> Image.Image:
    most = MOST_MEGABYTES.get(path.partition("/")[0], 10)
    if len(data) > most * 1024 * 1024:
        raise invalid(call, field, f"is larger than {most} MB")
    try:
        picture = uploads.decode(data)
    except uploads.BadPicture as problem:
        raise invalid(call, field, str(problem)) from problem
    if path.startswith("v2/") and max(picture.size) > WIDEST * min(picture.size):
        raise invalid(call, field, "the aspect ratio must be between 1:6 and 6:1")
    return picture
