"""What kind of picture file some bytes are, how large it says it is, and whether all of it is there.

Only headers and block lengths are read, no pixel. Pillow would refuse cut files too, but only while a
process-wide switch (``ImageFile.LOAD_TRUNCATED_IMAGES``) is off, and other packs of the same process turn it
on.
"""

from __future__ import annotations

import re
import struct
import zlib
from collections.abc import Iterator

PNG, JPEG, WEBP, GIF, AVIF = "image/png", "image/jpeg", "image/webp", "image/gif", "image/avif"

_PNG_START = b"\x89PNG\r\n\x1a\n"
# A JPEG marker: not a stuffed byte (00), not fill (FF), not a restart inside a scan (D0 to D7).
_JPEG_MARKER = re.compile(rb"\xff([^\x00\xff\xd0-\xd7])")
_JPEG_END = 0xD9
_JPEG_FRAMES = {*range(0xC0, 0xD0)} - {0xC4, 0xC8, 0xCC}
_AVIF_SIZE = re.compile(rb"ispe\x00\x00\x00\x00(.{8})", re.DOTALL)
# Sizes stand in the first box of an AVIF after its type; a search of all of a large file is not needed.
_AVIF_HEADER_BYTES = 1 << 20

_STRANGERS = (
    (re.compile(rb"\s*(<\?xml[^>]*>)?\s*(<!--.*?-->)?\s*<svg\b", re.I | re.S), "an SVG drawing"),
    (re.compile(rb"\s*(<!--.*?-->)?\s*<(!doctype\s+html|html|head|body)\b", re.I | re.S), "a web page"),
    (re.compile(rb"\s*<\?xml"), "an XML text"),
    (re.compile(rb"\s*[{\[]\s*([\"{\[\]}\d-]|true|false|null)"), "a JSON text"),
    (re.compile(rb"%PDF-"), "a PDF document"),
    (re.compile(rb"PK\x03\x04"), "a ZIP archive"),
    (re.compile(rb"(II\*\x00|MM\x00\*)"), "a TIFF picture, which is not one of the kinds that can be read"),
    (re.compile(rb"BM.{4}\x00{4}", re.S), "a BMP picture, which is not one of the kinds that can be read"),
    (re.compile(rb".{4}ftyphei[cx]", re.S), "a HEIC picture, which is not one of the kinds that can be read"),
    (re.compile(rb"(.{4}ftyp|\x1aE\xdf\xa3)", re.S), "a video"),
)


def media_type_of(data: bytes) -> str | None:
    """The media type that the first bytes show (PNG, JPEG, WebP, GIF or AVIF), or None for anything else."""
    if data.startswith(_PNG_START):
        return PNG
    if data.startswith(b"\xff\xd8\xff"):
        return JPEG
    if data[:4] == b"RIFF" and data[8:12] == b"WEBP":
        return WEBP
    if data.startswith((b"GIF87a", b"GIF89a")):
        return GIF
    if data[4:8] == b"ftyp":
        brands = data[8 : min(int.from_bytes(data[:4], "big"), 256)]
        if b"avif" in brands or b"avis" in brands:
            return AVIF
    return None


def describe(data: bytes) -> str:
    """In plain words, what bytes that are no picture of a known kind are: "a web page", "an empty file"."""
    if not data:
        return "an empty file"
    for pattern, words in _STRANGERS:
        if pattern.match(data[:4096]):
            return words
    if data[:512].isascii() and not any(byte < 9 or 13 < byte < 32 for byte in data[:512]):
        return "a text"
    return f"data of an unknown kind ({len(data):,} bytes)"


def size_of(data: bytes, media_type: str) -> tuple[int, int] | None:
    """Width and height in pixels as the header of a file of that kind tells them; None if it does not."""
    try:
        if media_type == PNG:
            return struct.unpack_from(">II", data, 16)
        if media_type == GIF:
            return struct.unpack_from("<HH", data, 6)
        if media_type == WEBP:
            return _webp_size(data)
        if media_type == JPEG:
            return _jpeg_size(data)
        sizes = [struct.unpack(">II", found[1]) for found in _AVIF_SIZE.finditer(data[:_AVIF_HEADER_BYTES])]
        return max(sizes, key=lambda size: size[0] * size[1], default=None)
    except struct.error:
        return None


def is_whole(data: bytes, media_type: str) -> bool:
    """Whether a file of that kind reaches its own end, and no pixel data of a PNG belies its checksum."""
    checks = {
        PNG: _png_is_whole,
        JPEG: _jpeg_is_whole,
        WEBP: _webp_is_whole,
        GIF: _gif_is_whole,
        AVIF: _avif_is_whole,
    }
    return checks[media_type](data)


def _png_is_whole(data: bytes) -> bool:
    view, at = memoryview(data), len(_PNG_START)
    while at + 12 <= len(data):
        length, name = struct.unpack_from(">I4s", data, at)
        end = at + 12 + length
        if end > len(data):
            return False
        if name == b"IEND":
            return True
        # Pillow never looks at the checksums of pixel data.
        checksum = int.from_bytes(view[end - 4 : end], "big")
        if name == b"IDAT" and zlib.crc32(view[at + 4 : end - 4]) != checksum:
            return False
        at = end
    return False


def _jpeg_markers(data: bytes) -> Iterator[tuple[int, int]]:
    """Each marker's code and where its segment starts, scans skipped, down to the end marker."""
    at = 2
    while found := _JPEG_MARKER.search(data, at):
        code, at = found[1][0], found.end()
        yield code, at
        if code == _JPEG_END:
            return
        at += int.from_bytes(data[at : at + 2], "big")


def _jpeg_is_whole(data: bytes) -> bool:
    return any(code == _JPEG_END for code, _ in _jpeg_markers(data))


def _jpeg_size(data: bytes) -> tuple[int, int] | None:
    for code, at in _jpeg_markers(data):
        if code in _JPEG_FRAMES:
            height, width = struct.unpack_from(">HH", data, at + 3)
            return width, height
    return None


def _webp_is_whole(data: bytes) -> bool:
    return len(data) >= 8 + int.from_bytes(data[4:8], "little")


def _webp_size(data: bytes) -> tuple[int, int] | None:
    """WebP container specification: sizes less one in 24 (VP8X) or 14 bits (VP8L), or plain in 14 (VP8)."""
    chunk = data[12:16]
    if chunk == b"VP8X" and len(data) >= 30:
        return int.from_bytes(data[24:27], "little") + 1, int.from_bytes(data[27:30], "little") + 1
    if chunk == b"VP8L":
        (bits,) = struct.unpack_from("<I", data, 21)
        return (bits & 0x3FFF) + 1, (bits >> 14 & 0x3FFF) + 1
    if chunk == b"VP8 ":
        width, height = struct.unpack_from("<HH", data, 26)
        return width & 0x3FFF, height & 0x3FFF
    return None


def _gif_is_whole(data: bytes) -> bool:
    """GIF89a specification: colour tables, then blocks (21 extension, 2C picture) of sub-blocks, then 3B."""
    if len(data) < 13:
        return False
    at = 13 + _gif_table_bytes(data[10])
    while at < len(data):
        mark = data[at]
        if mark == 0x3B:
            return True
        if mark == 0x21:
            at += 2
        elif mark == 0x2C and at + 10 < len(data):
            at += 11 + _gif_table_bytes(data[at + 9])
        else:
            # Padding between blocks is read over, as Pillow does.
            at += 1
            continue
        while at < len(data) and data[at]:
            at += 1 + data[at]
        at += 1
    return False


def _gif_table_bytes(flags: int) -> int:
    return 3 << ((flags & 7) + 1) if flags & 0x80 else 0


def _avif_is_whole(data: bytes) -> bool:
    """ISO 14496-12 boxes: a length of 1 means that 64 bits follow, 0 that the box goes on to the end."""
    at = 0
    while at + 8 <= len(data):
        length = int.from_bytes(data[at : at + 4], "big")
        if length == 0:
            return True
        if length == 1:
            length = int.from_bytes(data[at + 8 : at + 16], "big")
        if length < 8:
            return False
        at += length
    return at == len(data)
