"""A request's body on the wire: JSON, or a form with files, as Ideogram's OpenAPI says for each part."""

from __future__ import annotations

import asyncio
import io
import json
from typing import Any

import aiohttp

from ..engine.errors import InputRefused
from ..engine.inputs import InputMask, InputPicture
from .fields import File, fields_of, files_of
from .models import Offer
from .requests import IdeogramRequest

_MEGABYTE = 1000 * 1000
_MOST_MEGABYTES = {"legacy": 10, "v1": 10, "v2": 25}
_MOST_FILES = 10
"""How many files v2 takes with one request."""
_STYLE_MEGABYTES = 10
"""What all style pictures together may have in v1."""

Body = dict[str, Any]
"""What aiohttp's ``post`` is given: ``json=`` or ``data=``."""


class Upload:
    """Fields and encoded files of one request; a body is made of them as often as it is sent."""

    def __init__(self, fields: dict[str, Any], files: list[tuple[str, bytes]]) -> None:
        self._fields = fields
        self._files = files

    @classmethod
    async def of(cls, request: IdeogramRequest, *, as_job: bool = True) -> Upload:
        """Encodes the pictures off the event loop; ``as_job`` false asks v2 to answer with the pictures.

        Raises :class:`InputRefused` for a picture that cannot be sent.
        """
        offer, contents = request.offer, files_of(request)
        if offer.api == "v2" and len(contents) > _MOST_FILES:
            raise InputRefused(
                f"{offer.model} takes {_MOST_FILES} pictures with one request, masks among them, and these are "
                f"{len(contents)}: connect fewer style_images.",
                input_name="style_images",
            )
        files = [(file.field, await asyncio.to_thread(_encoded, file, offer)) for file in contents]
        _check_styles(files, offer)
        fields = fields_of(request)
        return cls(fields if as_job else {name: value for name, value in fields.items() if name != "async"}, files)

    def body(self) -> Body:
        """The request as JSON, or as a form where there are files."""
        if not self._files:
            return {"json": self._fields}
        form = aiohttp.FormData()
        for name, value in self._fields.items():
            for text, content_type in _parts(value):
                form.add_field(name, text, content_type=content_type)
        for place, (name, data) in enumerate(self._files, start=1):
            form.add_field(name, data, filename=f"{name}-{place}.png", content_type="image/png")
        return {"data": form}


def _parts(value: Any) -> list[tuple[str, str | None]]:
    """A field as the parts of a form: lists are repeated parts, objects JSON parts."""
    if isinstance(value, dict):
        return [(json.dumps(value), "application/json")]
    if isinstance(value, list):
        return [(str(one), None) for one in value]
    return [("true" if value is True else "false" if value is False else str(value), None)]


def _encoded(file: File, offer: Offer) -> bytes:
    content = file.content
    if isinstance(content, InputPicture):
        data = content.encoded("image/png")
    elif file.field == "mask":
        data = _black_and_white(content, offer)
    else:
        data = content.as_white()
    most = _MOST_MEGABYTES[offer.api]
    if len(data) > most * _MEGABYTE:
        raise InputRefused(
            f"A picture of {content.width}x{content.height} makes a file of {len(data) / _MEGABYTE:.0f} MB, and {offer.model} "
            f"takes {most} MB: scale it down first.",
            input_name=_INPUTS.get(file.field, file.field),
        )
    return data


def _check_styles(files: list[tuple[str, bytes]], offer: Offer) -> None:
    size = sum(len(data) for field, data in files if field == "style_reference_images")
    if offer.api == "v1" and size > _STYLE_MEGABYTES * _MEGABYTE:
        raise InputRefused(
            f"The style_images make files of {size / _MEGABYTE:.0f} MB together, and {offer.model} takes "
            f"{_STYLE_MEGABYTES} MB: scale them down first, or connect fewer.",
            input_name="style_images",
        )


_INPUTS = {
    "image_file": "image",
    "images": "image",
    "reference_images": "references",
    "style_reference_images": "style_images",
    "character_reference_images": "character_image",
}


def _black_and_white(mask: InputMask, offer: Offer) -> bytes:
    """The mask in black (change) and white (keep), without greys: that is all that Ideogram takes.

    Raises :class:`InputRefused` where nothing is marked, or (v2 wants both colours) everything.
    """
    from PIL import Image

    with Image.open(io.BytesIO(mask.as_black())) as grey:
        hard = grey.convert("L").point([0] * 128 + [255] * 128)
    darkest, brightest = hard.getextrema()
    if darkest == 255:
        raise InputRefused("The mask marks nothing: paint where the picture should change.", input_name="mask")
    if brightest == 0 and offer.api == "v2":
        raise InputRefused(
            f"The mask marks the whole picture, and {offer.model} wants something to keep: leave the mask away, or paint "
            f"less.",
            input_name="mask",
        )
    file = io.BytesIO()
    hard.save(file, "PNG", compress_level=1)
    return file.getvalue()
