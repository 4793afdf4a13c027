"""The sandbox as a web application, and as a thing that runs."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from functools import partial
from pathlib import Path
from typing import Any

from aiohttp import web

from . import bfl, control, fal, ideogram, links, midjourney, openai, removebg, replicate
from .faults import Rule
from .listener import Listener
from .log import Log
from .state import State

Mount = Callable[[web.Application, State], None]

FAMILIES: tuple[Mount, ...] = (
    openai.mount,
    bfl.mount,
    replicate.mount,
    fal.mount,
    midjourney.mount,
    ideogram.mount,
    removebg.mount,
)
"""Every provider that is stood in for: each adds its routes below the real host's name."""

LARGEST_BODY = 1024 * 1024 * 1024


def make_app(state: State) -> web.Application:
    """The application with every provider, the delivery of links, and the control routes."""
    app = web.Application(client_max_size=LARGEST_BODY)
    for mount in (*FAMILIES, links.mount, control.mount):
        mount(app, state)
    return app


def start(
    port: int = 0,
    *,
    host: str = "127.0.0.1",
    latency: float = 0.0,
    link_seconds: float = 3600.0,
    faults: Iterable[Mapping[str, Any]] = (),
    log_file: Path | None = None,
) -> tuple[str, Callable[[], None]]:
    """Run a sandbox on a thread of its own; returns its address and a function that stops it.

    `port` 0 takes a free one, `latency` and `link_seconds` are seconds, `faults` are rules as for
    POST /sandbox/faults. Raises ValueError for a host off loopback or a bad rule, OSError for a port in use.
    """
    rules = [Rule.read(one) for one in faults]
    state = State(latency=latency, link_seconds=link_seconds, log=Log(log_file))
    listener = Listener(make_app(state), host, port)
    state.stop_listening = listener.refuse_connections
    listener.start()
    for rule in rules:
        listener.call(partial(control.put_in_force, state, rule))
    return listener.url, listener.stop
