"""Arrays of 8-bit samples -> PNG, JPEG, WebP and AVIF files, fast, with the texts a ComfyUI user expects in them.

``nodes/pictures.py`` is the door to this; nothing else needs to import it.
"""

from __future__ import annotations

import io
import json
import logging
import re
from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt
import PIL
from PIL import Image, PngImagePlugin, features

from .picture_kinds import AVIF, JPEG, PNG, WEBP

log = logging.getLogger(__name__)

# Run lengths after PNG's own filters: a third of the default's time, and for photographs no byte more
# (tests/bench/pictures.py measures it).
_FAST_PNG: dict[str, Any] = {"compress_level": 1, "compress_type": 3}
_SMALL_PNG: dict[str, Any] = {"compress_level": 6}
# AVIF: libavif, through which Pillow reads and writes it, stops there.
_LONGEST_SIDE = {PNG: 2**31 - 1, JPEG: 65_535, WEBP: 16_383, AVIF: 32_768}
_JPEG_EXIF_BYTES = 65_527
_JPEG_SEGMENT_BYTES = 65_533
# XMP specification part 3: the name of the packet in a PNG, and what begins its segment in a JPEG.
_PNG_XMP = "XML:com.adobe.xmp"
_JPEG_XMP = b"http://ns.adobe.com/xap/1.0/\x00"

_EXIF_PROMPT, _EXIF_OTHERS = 0x0110, 0x010F


class CannotEncode(ValueError):
    """A picture does not fit the file that was asked for: its kind, its size or its room for texts."""


def encode_array(
    array: npt.NDArray[np.uint8],
    media_type: str,
    *,
    quality: int = 95,
    small: bool = False,
    text: Mapping[str, str] | None = None,
    xmp: bytes = b"",
) -> bytes:
    """A file of that media type from uint8 (H, W) grey, (H, W, 3) RGB or (H, W, 4) RGBA.

    PNG keeps every value; its setting is a fast one, or with ``small`` one that takes longer for fewer bytes.
    JPEG, WebP and AVIF (lossy; alpha exact in WebP) follow ``quality`` (1 to 100); JPEG and AVIF keep full
    colour resolution from 90 up; JPEG lays alpha over white, which is logged. ``text`` holds JSON texts by
    name: they go into tEXt chunks of a PNG and into the EXIF of the others (``text_exif``). ``xmp`` is an XMP
    packet in UTF-8, put where readers of each kind look for it. Raises ``CannotEncode``.
    """
    if media_type not in _LONGEST_SIDE:
        raise CannotEncode(f"A picture can be written as {', '.join(_LONGEST_SIDE)}, not as {media_type!r}.")
    if not 1 <= quality <= 100:
        raise CannotEncode(f"The quality of a {_name(media_type)} picture is 1 to 100, not {quality}.")
    height, width = array.shape[:2]
    if max(width, height) > _LONGEST_SIDE[media_type]:
        raise CannotEncode(
            f"The picture is {width}x{height} pixels, and {_name(media_type)} ends at "
            f"{_LONGEST_SIDE[media_type]} a side: choose PNG."
        )
    text = {name: _in_ascii(value) for name, value in (text or {}).items()}
    if media_type == PNG:
        return _png(array, text, xmp, _SMALL_PNG if small else _FAST_PNG)
    if media_type == JPEG:
        return _jpeg(array, text, xmp, quality)
    if media_type == AVIF:
        return _avif(array, text, xmp, quality)
    # exact: colours under full transparency stay, as they do in PNG.
    return _saved(array, "WEBP", quality=quality, lossless=False, exact=True, exif=text_exif(text), xmp=xmp)


def flatten(array: npt.NDArray[np.uint8]) -> npt.NDArray[np.uint8]:
    """uint8 (H, W, 4) laid over white: uint8 (H, W, 3), each value round(c*a/255 + 255 - a)."""
    colour, alpha = array[..., :3].astype(np.uint32), array[..., 3:].astype(np.uint32)
    return ((colour * alpha + 255 * (255 - alpha) + 127) // 255).astype(np.uint8)


def text_exif(text: Mapping[str, str]) -> bytes:
    """Texts as EXIF, the way the host writes them: ``prompt`` in 0x0110, all others from 0x010F downwards.

    Each is "name:value". Empty bytes for no texts.
    """
    if not text:
        return b""
    exif = Image.Exif()
    others = [name for name in text if name != "prompt"]
    tags = {name: _EXIF_OTHERS - place for place, name in enumerate(others)}
    for name, value in text.items():
        exif[tags.get(name, _EXIF_PROMPT)] = f"{name}:{value}"
    return exif.tobytes()


def _name(media_type: str) -> str:
    return {PNG: "PNG", JPEG: "JPEG", WEBP: "WebP", AVIF: "AVIF"}[media_type]


def _in_ascii(value: str) -> str:
    """The same JSON text with \\u escapes for other letters: no reader can take them in a wrong encoding."""
    return re.sub(r"[^\x00-\x7f]", lambda letter: json.dumps(letter[0])[1:-1], value)


def _saved(array: npt.NDArray[np.uint8], pillow_name: str, **settings: Any) -> bytes:
    file = io.BytesIO()
    Image.fromarray(array).save(file, pillow_name, **settings)
    return file.getvalue()


def _png(array: npt.NDArray[np.uint8], text: Mapping[str, str], xmp: bytes, speed: Mapping[str, Any]) -> bytes:
    chunks = PngImagePlugin.PngInfo()
    for name, value in text.items():
        chunks.add_text(name, value)
    if xmp:
        chunks.add_itxt(_PNG_XMP, xmp.decode())
    return _saved(array, "PNG", pnginfo=chunks, **speed)


def _jpeg(array: npt.NDArray[np.uint8], text: Mapping[str, str], xmp: bytes, quality: int) -> bytes:
    exif = text_exif(text)
    if len(exif) > _JPEG_EXIF_BYTES:
        raise CannotEncode(
            f"The texts to be kept with the picture take {len(exif):,} bytes, and a JPEG has room for "
            f"{_JPEG_EXIF_BYTES:,}: choose PNG or WebP, or leave the workflow out."
        )
    if array.ndim == 3 and array.shape[2] == 4:
        if array[..., 3].min() < 255:
            log.warning("A picture with transparency was laid over white: JPEG holds no transparency.")
        array = flatten(array)
    # Pillow before 11 ignores an XMP packet for a JPEG in silence, but writes a whole segment.
    extra = _jpeg_segment(_JPEG_XMP + xmp) if xmp else b""
    return _saved(array, "JPEG", quality=quality, subsampling=_subsampling(quality), exif=exif, extra=extra)


def _jpeg_segment(content: bytes) -> bytes:
    if len(content) > _JPEG_SEGMENT_BYTES:
        raise CannotEncode(
            f"What is to be told of the picture's origin takes {len(content):,} bytes, and a JPEG has room for "
            f"{_JPEG_SEGMENT_BYTES:,}: choose PNG or WebP."
        )
    return b"\xff\xe1" + (len(content) + 2).to_bytes(2, "big") + content


def _subsampling(quality: int) -> int:
    """Pillow's number for JPEG: full colour resolution, or half of it each way."""
    return 0 if quality >= 90 else 2


def _avif(array: npt.NDArray[np.uint8], text: Mapping[str, str], xmp: bytes, quality: int) -> bytes:
    if not ("avif" in features.modules and features.check("avif")):
        raise CannotEncode(
            f"The installed Pillow {PIL.__version__} cannot write AVIF: update Pillow to 11.3 or newer, or choose PNG, "
            "JPEG or WebP."
        )
    subsampling = "4:4:4" if quality >= 90 else "4:2:0"
    return _saved(array, "AVIF", quality=quality, subsampling=subsampling, exif=text_exif(text), xmp=xmp)
