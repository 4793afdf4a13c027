"""OpenAI's provider on a real engine, against the stand-ins: what the tests of the family share."""

from __future__ import annotations

import contextlib
from pathlib import Path
from typing import Any

import numpy as np

from easel.nodes.hosted.buying import look_at
from easel.nodes.hosted.engine.engine import Engine, Order
from easel.nodes.hosted.engine.outcome import Outcome
from easel.nodes.hosted.engine.provider import Progress
from easel.nodes.hosted.engine.request import Request
from easel.nodes.hosted.openai.provider import OpenAI
from easel.nodes.pictures import Mask, Pixels

COMPATIBLE = "/compatible.example/v1"
AZURE = "/resource.openai.azure.com/openai"


class Desk:
    """Buys at the stand-ins; every look at the progress is kept."""

    def __init__(self, folder: Path, sandbox_url: str) -> None:
        self.engine = Engine(folder, {"openai": OpenAI()}, inspect=look_at, open_sandbox=lambda: sandbox_url)
        self.looks: list[Progress] = []

    async def buy(self, request: Request, order: Order | None = None) -> Outcome:
        return await self.engine.buy(request, order or Order(run="test"), self.looks.append)

    async def bill(self) -> list[tuple[float, str]]:
        """US dollars and source of every line of the sandbox's ledger."""
        return [(line.usd_micros / 1e6, line.source) for line in await self.engine.charges("sandbox")]


@contextlib.contextmanager
def desk_at(folder: Path, sandbox_url: str) -> Any:
    desk = Desk(folder, sandbox_url)
    try:
        yield desk
    finally:
        desk.engine.stop()


def plain(width: int = 64, height: int = 64, colour: tuple[int, ...] = (200, 30, 30)) -> Pixels:
    """A picture of one colour."""
    return Pixels(np.full((height, width, len(colour)), colour, np.uint8))


def right_half(width: int = 64, height: int = 64) -> Mask:
    """A mask that lets the right half be changed."""
    marked = np.zeros((height, width), np.uint8)
    marked[:, width // 2 :] = 255
    return Mask(marked)
