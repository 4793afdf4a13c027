"""The pictures that come with an edit or a variation: form parts or references in JSON."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from PIL import Image

from .. import uploads
from ..calls import ApiError, Call
from ..multipart import Part
from . import errors

MOST_PICTURES = 16
LARGEST_PICTURE = 50 * 1000 * 1000
LARGEST_MASK = 4 * 1024 * 1024
TAKEN = ("PNG", "JPEG", "WEBP")


@dataclass(frozen=True)
class Sent:
    """The pictures of one call, decoded."""

    pictures: tuple[Image.Image, ...]
    mask: Image.Image | None = None


def from_form(parts: Sequence[Part], *, legacy: bool) -> Sent:
    """Pictures from the files of a form. Raises 400 for wrong names, types, sizes, or bytes that are none.

    `legacy` asks what DALL·E 2 asks: one square PNG below 4 MiB.
    """
    images = [part for part in parts if part.name in ("image", "image[]")]
    named = {name: _only(parts, name) for name in ("mask", "markup")}
    for part in parts:
        if part.name not in ("image", "image[]", *named):
            message = f"Unknown parameter: '{part.name}'."
            raise errors.invalid(part.name, message, "unknown_parameter")
        if not part.filename:
            raise errors.invalid(part.name, f"The part '{part.name}' needs a filename.", "invalid_image_file")
    if not images:
        raise errors.invalid("image", "Missing required parameter: 'image'.", "missing_required_parameter")
    if len(images) > 1 and any(part.name == "image" for part in images):
        message = "Duplicate parameter: 'image'. To send several pictures, name each part 'image[]'."
        raise errors.invalid("image", message, "duplicate_parameter")
    if len(images) > MOST_PICTURES:
        message = f"At most {MOST_PICTURES} pictures are taken, {len(images)} were sent."
        raise errors.invalid("image", message, "array_above_max_length")
    pictures = tuple(_picture("image", part.data, part.content_type) for part in images)
    if legacy:
        _check_legacy(images[0].data, pictures)
    overlays = {
        name: _overlay(name, part.data, part.content_type, pictures[0])
        for name, part in named.items()
        if part is not None
    }
    if len(overlays) == 2:
        raise errors.invalid("markup", "'markup' cannot be used together with 'mask'.")
    return Sent(pictures, overlays.get("mask"))


def from_json(call: Call, body: Mapping[str, Any]) -> Sent:
    """Pictures from `images` and `mask`: data URLs, or this sandbox's own links. Raises 400."""
    pictures = tuple(_picture("images", *_referred(call, "images", one)) for one in body["images"])
    if "mask" not in body:
        return Sent(pictures)
    return Sent(pictures, _overlay("mask", *_referred(call, "mask", body["mask"]), pictures[0]))


def _only(parts: Sequence[Part], name: str) -> Part | None:
    found = [part for part in parts if part.name == name]
    if len(found) > 1:
        raise errors.invalid(name, f"Duplicate parameter: '{name}'.", "duplicate_parameter")
    return found[0] if found else None


def _referred(call: Call, field: str, reference: Mapping[str, str]) -> tuple[bytes, str]:
    if "file_id" in reference:
        raise errors.invalid(field, f"No such file: '{reference['file_id']}'.", "invalid_file_id")
    data, content_type = fetched(call, field, reference["image_url"])
    return data, content_type


def fetched(call: Call, field: str, url: str) -> tuple[bytes, str]:
    """Bytes and content type behind a data URL or one of this sandbox's links; it asks no other host."""
    own = call.link("/files/")
    if url.startswith(own):
        stored = call.state.links.get(url)
        if stored is not None:
            return stored.data, stored.content_type
    if not url.startswith("data:"):
        raise errors.invalid(field, f"The picture could not be downloaded: {url[:200]}", "invalid_image_url")
    try:
        content_type, data = uploads.from_data_url(url)
    except uploads.BadPicture as problem:
        raise _bad(field, str(problem)) from problem
    return data, content_type


def _picture(field: str, data: bytes, content_type: str | None) -> Image.Image:
    if len(data) >= LARGEST_PICTURE:
        raise _bad(field, f"a picture must be smaller than 50 MB, this one has {len(data)} bytes")
    try:
        picture = uploads.decode(data)
    except uploads.BadPicture as problem:
        raise _bad(field, str(problem)) from problem
    if picture.format not in TAKEN:
        raise _bad(field, "supported formats are png, jpeg and webp")
    real = uploads.FORMATS[picture.format]
    if content_type != real and not (content_type == "image/jpg" and real == "image/jpeg"):
        raise _bad(field, f"the content type is '{content_type}', the picture is {real}")
    return picture


def _overlay(field: str, data: bytes, content_type: str | None, first: Image.Image) -> Image.Image:
    """A mask or markup: a PNG below 4 MiB with an alpha channel, as large as the first picture."""
    if len(data) >= LARGEST_MASK:
        raise _bad(field, f"it must be smaller than 4 MB, this one has {len(data)} bytes")
    picture = _picture(field, data, content_type)
    if picture.format != "PNG":
        raise _bad(field, "it must be a PNG")
    if picture.mode not in ("RGBA", "LA") and "transparency" not in picture.info:
        raise _bad(field, "it must have an alpha channel")
    if picture.size != first.size:
        ours, theirs = ("x".join(map(str, one.size)) for one in (picture, first))
        raise _bad(field, f"it must have the size of the first picture, {theirs}, not {ours}")
    return picture


def _check_legacy(data: bytes, pictures: Sequence[Image.Image]) -> None:
    first = pictures[0]
    if len(pictures) > 1:
        raise errors.invalid("image", "This model takes one picture.", "array_above_max_length")
    if first.format != "PNG" or len(data) >= LARGEST_MASK:
        raise _bad("image", "it must be a PNG smaller than 4 MB")
    if first.width != first.height:
        raise _bad("image", f"it must be square, not {first.width}x{first.height}")


def _bad(field: str, why: str) -> ApiError:
    return errors.invalid(field, f"Invalid '{field}': {why}.", "invalid_image_file")
