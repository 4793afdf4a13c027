"""Providers on a real engine, against the stand-ins of a sandbox: what their tests buy with."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Iterator
from pathlib import Path

from easel.nodes.hosted.buying import look_at
from easel.nodes.hosted.engine.engine import Engine, Order
from easel.nodes.hosted.engine.outcome import Outcome
from easel.nodes.hosted.engine.provider import Progress, Provider
from easel.nodes.hosted.engine.request import Request
from support.sandbox import SandboxProcess

MOST_SECONDS = 60.0


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
