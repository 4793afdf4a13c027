"""remove.bg's ZIP: the colours as JPEG and their opacity as PNG, which together are one picture."""

from __future__ import annotations

import io
import zipfile
import zlib

from ...engine.fetch import MAX_BYTES

COLOURS, OPACITY = "color.jpg", "alpha.png"
_MOST_BYTES = 64 * 1024 * 1024
_MOST_PIXELS = 50_000_000
_LARGEST_WEBP = 16_383
"""Pixels of a side."""


class DamagedZip(ValueError):
    """What arrived is no whole ZIP of colours and opacity."""


def unpacked(data: bytes) -> bytes:
    """The picture of a ZIP as one file with transparency; what is wholly transparent becomes black, which keeps it small.

    A PNG; a WebP, as lossless and smaller, where the PNG would be too large to be kept.

    Raises :class:`DamagedZip` where the ZIP is damaged, or larger than such a picture can be.
    """
    from PIL import Image

    try:
        with zipfile.ZipFile(io.BytesIO(data)) as packed:
            files = [_file(packed, name) for name in (COLOURS, OPACITY)]
        first, second = (Image.open(io.BytesIO(file), formats=("JPEG", "PNG")) for file in files)
        if first.size != second.size or first.width * first.height > _MOST_PIXELS:
            raise ValueError(f"colours of {first.size} and opacity of {second.size}")
        colours, opacity = first.convert("RGB"), second.convert("L")
    except (
        zipfile.BadZipFile,
        zlib.error,
        KeyError,
        EOFError,
        OSError,
        RuntimeError,
        SyntaxError,
        ValueError,
    ) as error:
        raise DamagedZip("it is not a whole ZIP of colours and opacity") from error
    picture = Image.new("RGB", colours.size)
    picture.paste(colours, mask=opacity.point(lambda step: 255 if step else 0))
    picture.putalpha(opacity)
    file = io.BytesIO()
    picture.save(file, "PNG", compress_level=1)
    if file.tell() > MAX_BYTES and max(picture.size) <= _LARGEST_WEBP:
        file = io.BytesIO()
        picture.save(file, "WEBP", lossless=True, quality=0, method=0)
    return file.getvalue()


def _file(packed: zipfile.ZipFile, name: str) -> bytes:
    if packed.getinfo(name).file_size > _MOST_BYTES:
        raise ValueError(f"{name} unpacks to more than {_MOST_BYTES >> 20} MB")
    return packed.read(name)
