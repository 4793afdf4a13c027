"""Downloads a finished picture from the link that a provider gave: guarded, bounded, and without any key."""

from __future__ import annotations

import asyncio
import ipaddress
import socket
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeVar

import aiohttp
from aiohttp.abc import ResolveResult
from aiohttp.resolver import ThreadedResolver
from tenacity import AsyncRetrying, retry_if_exception_type, stop_after_attempt
from yarl import URL

from .errors import ResultLost
from .proxies import is_proxy, proxy_for
from .retry import backoff

MAX_BYTES = 160 * 1024 * 1024
_REDIRECTS = 3
_LOOKS = 3
"""How often a link is followed that gives something else than a whole picture."""
_TIMEOUT = aiohttp.ClientTimeout(total=300, connect=20, sock_read=60)
_GONE = (401, 403, 410)

Seen = TypeVar("Seen")


class PassingFailure(Exception):
    """The download broke off in a way that another try may mend."""


class NotThere(PassingFailure):
    """Nothing is behind the link: not yet, or not any more."""


class LeadsInside(OSError):
    """A name that leads to this machine or a private network."""


class PublicResolver(ThreadedResolver):
    """Names that lead to this machine or a private network do not resolve: a link must not reach inside.

    The proxy of the environment may be inside: no link names it (see :func:`check_link`).
    """

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        found = await super().resolve(host, port, family)
        if is_proxy(host):
            return found
        public = [entry for entry in found if ipaddress.ip_address(entry["host"]).is_global]
        if not public:
            raise LeadsInside(host)
        return public


def check_link(url: URL) -> None:
    """Raises :class:`ResultLost` unless ``url`` is https to a host that is not plainly a private address."""
    if url.scheme != "https" or not url.host:
        raise ResultLost("The provider's link to the picture is not https, so Easel did not follow it.")
    if is_proxy(url.host):
        raise _inside()
    try:
        address = ipaddress.ip_address(url.host)
    except ValueError:
        if url.host.replace(".", "").isdigit():
            # "127.1" is an address to a socket, and older aiohttps hand it over without asking the resolver.
            raise _no_address() from None
        return
    if not address.is_global:
        raise _inside()


@dataclass(frozen=True)
class Downloader:
    """Follows links: those on a trusted origin freely, all others only into the public internet."""

    free: aiohttp.ClientSession
    guarded: aiohttp.ClientSession

    @classmethod
    def beside(cls, free: aiohttp.ClientSession) -> Downloader:
        """A downloader that uses ``free`` for trusted origins. Called on the loop that it will be used on."""
        guarded = aiohttp.ClientSession(connector=aiohttp.TCPConnector(resolver=PublicResolver()))
        return cls(free, guarded)

    async def fetch(self, url: str, trusted_origin: str) -> bytes:
        """The bytes behind ``url``; broken connections and server errors are tried again.

        Raises :class:`ResultLost` where the link is refused, too large, or stays broken; ``is_gone`` where it has expired.
        """
        try:
            async for attempt in AsyncRetrying(
                retry=retry_if_exception_type(PassingFailure),
                wait=backoff,
                stop=stop_after_attempt(4),
                reraise=True,
            ):
                with attempt:
                    return await self._fetch_once(_parsed(url), trusted_origin)
        except NotThere as failure:
            raise _gone(404) from failure
        except PassingFailure as failure:
            raise ResultLost(
                f"The picture was made, and its download broke off again and again ({failure}). Run again: Easel kept "
                f"the link and only fetches.",
                resumable=True,
            ) from failure
        raise AssertionError("the retry loop neither returned nor raised")

    async def fetch_picture(
        self, url: str, trusted_origin: str, inspect: Callable[[bytes], Seen]
    ) -> tuple[bytes, Seen]:
        """As :meth:`fetch`, and what ``inspect`` sees in it; an answer that is cut or something else is asked for again.

        Raises the ValueError of ``inspect`` where no whole picture comes.
        """
        async for attempt in AsyncRetrying(
            retry=retry_if_exception_type(ValueError),
            wait=backoff,
            stop=stop_after_attempt(_LOOKS),
            reraise=True,
        ):
            with attempt:
                data = await self.fetch(url, trusted_origin)
                return data, await asyncio.to_thread(inspect, data)
        raise AssertionError("the retry loop neither returned nor raised")

    async def close(self) -> None:
        await self.free.close()
        await self.guarded.close()

    async def _fetch_once(self, url: URL, trusted_origin: str) -> bytes:
        for _ in range(_REDIRECTS + 1):
            trusted = _origin(url) == trusted_origin
            if not trusted:
                check_link(url)
            session = self.free if trusted else self.guarded
            try:
                async with session.get(url, allow_redirects=False, timeout=_TIMEOUT, proxy=proxy_for(url)) as answer:
                    if answer.status in (301, 302, 303, 307, 308):
                        url = url.join(_parsed(answer.headers.get("Location", "")))
                        continue
                    return await _body(answer)
            except aiohttp.InvalidURL as error:
                raise _no_address() from error
            except (aiohttp.ClientError, OSError, asyncio.TimeoutError) as error:
                if isinstance(getattr(error, "os_error", None), LeadsInside):
                    raise _inside() from error
                raise PassingFailure(type(error).__name__) from error
        raise ResultLost("The provider's link to the picture leads from one address to the next without an end.")


def origin_of(address: str) -> str:
    """Scheme, host and port of an address."""
    return _origin(URL(address))


def _origin(url: URL) -> str:
    return f"{url.scheme}://{url.host}:{url.port}"


def _parsed(link: str) -> URL:
    # The very parser that the request goes through: what is checked here is what is followed.
    try:
        return URL(link)
    except ValueError:
        raise _no_address() from None


async def _body(answer: aiohttp.ClientResponse) -> bytes:
    if answer.status in _GONE:
        raise _gone(answer.status)
    if answer.status == 404:
        # A file that was made this very moment may not have reached every server yet.
        raise NotThere("HTTP 404")
    if answer.status != 200:
        raise PassingFailure(f"HTTP {answer.status}")
    if (answer.content_length or 0) > MAX_BYTES:
        raise _too_large()
    chunks: list[Any] = []
    size = 0
    async for chunk in answer.content.iter_chunked(1 << 16):
        size += len(chunk)
        if size > MAX_BYTES:
            raise _too_large()
        chunks.append(chunk)
    return b"".join(chunks)


def _gone(status: int) -> ResultLost:
    return ResultLost(f"The provider's link to the picture no longer works (HTTP {status}).", is_gone=True)


def _no_address() -> ResultLost:
    return ResultLost("The provider's link to the picture is no address, so Easel could not follow it.")


def _inside() -> ResultLost:
    return ResultLost("The provider's link to the picture leads into a private network, so Easel did not follow it.")


def _too_large() -> ResultLost:
    return ResultLost(
        f"The picture behind the provider's link is larger than {MAX_BYTES >> 20} MB, so Easel stopped fetching it."
    )
