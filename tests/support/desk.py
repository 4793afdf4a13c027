"""Providers on a real engine, against the stand-ins of a sandbox: what their tests buy with."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import aiohttp

from easel.nodes.hosted.buying import look_at
from easel.nodes.hosted.engine.engine import Engine, Order
from easel.nodes.hosted.engine.inputs import InputPicture
from easel.nodes.hosted.engine.keys import SANDBOX_KEY
from easel.nodes.hosted.engine.outcome import Outcome
from easel.nodes.hosted.engine.provider import Call, Progress, Provider
from easel.nodes.hosted.engine.request import Request
from support.sandbox import SandboxProcess

MOST_SECONDS = 60.0


@dataclass
class Listener:
    """A server that gives every request the same answer, and knows what came."""

    address: str = ""
    connections: int = 0
    requests: list[str] = field(default_factory=list)
    """The first line of each."""


@contextlib.asynccontextmanager
async def listening(status: int = 200, body: object = None, **headers: str) -> AsyncIterator[Listener]:
    """A :class:`Listener` that keeps connections open; with status 0 it hangs up in place of an answer."""
    listener = Listener()
    data = json.dumps(body).encode()
    named = {"Content-Type": "application/json", "Content-Length": str(len(data)), **headers}
    answer = "".join([f"HTTP/1.1 {status} Said\r\n", *(f"{name}: {value}\r\n" for name, value in named.items())])

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        listener.connections += 1
        with contextlib.suppress(asyncio.IncompleteReadError, ConnectionError):
            while True:
                head = (await reader.readuntil(b"\r\n\r\n")).decode()
                listener.requests.append(head.partition("\r\n")[0])
                sent = [line for line in head.lower().split("\r\n") if line.startswith("content-length:")]
                await reader.readexactly(int(sent[0].partition(":")[2]) if sent else 0)
                if not status:
                    break
                writer.write(f"{answer}\r\n".encode() + data)
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    listener.address = "http://127.0.0.1:{1}".format(*server.sockets[0].getsockname())
    try:
        yield listener
    finally:
        server.close()


@contextlib.asynccontextmanager
async def calling(address: str) -> AsyncIterator[Call]:
    """A provider's surroundings without an engine, for requests to ``address``."""

    async def no_link(_picture: InputPicture) -> None:
        return None

    async with aiohttp.ClientSession() as http:
        yield Call(address, SANDBOX_KEY, http, lambda _progress: None, no_link)


class Desk:
    """Buys at the stand-ins, and keeps what was shown on the way."""

    def __init__(self, folder: Path, sandbox: SandboxProcess, *providers: Provider) -> None:
        named = {provider.account.name: provider for provider in providers}
        self.engine = Engine(folder, named, inspect=look_at, open_sandbox=lambda: sandbox.url)
        self.sandbox = sandbox
        self.shown: list[Progress] = []

    async def buy(self, request: Request) -> Outcome:
        return await asyncio.wait_for(self.engine.buy(request, Order(run="test"), self.shown.append), MOST_SECONDS)

    async def bill(self) -> list[tuple[float, str]]:
        """US dollars and source of every line of the ledger."""
        return [(line.usd_micros / 1e6, line.source) for line in await self.engine.charges("sandbox")]

    def counts(self) -> tuple[int, int]:
        """Submissions, and those that were charged."""
        report = self.sandbox.report()
        return report["submissions"], report["charged_submissions"]

    def job_seconds(self, seconds: float) -> None:
        """How long a queued job takes."""
        self.sandbox.call("POST", "/sandbox/settings", {"job_seconds": seconds})


@contextlib.contextmanager
def desk_of(folder: Path, sandbox: SandboxProcess, *providers: Provider) -> Iterator[Desk]:
    """A desk whose jobs are done at once."""
    desk = Desk(folder, sandbox, *providers)
    desk.job_seconds(0)
    try:
        yield desk
    finally:
        desk.engine.stop()
