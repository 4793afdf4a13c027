"""What a marketplace is asked: one of its models, that model's inputs, and the files that go with them."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from functools import partial
from typing import Any, Literal

from ..engine.inputs import InputPicture
from ..engine.provider import Call

Wants = Literal["pictures", "anything"]
"""What a model is expected to give: pictures, or whatever it has (a text is then the result as well)."""


@dataclass(frozen=True)
class Order:
    """One of a marketplace's models and its inputs: plain JSON, with an InputPicture or Attached for a file."""

    model: str
    inputs: Mapping[str, Any]
    price: Decimal | None = None
    """US dollars; None where nobody knows before."""
    wants: Wants = "pictures"
    count: int = 1
    """How many pictures are asked for."""

    def handle(self, **known: Any) -> dict[str, Any]:
        """What must be remembered of the order to understand its answer, beside what the marketplace calls it."""
        return {"wants": self.wants, "count": self.count, **known}


@dataclass(frozen=True)
class Attached:
    """A file that is no picture of a request by itself, such as a mask in the model's polarity."""

    encoded: Callable[[], bytes]
    media_type: str = "image/png"


Send = Callable[[bytes, str], Awaitable[str]]
"""Brings a file of that media type to the marketplace; its link, or the file itself as a data URI."""


async def with_links(value: Any, call: Call, send: Send) -> Any:
    """``value`` with every file in it replaced by a link: one that the marketplace has already, or a new upload."""
    if isinstance(value, InputPicture):
        return await call.link_for(value) or await send(
            await asyncio.to_thread(value.encoded, "image/png"), "image/png"
        )
    if isinstance(value, Attached):
        return await send(await asyncio.to_thread(value.encoded), value.media_type)
    if isinstance(value, Mapping):
        return {name: await with_links(entry, call, send) for name, entry in value.items()}
    if isinstance(value, (list, tuple)):
        return list(await asyncio.gather(*(with_links(entry, call, send) for entry in value)))
    return value


class Uploads:
    """Uploaded files by their bytes, so that a picture that many requests share travels once."""

    def __init__(self, lifetime: float) -> None:
        self._lifetime = lifetime
        self._links: dict[tuple[str, ...], tuple[float, asyncio.Future[str]]] = {}

    async def link(self, data: bytes, owner: tuple[str, ...], upload: Callable[[], Awaitable[str]]) -> str:
        """The link to ``data`` in the account ``owner``; ``upload`` is awaited where there is none that still lives."""
        now = time.monotonic()
        self._links = {name: kept for name, kept in self._links.items() if kept[0] > now}
        name = (*owner, hashlib.sha256(data).hexdigest())
        if name not in self._links:
            uploading = asyncio.ensure_future(upload())
            uploading.add_done_callback(partial(self._forget_failed, name))
            self._links[name] = (now + self._lifetime, uploading)
        # Shielded: others may wait for the same upload.
        return await asyncio.shield(self._links[name][1])

    def _forget_failed(self, name: tuple[str, ...], upload: asyncio.Future[str]) -> None:
        if upload.cancelled() or upload.exception() is not None:
            self._links.pop(name, None)


def data_uri(data: bytes, media_type: str) -> str:
    return f"data:{media_type};base64,{base64.b64encode(data).decode()}"
