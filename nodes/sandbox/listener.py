"""A sandbox on its own thread and event loop, whose listening socket can be closed for a while."""

from __future__ import annotations

import asyncio
import os
import socket
import threading
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

from aiohttp import web

LOOPBACK = frozenset({"127.0.0.1", "localhost"})
STOP_SECONDS = 10.0
BACKLOG = 256

T = TypeVar("T")


class Listener:
    """Serves one application on a loopback port until stopped."""

    def __init__(self, app: web.Application, host: str, port: int) -> None:
        """Bind the port at once. Raises ValueError for a host off loopback, OSError for a port in use."""
        if host not in LOOPBACK:
            raise ValueError(f"the sandbox listens on loopback only, not on {host!r}")
        # Access lines would fill the host's console; the log is what tells of requests.
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=1.0)
        self._socket = _bound(port)
        self._port: int = self._socket.getsockname()[1]
        self._server: asyncio.Server | None = None
        self._reopening: asyncio.Task[None] | None = None
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._run, name="easel-sandbox", daemon=True)

    @property
    def url(self) -> str:
        """The address it answers at, without a slash at its end."""
        return f"http://127.0.0.1:{self._port}"

    def start(self) -> None:
        """Answer requests from now on; returns once it does."""
        self._thread.start()
        self._await(self._open)

    def stop(self) -> None:
        """Close every connection and end the thread. May be called twice, from any other thread."""
        if not self._thread.is_alive():
            return
        self._await(self._close)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(STOP_SECONDS)

    def call(self, function: Callable[[], None]) -> None:
        """Run a function on the sandbox's loop and wait for it."""

        async def step() -> None:
            function()

        self._await(step)

    def refuse_connections(self, seconds: float) -> None:
        """Refuse new connections and end idle ones, for so long. Call it on the sandbox's own loop."""
        if self._server is None:
            return
        self._server.close()
        self._server = None
        # Bound without listening: connections are refused and nobody else can take the port meanwhile.
        self._socket = _bound(self._port)
        if self._runner.server is not None:
            for connection in self._runner.server.connections:
                connection.close()
        self._reopening = self._loop.create_task(self._reopen_after(seconds))

    async def _reopen_after(self, seconds: float) -> None:
        await asyncio.sleep(seconds)
        await self._listen()

    async def _open(self) -> None:
        await self._runner.setup()
        await self._listen()

    async def _listen(self) -> None:
        if self._runner.server is None:
            raise RuntimeError("the sandbox was stopped")
        self._server = await self._loop.create_server(self._runner.server, sock=self._socket, backlog=BACKLOG)

    async def _close(self) -> None:
        if self._reopening is not None:
            self._reopening.cancel()
        if self._server is not None:
            self._server.close()
        self._socket.close()
        await self._runner.cleanup()
        others = [task for task in asyncio.all_tasks() if task is not asyncio.current_task()]
        for task in others:
            task.cancel()
        await asyncio.gather(*others, return_exceptions=True)

    def _run(self) -> None:
        asyncio.set_event_loop(self._loop)
        try:
            self._loop.run_forever()
        finally:
            self._loop.close()

    def _await(self, step: Callable[[], Coroutine[Any, Any, T]]) -> T:
        return asyncio.run_coroutine_threadsafe(step(), self._loop).result(STOP_SECONDS)


def _bound(port: int) -> socket.socket:
    bound = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    try:
        if os.name == "posix":
            # Elsewhere this option would let two programs share the port.
            bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        bound.bind(("127.0.0.1", port))
    except OSError:
        bound.close()
        raise
    return bound
