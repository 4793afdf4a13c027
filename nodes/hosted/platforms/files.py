"""Links and data URIs among what a model gives."""

from __future__ import annotations

import base64
from pathlib import PurePosixPath
from urllib.parse import urlsplit

from ..engine.errors import ResultLost

_SUFFIXES = (".png", ".jpg", ".jpeg", ".webp", ".avif", ".bmp", ".gif", ".tif", ".tiff")


def is_link(text: str) -> bool:
    return text.startswith(("https://", "http://", "data:"))


def is_picture_link(text: str, *, of_pictures: bool) -> bool:
    """Whether ``text`` leads to a picture; ``of_pictures`` where the model is known to give nothing else."""
    if not is_link(text):
        return False
    if of_pictures or text.startswith("data:image/"):
        return True
    return PurePosixPath(urlsplit(text).path).suffix.lower() in _SUFFIXES


def from_data_uri(uri: str) -> bytes:
    """The bytes of a base64 data URI. Raises :class:`ResultLost` where they are damaged."""
    try:
        return base64.b64decode(uri.partition(",")[2], validate=True)
    except ValueError as error:
        raise ResultLost("The picture arrived damaged. Run again to buy it anew.") from error
