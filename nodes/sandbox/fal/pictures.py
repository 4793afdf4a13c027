"""The pictures that an input's addresses stand for: data URIs, uploads, and links of this sandbox."""

from __future__ import annotations

import base64
import binascii
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from PIL import Image, ImageOps

from .. import uploads
from ..calls import ApiError, Call
from .storage import MEDIA, Storage
from .wire import model_error

MASKS = frozenset({"mask_url", "mask_image_url"})
FIRST = ("image_url", "image_urls", "reference_image_urls", "control_lora_image_url")
"""The inputs with pictures to work on, the one that is edited before the others."""
BESIDE = ("reference_mask_urls",)


@dataclass(frozen=True)
class Sent:
    """The pictures of one submission."""

    pictures: tuple[Image.Image, ...] = ()
    mask: Image.Image | None = None
    """As the painter wants it: alpha 0 where to repaint."""


def sent(call: Call, storage: Storage, asked: Mapping[str, Any]) -> Sent:
    """Every picture of a checked body, decoded; the sandbox asks no other host. Raises 422."""
    found: dict[str, list[Image.Image]] = {}
    for name in (*FIRST, *MASKS, *BESIDE):
        given = asked.get(name, [])
        addresses = [given] if isinstance(given, str) else given
        found[name] = [_picture(call, storage, name, address) for address in addresses]
    pictures = tuple(picture for name in FIRST for picture in found[name])
    masks = [(name, picture) for name in sorted(MASKS) for picture in found[name]]
    return Sent(pictures, _mask(*masks[0], pictures[0].size) if masks else None)


def _mask(name: str, picture: Image.Image, wanted: tuple[int, int]) -> Image.Image:
    """White is repainted."""
    white = picture.convert("L")
    if white.size != wanted:
        raise _bad(name, "Mask dimensions do not match the image dimensions", "value_error", "")
    mask = Image.new("RGBA", white.size)
    mask.putalpha(ImageOps.invert(white).point([0 if step < 128 else 255 for step in range(256)]))
    return mask


def _picture(call: Call, storage: Storage, name: str, address: str) -> Image.Image:
    data = _bytes(call, storage, name, address)
    try:
        return uploads.decode(data)
    except uploads.BadPicture as problem:
        message = f"Failed to load the image. Please ensure the image file is not corrupted. ({problem})"
        raise _bad(name, message, "image_load_error", address) from problem


def _bytes(call: Call, storage: Storage, name: str, address: str) -> bytes:
    if address.startswith("data:"):
        try:
            return base64.b64decode(address.partition(",")[2], validate=True)
        except binascii.Error as problem:
            raise _bad(name, "Failed to load the image: not base64.", "image_load_error", address) from problem
    if address.startswith((call.link("/files/"), call.link(f"{MEDIA}/files/"))):
        stored = call.state.links.get(storage.path_of(address))
        if stored is not None and time.time() <= stored.expires:
            return stored.data
    message = "Failed to download the file. Please check if the URL is accessible and try again."
    raise _bad(name, message, "file_download_error", address)


def _bad(name: str, message: str, kind: str, address: str) -> ApiError:
    return model_error(422, [{"loc": ["body", name], "msg": message, "type": kind, "input": address[:200]}])
