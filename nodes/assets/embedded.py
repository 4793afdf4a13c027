"""The texts that a picture's file carries, written by us or by ComfyUI itself."""

from __future__ import annotations

import io
import re

from PIL import Image, UnidentifiedImageError

_NAME = re.compile(r"(\w[\w-]*):(.*)", re.DOTALL)


def texts_in(data: bytes) -> dict[str, str]:
    """Texts by name: the text chunks of a PNG, or the "name:value" entries in the EXIF of other kinds. No pixel is decoded."""
    try:
        with Image.open(io.BytesIO(data)) as picture:
            chunks = {name: value for name, value in picture.info.items() if isinstance(value, str)}
            entries = [value for value in dict(picture.getexif()).values() if isinstance(value, str)]
    except (UnidentifiedImageError, OSError, SyntaxError, ValueError):
        return {}
    named = {found[1]: found[2] for entry in entries if (found := _NAME.match(entry))}
    return {**chunks, **named}
