"""Pictures that come in with a request, read with care."""

from __future__ import annotations

import base64
import binascii
import io
import re

from PIL import Image

MOST_PIXELS = 100_000_000
FORMATS = {"PNG": "image/png", "JPEG": "image/jpeg", "WEBP": "image/webp", "GIF": "image/gif"}
_DATA_URL = re.compile(r"data:(image/[a-z+.-]+);base64,")


class BadPicture(ValueError):
    """The bytes are not a picture that can be taken; the sentence says why."""


def decode(data: bytes) -> Image.Image:
    """A whole decoded picture of png, jpeg, webp or gif; its `format` is kept. Raises BadPicture."""
    try:
        picture = Image.open(io.BytesIO(data), formats=tuple(FORMATS))
        if picture.width * picture.height > MOST_PIXELS:
            raise BadPicture(f"{picture.width}x{picture.height} pixels are too many")
        picture.load()
    except (OSError, SyntaxError, Image.DecompressionBombError) as error:
        raise BadPicture(f"the bytes are not a whole png, jpeg, webp or gif picture ({error})") from error
    return picture


def from_data_url(url: str) -> tuple[str, bytes]:
    """Content type and bytes of a data URL. Raises BadPicture."""
    head = _DATA_URL.match(url)
    if head is None:
        raise BadPicture("not a data URL of a base64 picture")
    try:
        return head[1], base64.b64decode(url[head.end() :], validate=True)
    except binascii.Error as error:
        raise BadPicture(f"the data URL is not base64 ({error})") from error
