"""HTTP as every gateway speaks it: JSON both ways, a key in a header of its own, and what its status codes mean."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any
from urllib.parse import quote

import aiohttp

from ...engine import wire
from ...engine.errors import EaselError, InputRefused, ProviderDown
from ...engine.provider import Call
from ...engine.request import Request
from ...engine.wire import Answer
from ..account import ACCOUNT
from .choice import Gateway
from .outcomes import content_refused

AUTH_OPTION = "auth"
_BEARER = "Authorization"
_HEADERS = {"tasks": _BEARER, "proxy": "mj-api-secret", "proxy-actions": "mj-api-secret", "piapi": "x-api-key"}
_WORDS = ("error", "raw_message", "message", "detail", "description", "msg")
_NO_CALL = (404, 405)
_REFUSED = (400, 422)
_LABEL = ACCOUNT.label


async def post(call: Call, gateway: Gateway, path: str, body: Mapping[str, Any]) -> Answer:
    """Begin something. Sent once: what comes of a broken connection is for the caller to tell."""
    return await wire.submit(f"{call.address}/{path}", headers=_key(call, gateway), json=body)


async def get(call: Call, gateway: Gateway, path: str) -> Answer:
    """Ask for something. Raises :class:`ProviderDown` where nobody answers; asking costs nothing."""
    try:
        return await wire.ask(call.http, "GET", f"{call.address}/{path}", headers=_key(call, gateway))
    except (aiohttp.ClientError, asyncio.TimeoutError) as error:
        raise wire.silent(ACCOUNT) from error


def segment(task: str) -> str:
    """A task's id as one step of a path, whatever stands in it: a handle comes out of a workflow.

    Raises :class:`InputRefused` for a step that would lead elsewhere.
    """
    if task in (".", ".."):
        raise InputRefused(
            "This is no task of Midjourney's: connect the task of another Midjourney node.", input_name="task"
        )
    return quote(task, safe="")


def not_the_api(answer: Answer) -> ProviderDown:
    """An answer that is none of the gateway's; what it says may still help."""
    error = wire.not_the_api(ACCOUNT)
    error.words = words_of(answer.body)
    return error


def refusal(answer: Answer, request: Request | None = None) -> EaselError:
    """The error that an HTTP status other than success means."""
    words = words_of(answer.body)
    if answer.status in _REFUSED and (refused := content_refused(words, None)):
        return refused
    if answer.status in _NO_CALL:
        return InputRefused(
            f"The {_LABEL} has no such call: check its address ({ACCOUNT.address_variable}) and how it speaks.",
            words=words,
        )
    if answer.status == 503:
        # No gateway promises that it took nothing.
        return ProviderDown(f"The {_LABEL} has no capacity right now. Nothing was sent again.", words=words)
    if 300 <= answer.status < 400:
        return not_the_api(answer)
    return wire.refusal(answer, ACCOUNT, request, words=words)


def unclear(answer: Answer) -> EaselError:
    """A look at a task that told nothing: worth another look, unless the key or the credit is the matter."""
    if answer.status in (401, 402, 403, 429):
        return refusal(answer)
    if answer.status >= 400:
        return ProviderDown(f"The {_LABEL} does not answer just now.", words=words_of(answer.body))
    return not_the_api(answer)


def is_good(answer: Answer) -> bool:
    """Whether it may be believed about a task: an error of the gateway may have a status of its own."""
    return 200 <= answer.status < 300


def is_unknown(answer: Answer) -> bool:
    """Whether the gateway, and no proxy's page before it, says that there is no such task."""
    return answer.status == 404 and (answer.is_json or is_empty(answer))


def is_empty(answer: Answer) -> bool:
    """Whether it had no body at all, or ``null``."""
    return answer.body is None and not answer.data.strip()


def at(answer: Answer, name: str) -> Any:
    """A field of the answer; None where it is no object."""
    return answer.body.get(name) if isinstance(answer.body, Mapping) else None


def words_of(body: Any) -> str:
    """The gateway's own words in an error answer: no two gateways agree on where they stand."""
    if isinstance(body, str):
        return body.strip()
    if isinstance(body, list):
        return "; ".join(filter(None, map(words_of, body)))
    if not isinstance(body, Mapping):
        return ""
    found = (words_of(body.get(name)) for name in _WORDS)
    return next((words for words in found if words and words != "success"), "")


def _key(call: Call, gateway: Gateway) -> dict[str, str]:
    # Resellers of midjourney-proxy want its secret as a bearer token.
    name = _BEARER if call.options.get(AUTH_OPTION, "").lower() == "bearer" else _HEADERS[gateway.speaks]
    if not (key := call.key.reveal()):
        # A gateway of one's own may have no secret.
        return {}
    return {name: f"Bearer {key}" if name == _BEARER else key}
