"""Requests as the JSON bodies of BFL's API, where a file is a base64 text."""

from __future__ import annotations

import base64
from typing import Any

from ...engine.errors import InputRefused
from ...engine.provider import Call
from ...platforms.orders import with_links
from .. import bodies
from ..request import FluxRequest

_MOST_BYTES = 20 * 1000 * 1000


async def body_of(request: FluxRequest, call: Call) -> dict[str, Any]:
    """What is posted for ``request``. Raises :class:`InputRefused` for a picture that is too large as a file."""
    body: dict[str, Any] = await with_links(bodies.body_of(request), call, _in_base64)
    return body


async def _in_base64(data: bytes, _media_type: str) -> str:
    if len(data) > _MOST_BYTES:
        raise InputRefused(
            f"A picture makes a file of {len(data) / 1e6:.0f} MB, and {_MOST_BYTES / 1e6:.0f} MB are the most: scale it "
            f"down first.",
            input_name="image",
        )
    return base64.b64encode(data).decode()
