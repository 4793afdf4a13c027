"""Cut-outs: what differs from the colour of a picture's corner."""

from __future__ import annotations

from PIL import Image, ImageChops

from ..lettering import tag

APART = 60
"""Distance, in 8-bit steps over three channels, from which a pixel stays."""


def opacity(picture: Image.Image) -> Image.Image:
    """The opacity of what stands in front, as mode L: 255 where a pixel stays."""
    colours, alpha = picture.convert("RGB"), picture.convert("RGBA").getchannel("A")
    ground = Image.new("RGB", colours.size, colours.getpixel((0, 0)))
    red, green, blue = ImageChops.difference(colours, ground).split()
    apart = ImageChops.add(ImageChops.add(red, green), blue)
    return ImageChops.multiply(apart.point([255 * (step >= APART) for step in range(256)]), alpha)


def cut_out(picture: Image.Image, alpha: Image.Image, serial: int) -> Image.Image:
    """The picture with that opacity; its label is painted before, so that the opacity is left as it is."""
    cut = picture.convert("RGB")
    tag(cut, alpha.getbbox() or (0, 0, *cut.size), f"#{serial}")
    cut.putalpha(alpha)
    return cut
