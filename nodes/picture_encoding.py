"""Arrays of 8-bit samples -> PNG, JPEG and WebP files, fast, with the texts a ComfyUI user expects in them.

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
from PIL import Image, PngImagePlugin

from .picture_kinds import JPEG, PNG, WEBP

log = logging.getLogger(__name__)

# Run lengths after PNG's own filters: a third of the default's time, and for photographs no byte more
# (tests/bench/pictures.py measures it).
_FAST_PNG: dict[str, Any] = {"compress_level": 1, "compress_type": 3}
_SMALL_PNG: dict[str, Any] = {"compress_level": 6}
_LONGEST_SIDE = {PNG: 2**31 - 1, JPEG: 65_535, WEBP: 16_383}
_JPEG_EXIF_BYTES = 65_527

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
) -> bytes:
    """A file of that media type from uint8 (H, W) grey, (H, W, 3) RGB or (H, W, 4) RGBA.

    PNG keeps every value; its setting is a fast one, or with ``small`` one that takes longer for fewer bytes.
    JPEG and WebP (lossy, alpha exact) follow ``quality`` (1 to 100); JPEG keeps full colour resolution from
    90 up and lays alpha over white, which is logged. ``text`` holds JSON texts by name: they go into tEXt
    chunks of a PNG and into the EXIF of the others (``text_exif``). Raises ``CannotEncode``.
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
        return _png(array, text, _SMALL_PNG if small else _FAST_PNG)
    if media_type == JPEG:
        return _jpeg(array, text, quality)
    # exact: colours under full transparency stay, as they do in PNG.
    return _saved(array, "WEBP", quality=quality, lossless=False, exact=True, exif=text_exif(text))


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
    return {PNG: "PNG", JPEG: "JPEG", WEBP: "WebP"}[media_type]


def _in_ascii(value: str) -> str:
    """The same JSON text with \\u escapes for other letters: no reader can take them in a wrong encoding."""
    return re.sub(r"[^\x00-\x7f]", lambda letter: json.dumps(letter[0])[1:-1], value)


def _saved(array: npt.NDArray[np.uint8], pillow_name: str, **settings: Any) -> bytes:
    file = io.BytesIO()
    Image.fromarray(array).save(file, pillow_name, **settings)
    return file.getvalue()


def _png(array: npt.NDArray[np.uint8], text: Mapping[str, str], speed: Mapping[str, Any]) -> bytes:
    chunks = PngImagePlugin.PngInfo()
    for name, value in text.items():
        chunks.add_text(name, value)
    return _saved(array, "PNG", pnginfo=chunks, **speed)


def _jpeg(array: npt.NDArray[np.uint8], text: Mapping[str, str], quality: int) -> bytes:
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
    return _saved(array, "JPEG", quality=quality, subsampling=0 if quality >= 90 else 2, exif=exif)
