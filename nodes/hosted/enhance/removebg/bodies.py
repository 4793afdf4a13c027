"""A request as the form of remove.bg's API (its OpenAPI 1.0.0)."""

from __future__ import annotations

import asyncio

import aiohttp

from ...engine.errors import InputRefused
from ...engine.inputs import InputPicture
from ..requests import RemoveBackground

_MOST_BYTES = 12_000_000
"""The largest file that is surely taken; newer pages say 22 MB."""
_PICTURES = {"image_file": "image", "bg_image_file": "background"}
_SUFFIXES = {"image/png": "png", "image/jpeg": "jpg"}


async def form_of(request: RemoveBackground) -> tuple[aiohttp.FormData, tuple[str, ...]]:
    """The form, and what the user should know of it.

    Raises :class:`InputRefused` for a picture that is too large as a file.
    """
    form, notices = aiohttp.FormData(), []
    for field, value in fields_of(request).items():
        if isinstance(value, InputPicture):
            name = _PICTURES[field]
            data, media_type = await _file(name, value)
            if media_type != "image/png":
                notices.append(f"The {name} was sent as a JPEG: as a PNG it is larger than remove.bg takes.")
            form.add_field(field, data, filename=f"{name}.{_SUFFIXES[media_type]}", content_type=media_type)
        else:
            form.add_field(field, _text(value))
    return form, tuple(notices)


def fields_of(request: RemoveBackground) -> dict[str, object]:
    """Every field of the form, pictures as such."""
    row, asked = request.row, {**request.asked(), "format": request.file_format}
    if request.scale is not None:
        asked["scale"] = f"{request.scale}%"
    return {row.picture: request.image, **row.fields(asked)}


def _text(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


async def _file(name: str, picture: InputPicture) -> tuple[bytes, str]:
    """The picture as a PNG, or as a JPEG where that is too large, with its media type."""
    for media_type in _SUFFIXES:
        data = await asyncio.to_thread(picture.encoded, media_type)
        if len(data) <= _MOST_BYTES:
            return data, media_type
    raise InputRefused(
        f"The {name} of {picture.width}x{picture.height} makes a file of {len(data) / 1e6:.0f} MB, and "
        f"{_MOST_BYTES / 1e6:.0f} MB are the most that remove.bg takes: scale it down first.",
        input_name=name,
    )
