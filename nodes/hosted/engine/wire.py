"""Plain HTTP to a provider's API: one request, its answer as JSON, and what a failure means for the bill.

For providers without a client of their own that leaves retries to us.
"""

from __future__ import annotations

import asyncio
import json as jsonlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

import aiohttp
from yarl import URL

from .account import Account
from .errors import (
    EaselError,
    InputRefused,
    InvalidKey,
    ModelRetired,
    ProviderDown,
    QuotaExhausted,
    RateLimited,
    ResultLost,
    TimedOut,
)
from .fetch import origin_of
from .proxies import proxy_for
from .request import Request

SUBMIT = aiohttp.ClientTimeout(total=None, connect=20, sock_read=120)
LOOK = aiohttp.ClientTimeout(total=30, connect=10)
_MOST_BYTES = 64 * 1024 * 1024
_SHOWN = 100
"""How much of a strange address an error shows."""
_NEVER_LEFT = (aiohttp.ClientConnectorError, aiohttp.ClientHttpProxyError, aiohttp.ConnectionTimeoutError)
"""The transport's errors that come before a single byte of the request was sent."""


@dataclass(frozen=True)
class Answer:
    """What a provider answered; ``body`` is its JSON, None where it is something else or too long to be an answer."""

    status: int
    headers: Mapping[str, str]
    body: Any
    data: bytes = b""
    """The bytes of an answer that is no JSON, a picture perhaps; empty where it is too long."""

    @property
    def is_json(self) -> bool:
        return isinstance(self.body, (dict, list))

    @property
    def retry_after(self) -> float | None:
        """Retry-After in seconds; a date in it is left to our own backoff."""
        return seconds_of(self.headers.get("Retry-After"))


async def submit(
    url: str,
    *,
    headers: Mapping[str, str],
    json: Any = None,
    data: Any = None,
    timeout: aiohttp.ClientTimeout = SUBMIT,
) -> Answer:
    """POST what may be charged: once, never redirected, and on a connection of its own.

    A kept connection that the server has just closed looks like one cut after the request.
    """
    connector = aiohttp.TCPConnector(force_close=True)
    async with aiohttp.ClientSession(connector=connector) as fresh:
        return await ask(fresh, "POST", url, headers=headers, json=json, data=data, timeout=timeout)


async def ask(
    http: aiohttp.ClientSession,
    method: str,
    url: str,
    *,
    headers: Mapping[str, str],
    json: Any = None,
    data: Any = None,
    timeout: aiohttp.ClientTimeout = LOOK,
) -> Answer:
    """One request over the engine's own connections, for what costs nothing: a look at a job, an upload."""
    async with http.request(
        method,
        url,
        headers=headers,
        json=json,
        data=data,
        timeout=timeout,
        allow_redirects=False,
        proxy=proxy_for(URL(url)),
    ) as answer:
        told, raw = await _body(answer)
        return Answer(answer.status, answer.headers, told, raw)


def explain(error: Exception, account: Account) -> EaselError | None:
    """What a failed transport means for a request that buys; None for what is no failure of the transport."""
    if isinstance(error, _NEVER_LEFT):
        return ProviderDown(f"{account.label} cannot be reached: check the network.", retryable=True)
    if isinstance(error, asyncio.TimeoutError):
        return TimedOut(
            f"{account.label} did not answer in time. The request had been sent, so it was not repeated; run again to "
            f"buy it."
        )
    if isinstance(error, aiohttp.ClientError):
        return TimedOut(
            f"The connection to {account.label} broke off after the request was sent, so nobody knows whether the "
            f"picture was made. It was not sent again. Run again to buy it."
        )
    return None


def refusal(
    answer: Answer,
    account: Account,
    request: Request | None,
    *,
    words: str = "",
    field: str = "",
    request_id: str | None = None,
) -> EaselError:
    """The error that an HTTP status usually means; ``words`` are the provider's own, about the input ``field``."""
    label, status = account.label, answer.status
    asked = f" ({request.summary})" if request else ""
    told: dict[str, Any] = {"words": words, "request_id": request_id}
    if status == 429:
        return RateLimited(f"{label} is being asked too often.", retry_after=answer.retry_after, **told)
    if status == 503:
        return ProviderDown(
            f"{label} is over capacity right now.", retryable=True, retry_after=answer.retry_after, **told
        )
    if status == 402:
        return QuotaExhausted(
            f"The {label} account has no credit left. Add some at {label} and run again: what is done already is kept.",
            **told,
        )
    if status in (401, 403):
        return InvalidKey(
            f"{label} does not accept the key. Set {account.key_variable} or save a new key in Easel's key settings.",
            **told,
        )
    if status == 404:
        model = request.model if request else "This model"
        return ModelRetired(f"{model} is not there any more at {label}.", input_name="model", **told)
    if status == 413:
        return InputRefused(f"The input pictures are larger than {label} takes: scale them down.", **told)
    if status in (400, 422):
        at = f" because of {field}" if field else ""
        return InputRefused(f"{label} refused the request{at}{asked}.", input_name=field, **told)
    return ProviderDown(
        f"{label} failed while it took this request (HTTP {status}{asked}). It was not sent again; run again to retry.",
        **told,
    )


def silent(account: Account) -> ProviderDown:
    """A look at a job that was not answered: the job goes on, whatever the look ran into."""
    return ProviderDown(f"{account.label} does not answer. Run again to go on waiting for this same picture.")


def not_the_api(account: Account) -> ProviderDown:
    """An answer that is no JSON object."""
    return ProviderDown(
        f"{account.label}'s address answered with something that is not its API (a proxy or log-in page, perhaps). "
        f"Check the network and the base URL that is set for it."
    )


def check_address(url: str, address: str, hosts: tuple[str, ...], account: Account, job: str) -> None:
    """Raises :class:`ResultLost` unless the key may go to ``url`` (see :func:`is_own_address`)."""
    if not is_own_address(url, address, hosts):
        raise ResultLost(
            f"{account.label} took the request, and the address to ask for the result is not one of its own "
            f"({url[:_SHOWN]}), so Easel did not send your key there.",
            request_id=job,
        )


def is_own_address(url: str, address: str, hosts: tuple[str, ...]) -> bool:
    """Whether ``url`` is https at one of ``hosts`` (or below one), or where the request went."""
    try:
        parts = urlsplit(url)
        if origin_of(url) == origin_of(address):
            return True
    except ValueError:
        return False
    host = parts.hostname or ""
    is_known = any(host == known or host.endswith(f".{known}") for known in hosts)
    return parts.scheme == "https" and parts.netloc.lower() == host and is_known


def seconds_of(header: str | None) -> float | None:
    """A header's plain number of seconds; None for anything else."""
    return float(header) if header and header.replace(".", "", 1).isdecimal() else None


async def _body(answer: aiohttp.ClientResponse) -> tuple[Any, bytes]:
    """The JSON of an answer, or None and its bytes."""
    data = bytearray()
    async for chunk in answer.content.iter_chunked(1 << 16):
        data += chunk
        if len(data) > _MOST_BYTES:
            return None, b""
    try:
        return jsonlib.loads(data), b""
    except ValueError:
        return None, bytes(data)
