"""One API call, from its first byte to its line in the log: the same for every provider."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any, Protocol

from aiohttp import web

from . import spoil
from .faults import BEFORE_BODY, CALL, Rule
from .log import Entry
from .state import State

ANSWERED_BY_DIALECT = frozenset(
    {
        "rate_limit",
        "insufficient_quota",
        "server_error",
        "unavailable",
        "bad_key",
        "not_verified",
        "model_not_found",
    }
)


class ApiError(Exception):
    """An error answer in the provider's own shape."""

    def __init__(self, status: int, body: Any, headers: dict[str, str] | None = None) -> None:
        super().__init__(f"{status}: {body}")
        self.status = status
        self.body = body
        self.headers = headers or {}


@dataclass
class Call:
    """One call being served."""

    request: web.Request
    state: State
    entry: Entry
    key: str | None
    body: bytes = b""
    fault: Rule = field(default_factory=lambda: Rule(""))
    """The fault that strikes this call; its kind is empty when none does."""
    notes: dict[str, Any] = field(default_factory=dict)
    """What the dialect wants to remember between its steps, such as the parsed body."""

    def charge(self, usd: float) -> None:
        """The job is taken on and costs this much."""
        self.state.log.charge(self.entry, usd)

    def link(self, path: str) -> str:
        """A path of this sandbox as the absolute address the client reached it by."""
        return str(self.request.url.origin().with_path(path))


Handler = Callable[[Call], Awaitable[web.StreamResponse]]


class Dialect(Protocol):
    """What a provider's wire does in its own way, for every one of its calls."""

    provider: str

    def key(self, request: web.Request) -> str | None:
        """The key a request carries."""

    def note(self, call: Call) -> None:
        """Fill the log entry's prompt, model, n and size from the body, as far as it can be read."""

    def error(self, rule: Rule, call: Call) -> ApiError:
        """The answer of a fault listed in ANSWERED_BY_DIALECT."""

    def too_large(self) -> ApiError:
        """The answer to a body above the server's bound."""

    def headers(self, call: Call) -> dict[str, str]:
        """Headers of every answer."""


def serve(
    state: State, dialect: Dialect, operation: str, handler: Handler, *, creates: bool
) -> Callable[[web.Request], Awaitable[web.StreamResponse]]:
    """Wrap a provider's handler: logging, latency, the faults that are the same for all, error answers."""

    async def respond(request: web.Request) -> web.StreamResponse:
        key = dialect.key(request)
        entry = state.log.open(request.method, request.path, dialect.provider, operation, creates=creates, key=key)
        entry.request_id = f"req_{secrets.token_hex(16)}"
        call = Call(request, state, entry, key)
        try:
            response = await _answer(call, dialect, handler)
            if not response.prepared:
                response.headers.update(dialect.headers(call))
            if isinstance(response, web.Response) and isinstance(response.body, bytes):
                entry.bytes_out = len(response.body)
            entry.status = 0 if response.status == spoil.CUT else response.status
            return response
        finally:
            state.log.close(entry)

    return respond


async def _answer(call: Call, dialect: Dialect, handler: Handler) -> web.StreamResponse:
    request, state = call.request, call.state
    if _strike(call, state.faults.take(BEFORE_BODY, method=request.method, path=request.path)):
        return spoil.cut(request)
    try:
        call.body = await request.read()
    except web.HTTPRequestEntityTooLarge:
        return _refusal(dialect.too_large())
    call.entry.bytes_in = len(call.body)
    dialect.note(call)
    state.log.received(call.entry)
    prompt = call.entry.prompt
    struck = state.faults.take(CALL, method=request.method, path=request.path, prompt=prompt)
    _strike(call, struck)
    # The drawing is part of the time that a call takes, as it is at a real provider.
    pause = asyncio.ensure_future(
        asyncio.sleep(state.latency + sum(rule.seconds for rule in struck if rule.kind == "slow"))
    )
    try:
        response = await _made(call, dialect, handler)
    except ApiError as error:
        response = _refusal(error)
    await pause
    return spoil.cut(request) if call.fault.kind == "cut_after_body" else response


async def _made(call: Call, dialect: Dialect, handler: Handler) -> web.StreamResponse:
    if call.fault.kind == "html":
        return spoil.html_page()
    if call.fault.kind in ANSWERED_BY_DIALECT:
        raise dialect.error(call.fault, call)
    return await handler(call)


def _strike(call: Call, struck: list[Rule]) -> bool:
    call.entry.faults += [rule.kind for rule in struck]
    call.fault = next((rule for rule in struck if rule.kind != "slow"), call.fault)
    return bool(struck)


def _refusal(error: ApiError) -> web.Response:
    return web.json_response(error.body, status=error.status, headers=error.headers)
