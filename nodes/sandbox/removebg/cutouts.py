"""The cut-out: what stands out, at the size, in the format and before the background that are asked."""

from __future__ import annotations

import asyncio
import base64
import binascii
import io
import math
import re
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from aiohttp import web
from PIL import Image, ImageColor, ImageOps

from .. import painter, spoil, uploads
from ..calls import Call
from ..cutting import alpha_of, cut_out
from .placing import Box, margin, moved, placed, region, shaded, widened, within
from .wire import check_key, check_spec, error, form_of

MOST_BYTES = 12_000_000
MOST_PIXELS = 50_000_000
MEGAPIXELS: Mapping[str, float] = {
    "preview": 0.25,
    "small": 0.25,
    "regular": 0.25,
    "medium": 1.5,
    "hd": 4,
    "50MP": 50,
}
"""How large each size is at most; full, 4k and auto are as large as the format allows."""
WHOLE_PNG, WHOLE = 10, 25
CREDIT_USD = 0.20
SMALLEST_SUBJECT = 0.002
"""Share of the picture below which nothing is thought to stand out."""
NOT_HERE = ("shadow_method", "image_url", "bg_image_url")
"""What the sandbox does not do, and says so."""
_TYPES = {"png": "image/png", "jpg": "image/jpeg", "webp": "image/webp", "zip": "application/zip"}


@dataclass(frozen=True)
class Cut:
    """A finished cut-out."""

    picture: Image.Image
    """RGBA."""
    format: str
    subject: Box
    """Where the subject stands in it."""

    def encoded(self) -> bytes:
        """The file."""
        if self.format != "zip":
            flat = _on_white(self.picture) if self.format == "jpg" else self.picture
            return painter.encode(flat, "jpeg" if self.format == "jpg" else self.format)
        file = io.BytesIO()
        with zipfile.ZipFile(file, "w", zipfile.ZIP_STORED) as packed:
            packed.writestr("color.jpg", painter.encode(self.picture.convert("RGB"), "jpeg"))
            packed.writestr("alpha.png", painter.encode(self.picture.getchannel("A")))
        return file.getvalue()


async def deliver(call: Call) -> web.StreamResponse:
    """Check, count, cut, charge, answer."""
    check_key(call)
    fields, files = form_of(call)
    check_spec(fields, files)
    for name in NOT_HERE:
        if name in fields:
            raise error(400, f"The sandbox does not do {name}", "invalid_parameter")
    source = _source(fields, files)
    call.notes["spend"](max(1.0, source.width * source.height / 1e6))
    if call.fault.kind == "no_data":
        return web.Response(body=b"", content_type="image/png")
    cut = await asyncio.to_thread(_cut, source, fields, files, call.state.next_serial())
    credits = 0.25 if MEGAPIXELS.get(fields.get("size", "preview")) == 0.25 else 1.0
    call.charge(credits * CREDIT_USD)
    data, kind = await asyncio.to_thread(cut.encoded), _TYPES[cut.format]
    if call.fault.kind == "too_many_bytes":
        return await spoil.flood(call.request, kind, data, b"\0", call.fault.megabytes)
    return web.Response(body=_spoiled(call, data), content_type=kind, headers=_headers(cut, fields, credits, source))


def _spoiled(call: Call, data: bytes) -> bytes:
    kind = call.fault.kind
    if kind == "bill_without_picture":
        return b""
    if kind == "too_many_pixels":
        return spoil.bomb()
    return spoil.halved(data) if kind == "half_picture" else data


def _headers(cut: Cut, fields: Mapping[str, Any], credits: float, source: Image.Image) -> dict[str, str]:
    left, top, right, bottom = cut.subject
    subject = fields.get("type", "auto")
    told = {
        "Width": cut.picture.width,
        "Height": cut.picture.height,
        "Max-Width": source.width,
        "Max-Height": source.height,
        "Type": "other" if subject == "auto" else subject,
        "Credits-Charged": f"{credits:g}",
        "Foreground-Left": left,
        "Foreground-Top": top,
        "Foreground-Width": right - left,
        "Foreground-Height": bottom - top,
    }
    return {f"X-{name}": str(value) for name, value in told.items()}


def _source(fields: Mapping[str, Any], files: Mapping[str, bytes]) -> Image.Image:
    """The picture that was sent. Raises 400 for one that cannot be taken."""
    try:
        data = files["image_file"] if "image_file" in files else base64.b64decode(fields["image_file_b64"])
        picture = uploads.decode(data)
    except (binascii.Error, uploads.BadPicture) as problem:
        raise error(400, "Invalid file type", "invalid_file_type", str(problem)) from problem
    if len(data) > MOST_BYTES:
        raise error(400, "File too large", "file_too_large", f"{len(data)} bytes, {MOST_BYTES} at most")
    if picture.width * picture.height > MOST_PIXELS:
        raise error(400, "Image resolution too high", "resolution_too_high", f"{picture.width}x{picture.height}")
    return picture


def _cut(source: Image.Image, fields: Mapping[str, Any], files: Mapping[str, bytes], serial: int) -> Cut:
    behind = "bg_color" in fields or "bg_image_file" in files
    asked = fields.get("format", "auto")
    kind = ("jpg" if behind else "png") if asked == "auto" else asked
    most = MEGAPIXELS.get(fields.get("size", "preview"), WHOLE)
    picture = _shrunk(source, (min(most, WHOLE_PNG) if kind == "png" else most) * 1e6)
    alpha = alpha_of(picture)
    if "roi" in fields:
        # Pixels are those of the picture that was sent.
        box = region(fields["roi"], source.size)
        shrink = picture.width / source.width
        left, top, right, bottom = (round(edge * shrink) for edge in box)
        alpha = within(alpha, (left, top, right, bottom))
    subject = alpha.getbbox()
    if subject is None or sum(alpha.histogram()[128:]) < SMALLEST_SUBJECT * picture.width * picture.height:
        raise error(
            400,
            "Could not identify foreground in image",
            "unknown_foreground",
            "For details and recommendations see https://www.remove.bg/supported-images.",
        )
    done = cut_out(picture, alpha, serial)
    if fields.get("crop"):
        box = widened(subject, margin(fields.get("crop_margin", "0"), subject))
        done, subject = done.crop(box), moved(subject, box)
    done, subject = placed(done, subject, fields.get("scale", "original"), fields.get("position", "original"))
    if fields.get("add_shadow") or "shadow_type" in fields:
        done = shaded(done, fields)
    if fields.get("channels") == "alpha":
        return Cut(done.getchannel("A").convert("RGBA"), kind, subject)
    return Cut(_before(done, fields, files), kind, subject)


def _shrunk(picture: Image.Image, pixels: float) -> Image.Image:
    shrink = math.sqrt(pixels / (picture.width * picture.height))
    if shrink >= 1:
        return picture
    return picture.resize((max(1, int(picture.width * shrink)), max(1, int(picture.height * shrink))))


def _before(cut: Image.Image, fields: Mapping[str, Any], files: Mapping[str, bytes]) -> Image.Image:
    """The cut-out in front of the background that is asked, if any."""
    if "bg_color" in fields:
        text = fields["bg_color"]
        try:
            colour = ImageColor.getcolor(f"#{text}" if re.fullmatch(r"[0-9a-fA-F]{3,8}", text) else text, "RGBA")
        except ValueError as problem:
            raise error(400, "Invalid background color", "invalid_bg_color", text[:50]) from problem
        ground = Image.new("RGBA", cut.size, colour)
    elif "bg_image_file" in files:
        try:
            ground = ImageOps.fit(uploads.decode(files["bg_image_file"]).convert("RGBA"), cut.size)
        except uploads.BadPicture as problem:
            raise error(400, "Invalid background image", "invalid_bg_image", str(problem)) from problem
    else:
        return cut
    ground.alpha_composite(cut)
    return ground


def _on_white(picture: Image.Image) -> Image.Image:
    ground = Image.new("RGBA", picture.size, "white")
    ground.alpha_composite(picture)
    return ground
