"""The proxies that the environment names.

aiohttp would find them by itself, and read ~/.netrc with that: a password which is meant for another place would travel
with our requests, or stand in the way of the provider's key.
"""

from __future__ import annotations

from urllib.request import getproxies, proxy_bypass

from yarl import URL


def proxy_for(url: URL) -> URL | None:
    """The proxy through which ``url`` is reached; None where it is reached directly."""
    named = _proxies()
    return None if proxy_bypass(url.host or "") else named.get(url.scheme, named.get("all"))


def is_proxy(host: str | None) -> bool:
    """Whether a proxy is at ``host``."""
    return host in {proxy.host for proxy in _proxies().values()}


def unspoken() -> list[str]:
    """What a proxy is named for that is passed by, as it is of another kind (SOCKS): http, https or all."""
    return sorted({"http", "https", "all"} & getproxies().keys() - _proxies().keys())


def _proxies() -> dict[str, URL]:
    """By the scheme of what is reached; others than plain http are not spoken by aiohttp."""
    named = {scheme: address for scheme, address in getproxies().items() if address.startswith("http://")}
    return {scheme: URL(address) for scheme, address in named.items()}
