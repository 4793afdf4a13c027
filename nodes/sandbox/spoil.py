"""Answers gone wrong: cut connections, halves, floods, bombs, and pages where data should be."""

from __future__ import annotations

import os
import socket
import struct
import zlib

from aiohttp import web

CHUNK = 256 * 1024
CUT = 499
"""Status of the answer that nobody sees, since its connection is gone."""
BOMB_SIDE = 50_000
HTML = "<!DOCTYPE html><html><head><title>Gateway</title></head><body><h1>Checking your browser</h1></body></html>"


def cut(request: web.Request) -> web.Response:
    """Reset the connection, so that the client sees neither status nor end."""
    transport = request.transport
    if transport is not None:
        # A zero linger makes the system send a reset in place of an orderly end.
        linger = struct.pack("hh" if os.name == "nt" else "ii", 1, 0)
        transport.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
        transport.abort()
    return web.Response(status=CUT)


def html_page() -> web.Response:
    """What a proxy in between may answer: a page, with status 200."""
    return web.Response(text=HTML, content_type="text/html")


def halved(data: bytes) -> bytes:
    """The first half of a picture's bytes."""
    return data[: len(data) // 2]


def bomb() -> bytes:
    """A small PNG whose header claims 50000 x 50000 pixels (10 GB once decoded)."""
    header = struct.pack(">IIBBBBB", BOMB_SIDE, BOMB_SIDE, 8, 6, 0, 0, 0)
    rows = zlib.compress(bytes(1 + 4 * BOMB_SIDE))
    chunks = ((b"IHDR", header), (b"tEXt", b"easel-sandbox\x001"), (b"IDAT", rows), (b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(_chunk(name, data) for name, data in chunks)


def _chunk(name: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))


async def flood(
    request: web.Request, content_type: str, start: bytes, filler: bytes, megabytes: int, end: bytes = b""
) -> web.StreamResponse:
    """Send `start`, then `filler` over and over for so many megabytes, then `end`; no length is announced."""
    response = web.StreamResponse(headers={"Content-Type": content_type})
    await response.prepare(request)
    await response.write(start)
    chunk = filler * CHUNK
    for _ in range(megabytes * 1024 * 1024 // len(chunk)):
        await response.write(chunk)
    await response.write(end)
    await response.write_eof()
    return response
