"""Picture files -> arrays of 8-bit RGB or RGBA in sRGB, upright: all that reading every kind right takes.

``nodes/pictures.py`` is the door to this; nothing else needs to import it.
"""

from __future__ import annotations

import io
import logging
import struct
import zlib
from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
import PIL
from PIL import Image, features

from . import picture_kinds as kinds

if TYPE_CHECKING:
    from PIL import ImageCms

log = logging.getLogger(__name__)

_PILLOW_NAMES = {
    kinds.PNG: "PNG",
    kinds.JPEG: "JPEG",
    kinds.WEBP: "WEBP",
    kinds.GIF: "GIF",
    kinds.AVIF: "AVIF",
}
_ORIENTATION = 0x0112
_PNG_GREY, _PNG_GREY_ALPHA = 0, 4


class NotAPicture(ValueError):
    """What arrived is no picture that can be used; the text says in plain words what it is."""


def decode_array(data: bytes, *, max_bytes: int, max_pixels: int) -> npt.NDArray[np.uint8]:
    """The first picture of a PNG, JPEG, WebP, GIF or AVIF file: uint8 (H, W, 3), with alpha (H, W, 4).

    Turned upright by its EXIF orientation; 16-bit samples rounded to 8 (65535 is 255); greyscale and palettes
    expanded; CMYK and pictures with an embedded ICC profile converted to sRGB (an unusable profile is
    ignored). Colours under full transparency are kept. Raises ``NotAPicture`` for anything that is not a
    whole picture within ``max_bytes`` and ``max_pixels``, the latter before any pixel is decoded.
    """
    media_type = _checked_kind(data, max_bytes, max_pixels)
    name = _PILLOW_NAMES[media_type]
    try:
        with Image.open(io.BytesIO(data), formats=[name]) as picture:
            _check_pixels(picture.size, max_pixels)
            picture.load()
            array = _colours(_shallow(picture, data, media_type), picture.info.get("icc_profile"))
            return np.ascontiguousarray(_upright(array, _orientation(picture)))
    except NotAPicture:
        raise
    except (Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
        width, height = kinds.size_of(data, media_type) or (0, 0)
        words = f"What arrived is a picture of {width}x{height} pixels, more than Pillow opens."
        raise NotAPicture(words) from error
    except Exception as error:
        # Pillow's readers raise many types on bytes that are not what they claim to be.
        words = f"What arrived is a damaged picture ({name}): it cannot be decoded ({error})."
        raise NotAPicture(words) from error


def _checked_kind(data: bytes, max_bytes: int, max_pixels: int) -> str:
    if len(data) > max_bytes:
        words = f"What arrived is a file of {len(data):,} bytes, more than the {max_bytes:,} allowed."
        raise NotAPicture(words)
    media_type = kinds.media_type_of(data)
    if media_type is None:
        what = kinds.describe(data)
        raise NotAPicture(f"Expected a PNG, JPEG, WebP, GIF or AVIF picture, but what arrived is {what}.")
    name = _PILLOW_NAMES[media_type]
    if media_type == kinds.AVIF and not ("avif" in features.modules and features.check("avif")):
        raise NotAPicture(
            f"What arrived is an AVIF picture, which the installed Pillow {PIL.__version__} cannot read: "
            "update Pillow to 11.3 or newer, or ask for PNG, JPEG or WebP."
        )
    size = kinds.size_of(data, media_type)
    if size:
        _check_pixels(size, max_pixels)
    if not size or not kinds.is_whole(data, media_type):
        words = f"What arrived is only part of a picture ({name}, {len(data):,} bytes), or a damaged one."
        raise NotAPicture(words)
    return media_type


def _check_pixels(size: tuple[int, int], max_pixels: int) -> None:
    width, height = size
    if width * height > max_pixels:
        raise NotAPicture(
            f"What arrived is a picture of {width}x{height} pixels ({width * height:,} in all), "
            f"more than the {max_pixels:,} allowed."
        )


def _shallow(picture: Image.Image, data: bytes, media_type: str) -> Image.Image:
    """The picture with 8 bits a sample, its transparency still as the file has it."""
    if media_type != kinds.PNG:
        return picture
    depth, colour = data[24], data[25]
    if depth == 16:
        return _from_16_bits(picture, data, colour)
    if colour == _PNG_GREY and depth < 8 and "transparency" in picture.info:
        # Pillow widens the samples to 8 bits, the transparent one only at 1 bit, and there not always.
        key = min(255, picture.info["transparency"] * (255 // (2**depth - 1)))
        picture = picture.convert("L")
        picture.info["transparency"] = key
    return picture


def _from_16_bits(picture: Image.Image, data: bytes, colour: int) -> Image.Image:
    """A PNG of 16 bits a sample, rounded to 8 bits: v/257 to the nearest, so that 65535 is 255.

    Pillow keeps 16 bits of a plain greyscale only and cuts all else to the high byte, so the low bytes are
    read in a second pass: as the high bytes of the other byte order, or (grey with alpha) as a picture of
    four channels.
    """
    if colour == _PNG_GREY:
        deep = np.asarray(picture).astype(np.uint16)[..., None]
    elif colour == _PNG_GREY_ALPHA:
        with Image.open(io.BytesIO(_as_rgba8(data)), formats=["PNG"]) as four:
            deep = np.asarray(four).view(">u2")
    else:
        with Image.open(io.BytesIO(data), formats=["PNG"]) as low:
            codec, extents, offset, raw = low.tile[0]
            low.tile = [(codec, extents, offset, raw.replace("16B", "16L"))]
            deep = np.asarray(picture).astype(np.uint16) << 8 | np.asarray(low)
    array = ((deep.astype(np.uint32) + 128) // 257).astype(np.uint8)
    if "transparency" in picture.info:
        alpha = np.where((deep == picture.info["transparency"]).all(axis=2, keepdims=True), 0, 255)
        array = np.concatenate([array, alpha.astype(np.uint8)], axis=2)
    return Image.fromarray(array[..., 0] if array.shape[2] == 1 else array)


def _as_rgba8(data: bytes) -> bytes:
    """A PNG of 16-bit grey and alpha, relabelled as 8-bit RGBA: the same four bytes a pixel and filters."""
    header = data[12:24] + b"\x08\x06" + data[26:29]
    return data[:12] + header + struct.pack(">I", zlib.crc32(header)) + data[33:]


def _colours(picture: Image.Image, profile: bytes | None) -> npt.NDArray[np.uint8]:
    """uint8 (H, W, 3|4) in sRGB, of a picture with 8 bits a sample."""
    transparent = picture.has_transparency_data
    if not profile:
        return np.asarray(picture.convert("RGBA" if transparent else "RGB"))
    if picture.mode in ("1", "L", "LA"):
        colour = picture.convert("L")
    elif picture.mode == "CMYK":
        colour = picture
    else:
        colour = picture.convert("RGB")
    transform = _transform(profile, colour.mode)
    array = np.asarray(transform.apply(colour) if transform else colour.convert("RGB"))
    if not transparent:
        return array
    return np.dstack([array, np.asarray(picture.convert("RGBA").getchannel("A"))])


@lru_cache(maxsize=8)
def _transform(profile: bytes, mode: str) -> ImageCms.ImageCmsTransform | None:
    """From an embedded profile to sRGB (relative colorimetric with black point compensation, as editors do).

    None where nothing is to be done: the profile is sRGB itself, or it is broken or made for another mode.
    """
    from PIL import ImageCms

    try:
        transform = ImageCms.buildTransform(
            ImageCms.ImageCmsProfile(io.BytesIO(profile)),
            ImageCms.createProfile("sRGB"),
            mode,
            "RGB",
            ImageCms.Intent.RELATIVE_COLORIMETRIC,
            ImageCms.Flags.BLACKPOINTCOMPENSATION,
        )
    except (ImageCms.PyCMSError, OSError) as error:
        log.info("A picture's ICC profile cannot be used and is ignored: %s", error)
        return None
    if mode != "RGB":
        return transform
    # Many profiles are sRGB under other names; converting by those would only cost time and exactness.
    steps = np.linspace(0, 255, 9).round().astype(np.uint8)
    probe = np.stack(np.meshgrid(steps, steps, steps), axis=-1).reshape(27, 27, 3)
    change = np.asarray(transform.apply(Image.fromarray(probe))).astype(int) - probe
    return None if abs(change).max() <= 1 else transform


def _orientation(picture: Image.Image) -> int:
    try:
        return int(picture.getexif().get(_ORIENTATION, 1))
    except Exception as error:
        # Cameras and editors write broken EXIF of every sort; the picture itself is good.
        log.info("A picture's EXIF data cannot be read and is ignored: %s", error)
        return 1


def _upright(array: npt.NDArray[np.uint8], orientation: int) -> npt.NDArray[np.uint8]:
    """EXIF 2.32, tag Orientation: where the first row and the first column of the stored picture belong."""
    if orientation in (5, 6, 7, 8):
        array = array.swapaxes(0, 1)
    if orientation in (3, 4, 7, 8):
        array = array[::-1]
    if orientation in (2, 3, 6, 7):
        array = array[:, ::-1]
    return array
