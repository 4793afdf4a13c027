"""One call of a provider's code: whatever it ends in reaches the engine as an error of ours."""

from __future__ import annotations

import asyncio
import concurrent.futures
import traceback
from collections.abc import Awaitable, Callable
from typing import TypeVar

import aiohttp

from .account import Account
from .errors import EaselError, ProviderDown, TimedOut
from .inputs import InputPicture
from .keys import Key
from .provider import Call, Provider
from .request import Request

T = TypeVar("T")

_MADE_UP = (asyncio.CancelledError, concurrent.futures.CancelledError, SystemExit, KeyboardInterrupt)


async def guarded(
    work: Awaitable[T], provider: Provider, request: Request | None, is_stopping: Callable[[], bool]
) -> T:
    """The provider's own errors as ours; a CancelledError that a library made up never passes for a real one."""
    try:
        return await work
    except EaselError:
        raise
    except _MADE_UP as error:
        # Only the engine's own end may cancel; otherwise one of these would end the engine's or the host's thread.
        if is_stopping():
            raise
        raise TimedOut(f"The connection to {provider.account.label} was given up from within.") from error
    except Exception as error:
        explained = provider.explain(error, request)
        if explained is None:
            raise
        raise explained from error


def question(address: str, key: Key, http: aiohttp.ClientSession, options: dict[str, str]) -> Call:
    """A call that asks for what costs nothing: no node shows its progress, and no picture goes with it."""
    return Call(address, key, http, lambda _progress: None, _no_link, options)


async def _no_link(_picture: InputPicture) -> None:
    return None


def unanswered(account: Account, error: EaselError) -> ProviderDown:
    """What ``error`` means for a question that costs nothing."""
    return ProviderDown(
        f"{account.label} does not answer just now: check the network, or try again in a moment.",
        retryable=True,
        words=error.words,
        request_id=error.request_id,
    )


def tells(error: BaseException, redact: Callable[[str], str]) -> bool:
    """Whether a log that prints ``error`` with all that led to it would hold a key, as ``redact`` finds it."""
    printed = "".join(traceback.format_exception(type(error), error, error.__traceback__))
    return redact(printed) != printed
