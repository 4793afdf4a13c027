"""A body that was understood: what will be drawn, at which size, and for how much."""

from __future__ import annotations

import base64
import binascii
import math
import random
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from PIL import Image, ImageOps

from .. import painter, retouch, uploads
from ..calls import Call
from .models import MEGAPIXEL, MODELS, RESOLUTIONS, Model, Size
from .wire import invalid

MOST_PIXELS = 4 * MEGAPIXEL
MOST_INPUT_PIXELS = 20_000_000
MOST_INPUT_BYTES = 20 * 1000 * 1000
FLUX_3_LEAST = 256
WIDEST = 21 / 9
SIDES = ("top", "bottom", "left", "right")
USUAL_GROWTH = 10
_PICTURES = ("image", "image_prompt", "input_image", *(f"input_image_{number}" for number in range(2, 9)))


@dataclass(frozen=True)
class FluxOrder:
    """One accepted submission."""

    path: str
    prompt: str
    size: Size
    seed: int
    output_format: str
    usd: float
    pictures: tuple[Image.Image, ...]
    mask: Image.Image | None
    margins: tuple[int, int, int, int] = (0, 0, 0, 0)
    """Pixels to add at the top, bottom, left and right."""
    grown: int | None = None
    """Pixels by which a mask is made larger before what it marks is taken away; None where nothing is."""

    def draw(self, serial: int) -> bytes:
        """Paint it, and encode it in the format that was asked for."""
        order = painter.Order(self.prompt, *self.size, serial, self.path)
        return painter.encode(self._painted(order), self.output_format, 90)

    def _painted(self, order: painter.Order) -> Image.Image:
        if not self.pictures:
            return painter.paint(order)
        if any(self.margins):
            top, _, left, _ = self.margins
            wider = painter.paint(order)
            wider.paste(self.pictures[0].convert("RGB"), (left, top))
            return wider
        if self.mask is not None and self.grown is not None:
            return retouch.erase(self.pictures[0], self.mask, self.grown, order)
        return retouch.edit(list(self.pictures), self.mask, order)


def order_of(path: str, body: Mapping[str, Any], call: Call) -> FluxOrder:
    """The order of a body that fits its schema. Raises 422 for what the schema cannot say."""
    model = MODELS[path]
    pictures = [_picture(call, name, body[name]) for name in _PICTURES if body.get(name)]
    given = body.get("images", [])
    pictures += [
        _picture(call, "images", one, least=FLUX_3_LEAST) for one in ([given] if isinstance(given, str) else given)
    ]
    mask = _mask(call, body["mask"], pictures[0].size) if body.get("mask") else None
    resolution = str(body.get("resolution", "1k"))
    size = _size(model, body, pictures[0].size if pictures else None, resolution)
    margins = _margins(body, pictures[0].size, size) if model.operation == "expand" else (0, 0, 0, 0)
    if model.operation == "expand" and "width" not in body:
        size = (size[0] + margins[2] + margins[3], size[1] + margins[0] + margins[1])
    seed = body.get("seed")
    return FluxOrder(
        path=path,
        prompt=str(body.get("prompt") or ""),
        size=size,
        seed=random.randrange(2**32) if seed is None else int(seed),
        output_format="png" if model.always_png else body.get("output_format") or "jpeg",
        usd=model.usd(size, [picture.size for picture in pictures], resolution),
        pictures=tuple(pictures),
        mask=mask,
        margins=margins,
        grown=int(body.get("dilate_pixels", USUAL_GROWTH)) if model.operation == "erase" else None,
    )


def _margins(body: Mapping[str, Any], first: Size, size: Size) -> tuple[int, int, int, int]:
    """Pixels to add at each side, from numbers of their own, or from the whole size and where the picture lies in it."""
    if "width" not in body:
        top, bottom, left, right = (int(body.get(side) or 0) for side in SIDES)
        return top, bottom, left, right
    left, top = (
        (whole - part) // 2 if body.get(f"reference_offset_{axis}") is None else int(body[f"reference_offset_{axis}"])
        for axis, whole, part in zip("xy", size, first, strict=True)
    )
    bottom, right = size[1] - first[1] - top, size[0] - first[0] - left
    if min(top, bottom, left, right) < 0:
        raise invalid("width", f"The picture of {first[0]}x{first[1]} does not lie within {size[0]}x{size[1]}")
    return top, bottom, left, right


def _size(model: Model, body: Mapping[str, Any], first: Size | None, resolution: str) -> Size:
    ratio = body.get("aspect_ratio")
    if model.ratio_megapixels:
        area = RESOLUTIONS[resolution] if model.always_png else model.ratio_megapixels
        if ratio in (None, "auto") and first is not None:
            return _of_number(first[0] / first[1], area)
        return _of_number(_number(ratio if ratio not in (None, "auto") else model.usual_ratio), area)
    usual = first or model.usual
    size = (int(body.get("width") or usual[0]), int(body.get("height") or usual[1]))
    if model.step and ("width" in body or "height" in body):
        for name, side in zip(("width", "height"), size, strict=True):
            if side % model.step:
                raise invalid(name, f"{name} must be a multiple of {model.step}")
        if size[0] * size[1] > MOST_PIXELS:
            raise invalid("width", f"{size[0]}x{size[1]} is more than 4 megapixels")
    return size


def _number(ratio: str) -> float:
    width, _, height = ratio.partition(":")
    if not (width.isdecimal() and height.isdecimal() and int(height)):
        raise invalid("aspect_ratio", "aspect_ratio must be written as W:H")
    number = int(width) / int(height)
    if not 1 / WIDEST <= number <= WIDEST:
        raise invalid("aspect_ratio", "aspect_ratio must be between 21:9 and 9:21")
    return number


def _of_number(number: float, megapixels: float) -> Size:
    height = math.sqrt(megapixels * MEGAPIXEL / number)
    return round(height * number / 16) * 16, round(height / 16) * 16


def _mask(call: Call, text: str, wanted: Size) -> Image.Image:
    """The mask (white = repaint) as the painter wants it: alpha 0 where to repaint."""
    white = _picture(call, "mask", text).convert("L")
    if white.size != wanted:
        raise invalid("mask", "Mask dimensions do not match the image dimensions")
    mask = Image.new("RGBA", white.size)
    mask.putalpha(ImageOps.invert(white).point([0 if step < 128 else 255 for step in range(256)]))
    return mask


def _picture(call: Call, field: str, text: str, least: int = 1) -> Image.Image:
    """A picture in base64, or behind one of this sandbox's own links; it asks no other host. Raises 422."""
    data = _bytes(call, field, text)
    if len(data) > MOST_INPUT_BYTES:
        raise invalid(field, "Image is larger than 20 MB")
    try:
        picture = uploads.decode(data)
    except uploads.BadPicture as problem:
        raise invalid(field, f"Invalid image: {problem}") from problem
    if picture.width * picture.height > MOST_INPUT_PIXELS or min(picture.size) < least:
        raise invalid(field, f"Image of {picture.width}x{picture.height} is too large or too small")
    return picture


def _bytes(call: Call, field: str, text: str) -> bytes:
    if text.startswith(call.link("/files/")):
        stored = call.state.links.get(text)
        if stored is not None:
            return stored.data
    try:
        return base64.b64decode(text.partition(",")[2] if text.startswith("data:") else text, validate=True)
    except binascii.Error as problem:
        raise invalid(field, "Invalid base64 or unreachable URL") from problem
