"""The words on a picture: a caption with the prompt, and a ribbon that says SANDBOX."""

from __future__ import annotations

from functools import lru_cache

from PIL import Image, ImageDraw, ImageFont

MARK = "SANDBOX"
INK = (255, 255, 255, 255)
FAINT = (255, 255, 255, 175)
PANEL = (16, 18, 24, 205)
RIBBON = (235, 64, 92, 240)
MOST_LINES = 3


@lru_cache(maxsize=32)
def font(size: int) -> ImageFont.FreeTypeFont | ImageFont.ImageFont:
    """Pillow's own font at a size in pixels, the same on every machine."""
    return ImageFont.load_default(max(6, size))


def wrap(text: str, letter: ImageFont.FreeTypeFont | ImageFont.ImageFont, width: float) -> list[str]:
    """Lines no wider than `width` pixels; at most three, the last one ends in dots when words are left."""
    lines = [""]
    for word in text[:600].split():
        longer = f"{lines[-1]} {word}".strip()
        if letter.getlength(longer) <= width or not lines[-1]:
            lines[-1] = longer
        elif len(lines) == MOST_LINES:
            lines[-1] += " …"
            break
        else:
            lines.append(word)
    return [_clipped(line, letter, width) for line in lines]


def _clipped(line: str, letter: ImageFont.FreeTypeFont | ImageFont.ImageFont, width: float) -> str:
    while letter.getlength(line) > width and len(line) > 2:
        line = line[:-2] + "…"
    return line


def caption_height(size: tuple[int, int]) -> int:
    """Pixels kept free for the caption at the bottom of a picture."""
    return round(min(size) * 0.17)


def letter_picture(picture: Image.Image, prompt: str, details: str) -> None:
    """Write the caption and the ribbon over a picture (RGB or RGBA), in place."""
    _caption(picture, prompt, details)
    _ribbon(picture)


def _caption(picture: Image.Image, prompt: str, details: str) -> None:
    width, height = picture.size
    most = caption_height(picture.size)
    large, small = font(round(most * 0.20)), font(round(most * 0.155))
    margin, row = round(most * 0.16), most * 0.215
    lines = wrap(prompt, large, width - 2 * margin)
    panel = Image.new("RGBA", (width, round(most * 0.33 + row * len(lines))), PANEL)
    pen = ImageDraw.Draw(panel)
    for number, line in enumerate(lines):
        pen.text((margin, most * 0.08 + row * number), line, fill=INK, font=large)
    below = most * 0.11 + row * len(lines)
    pen.text((margin, below), _clipped(details, small, width - 2 * margin), fill=FAINT, font=small)
    _lay(picture, panel, (0, height - panel.height))


def _ribbon(picture: Image.Image) -> None:
    side = round(min(picture.size) * 0.25)
    letter = font(round(side * 0.13))
    length = round(side * 1.5)
    strip = Image.new("RGBA", (length, round(side * 0.19)), RIBBON)
    ImageDraw.Draw(strip).text((length / 2, strip.height / 2), MARK, fill=INK, font=letter, anchor="mm")
    turned = strip.rotate(-45, resample=Image.Resampling.BICUBIC, expand=True)
    corner = Image.new("RGBA", (side, side))
    corner.paste(turned, (round(side * 0.62 - turned.width / 2), round(side * 0.38 - turned.height / 2)))
    _lay(picture, corner, (picture.width - side, 0))


def tag(picture: Image.Image, box: tuple[int, int, int, int], details: str) -> None:
    """A small SANDBOX label inside a box of the picture, in place; for areas too small for a caption."""
    left, top, right, bottom = box
    letter = font(max(9, round(min(right - left, bottom - top) * 0.07)))
    text = _clipped(f"{MARK} {details}", letter, (right - left) * 0.9)
    wide, tall = round(letter.getlength(text) * 1.08), round(letter.getbbox("Ag")[3] * 1.4)
    label = Image.new("RGBA", (max(1, wide), max(1, tall)), RIBBON)
    ImageDraw.Draw(label).text((wide / 2, tall / 2), text, fill=INK, font=letter, anchor="mm")
    _lay(picture, label, (max(left, (left + right - wide) // 2), max(top, bottom - round(tall * 1.6))))


def _lay(picture: Image.Image, layer: Image.Image, at: tuple[int, int]) -> None:
    if picture.mode == "RGBA":
        picture.alpha_composite(layer, at)
    else:
        picture.paste(layer, at, layer)
