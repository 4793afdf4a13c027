"""Edits and variations of pictures that were sent in."""

from __future__ import annotations

import random

import numpy as np
from PIL import Image, ImageFilter, ImageOps

from .colours import COLOURS
from .lettering import letter_picture, tag
from .painter import Order, draw_things, paint_bare
from .scene import Scene, parse

KEYED_DISTANCE = 60
"""How far, in 8-bit steps over the three channels, a pixel may be from the corner's colour to be clear."""


def edit(pictures: list[Image.Image], mask: Image.Image | None, order: Order) -> Image.Image:
    """The first picture with the order painted into it.

    With a mask (any size, alpha 0 = edit here) the asked scene fills the masked area and every other pixel
    stays as it is. Without one, the scene's background tints the picture and its shapes lie over it.
    """
    first = pictures[0]
    base = first.convert("RGBA" if _has_alpha(first) else "RGB")
    if base.size != order.size:
        base = ImageOps.fit(base, order.size)
    if mask is not None:
        return _filled(base, mask, order)
    edited = _overlaid(base, pictures[1:], order)
    letter_picture(edited, order.prompt, order.details)
    return edited


def erase(picture: Image.Image, mask: Image.Image, grown: int, order: Order) -> Image.Image:
    """The picture without what the mask (alpha 0 = away) marks, grown by so many pixels: the colour around takes its place."""
    base = picture.convert("RGB")
    area = mask.convert("RGBA").getchannel("A").point([255 if value == 0 else 0 for value in range(256)])
    area = area.filter(ImageFilter.MaxFilter(2 * grown + 1))
    kept = np.asarray(base)[np.asarray(area) == 0]
    box = area.getbbox()
    if box is None or not len(kept):
        return base
    red, green, blue = (int(value) for value in np.median(kept, axis=0))
    base.paste((red, green, blue), (0, 0, *base.size), area)
    tag(base, box, f"#{order.serial}")
    return base


def _filled(base: Image.Image, mask: Image.Image, order: Order) -> Image.Image:
    alpha = mask.convert("RGBA").getchannel("A")
    if alpha.size != order.size:
        alpha = ImageOps.fit(alpha, order.size, Image.Resampling.NEAREST)
    area = alpha.point([255 if value == 0 else 0 for value in range(256)])
    box = area.getbbox()
    if box is None:
        return base
    width, height = box[2] - box[0], box[3] - box[1]
    inside = Order(order.prompt, width, height, order.serial, order.model, order.quality, order.transparent)
    patch = paint_bare(inside, parse(order.prompt)).convert(base.mode)
    tag(patch, (0, 0, width, height), f"#{order.serial}")
    base.paste(patch, box[:2], area.crop(box))
    return base


def _overlaid(base: Image.Image, others: list[Image.Image], order: Order) -> Image.Image:
    scene = parse(order.prompt) or Scene(None, ())
    chance = order.chance()
    if order.transparent:
        base = _without_background(base)
    else:
        tint = Image.new("RGB", base.size, COLOURS[scene.background or chance.choice(list(COLOURS))])
        tinted = Image.blend(base.convert("RGB"), tint, 0.35 if scene.background else 0.15)
        if base.mode == "RGBA":
            tinted.putalpha(base.getchannel("A"))
        base = tinted
    _lay_references(base, others)
    draw_things(base, scene.things, chance)
    return base


def _lay_references(base: Image.Image, others: list[Image.Image]) -> None:
    """Each further picture as a small print along the left edge."""
    side = min(base.size) // 6
    for place, other in enumerate(others[:5]):
        small = ImageOps.contain(other.convert("RGB"), (side, side))
        base.paste(ImageOps.expand(small, max(2, side // 24), "white"), (side // 8, side // 8 + place * side))


def _without_background(picture: Image.Image) -> Image.Image:
    """Everything close to the corner's colour becomes transparent."""
    clear = picture.convert("RGBA")
    pixels = np.asarray(clear)
    corner = pixels[0, 0, :3].astype(np.int32)
    distance = np.abs(pixels[..., :3].astype(np.int32) - corner).sum(axis=-1)
    alpha = np.where(distance < KEYED_DISTANCE, 0, pixels[..., 3]).astype(np.uint8)
    clear.putalpha(Image.fromarray(alpha).filter(ImageFilter.MedianFilter(3)))
    return clear


def vary(picture: Image.Image, order: Order) -> Image.Image:
    """The picture in other hues and a little closer, each serial in its own way."""
    chance = random.Random(order.serial)
    fitted = ImageOps.fit(picture.convert("RGB"), order.size, bleed=chance.uniform(0, 0.08))
    hue, saturation, value = fitted.convert("HSV").split()
    shift = chance.randrange(24, 232)
    turned = hue.point([(step + shift) % 256 for step in range(256)])
    varied = Image.merge("HSV", (turned, saturation, value)).convert("RGB")
    letter_picture(varied, order.prompt or "a variation", order.details)
    return varied


def _has_alpha(picture: Image.Image) -> bool:
    return picture.mode in ("RGBA", "LA", "PA") or "transparency" in picture.info
