"""Asking a marketplace what it publishes: for nothing, so whatever a question runs into has cost nothing either."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping

import aiohttp

from ..engine import wire
from ..engine.account import Account
from ..engine.errors import ProviderDown
from ..engine.provider import Call


async def looked_up(call: Call, url: str, account: Account, headers: Mapping[str, str]) -> wire.Answer:
    """The answer to a GET. Raises :class:`ProviderDown` where there is none."""
    try:
        return await wire.ask(call.http, "GET", url, headers=headers)
    except (aiohttp.ClientError, asyncio.TimeoutError) as error:
        raise ProviderDown(
            f"{account.label} could not be asked what the model takes: check the network and run again.", retryable=True
        ) from error


def untold(account: Account, name: str) -> ProviderDown:
    """The marketplace has trouble of its own."""
    return ProviderDown(
        f"{account.label} does not say what {name} takes just now. Try again in a moment.", retryable=True
    )
