"""Pictures on their way to fal: inside the request while they are small, else through its file store.

Source: fal-client 1.0 (the requests it sends) and fal's documentation of 2026.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any

import aiohttp

from ...engine import wire
from ...engine.errors import EaselError, ModelRetired, ProviderDown
from ...engine.provider import Call
from ..orders import data_uri
from .answers import ACCOUNT, refusal
from .hosts import beside

_INLINE_BYTES = 1_000_000
"""The largest file that travels inside the request; fal takes a few megabytes."""
_STORE_HOST = "rest.fal.ai"
_FILE_HOSTS = ("fal.media", "fal.ai", "fal.run")
_UPLOAD = aiohttp.ClientTimeout(total=300, connect=20)


def fits_inline(data: bytes, address: str) -> bool:
    return len(data) <= _INLINE_BYTES or beside(address, _STORE_HOST) is None


async def upload(call: Call, data: bytes, media_type: str) -> str:
    """The link to ``data`` in fal's file store, or ``data`` itself as a URI. An upload that fails costs nothing."""
    store = beside(call.address, _STORE_HOST)
    if store is None:
        return data_uri(data, media_type)
    try:
        token = await _answer(
            call,
            f"{store}/storage/auth/token?storage_type=fal-cdn-v3",
            {"Authorization": f"Key {call.key.reveal()}"},
            json={},
        )
        base, secret = str(token.get("base_url", "")), str(token.get("token", ""))
        if not wire.is_own_address(base, call.address, _FILE_HOSTS):
            raise _not_taken("it named a file store that is not its own")
        headers = {
            "Authorization": f"Bearer {secret}",
            "Content-Type": media_type,
            "X-Fal-File-Name": _name(media_type),
        }
        stored = await _answer(call, f"{base}/files/upload", headers, data=data)
    except (aiohttp.ClientError, asyncio.TimeoutError) as error:
        raise ProviderDown(
            f"The picture could not be sent to {ACCOUNT.label}: check the network.", retryable=True
        ) from error
    link = stored.get("access_url")
    if not isinstance(link, str):
        raise _not_taken("it named no link to it")
    return link


async def _answer(call: Call, url: str, headers: Mapping[str, str], **body: Any) -> Mapping[str, Any]:
    answer = await wire.ask(call.http, "POST", url, headers=headers, timeout=_UPLOAD, **body)
    if answer.status >= 300:
        raise _refused(answer)
    if not isinstance(answer.body, dict):
        raise _not_taken("its answer cannot be read")
    return answer.body


def _refused(answer: wire.Answer) -> EaselError:
    error = refusal(answer, None)
    # What is missing is the way to upload, never the model.
    is_passing = isinstance(error, (ProviderDown, ModelRetired))
    return _not_taken(error.words or f"HTTP {answer.status}") if is_passing else error


def _not_taken(words: str) -> ProviderDown:
    return ProviderDown(f"{ACCOUNT.label} could not take the picture.", retryable=True, words=words)


def _name(media_type: str) -> str:
    return f"easel.{media_type.partition('/')[2]}"
