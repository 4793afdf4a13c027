"""Ideogram's provider on a real engine, against the stand-in: what the tests of the family share."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from easel.nodes.hosted.buying import look_at
from easel.nodes.hosted.engine.engine import Engine, Order
from easel.nodes.hosted.engine.outcome import Outcome
from easel.nodes.hosted.engine.provider import Progress
from easel.nodes.hosted.ideogram.models import Offer
from easel.nodes.hosted.ideogram.provider import Ideogram
from easel.nodes.hosted.ideogram.requests import IdeogramEdit, IdeogramGenerate, IdeogramRequest
from easel.nodes.pictures import Mask, Pixels

QUEUED, AT_ONCE, LEGACY = "ideogram-4-5", "ideogram-v3", "V_2_TURBO"
PRICE = {QUEUED: 0.03, AT_ONCE: 0.06, LEGACY: 0.05}
SOURCE = {QUEUED: "reported", AT_ONCE: "estimated", LEGACY: "estimated"}
PATH = {QUEUED: "v2/image/precise-edit", AT_ONCE: "v1/ideogram-v3", LEGACY: "api.ideogram.ai/edit"}
SIDE = 64
"""Pixels of the picture that is edited where the picture itself does not matter."""
SMALL = {"width": 1024, "height": 1024}


class Desk:
    """Buys at the stand-in, and keeps what was shown on the way."""

    def __init__(self, folder: Path, sandbox: Any) -> None:
        self.engine = Engine(folder, {"ideogram": Ideogram()}, inspect=look_at, open_sandbox=lambda: sandbox.url)
        self.sandbox = sandbox
        self.shown: list[Progress] = []

    async def buy(self, request: IdeogramRequest) -> Outcome:
        work = self.engine.buy(request, Order(run="test"), self.shown.append)
        return await asyncio.wait_for(work, 60)

    async def bill(self) -> list[tuple[float, str]]:
        """US dollars and source of every line of the ledger."""
        return [(line.usd_micros / 1e6, line.source) for line in await self.engine.charges("sandbox")]

    def counts(self) -> tuple[int, int]:
        """Submissions, and those that were charged."""
        report = self.sandbox.report()
        return report["submissions"], report["charged_submissions"]

    def job_seconds(self, seconds: float) -> None:
        self.sandbox.call("POST", "/sandbox/settings", {"job_seconds": seconds})


@contextlib.contextmanager
def desk_at(folder: Path, sandbox: Any, monkeypatch: pytest.MonkeyPatch) -> Iterator[Desk]:
    """A desk whose stand-in draws at once; its timing is put back afterwards."""
    monkeypatch.setenv("EASEL_SANDBOX", "1")
    # What is drawn at once need not be waited for.
    monkeypatch.setattr("easel.nodes.hosted.ideogram.answers.POLL_EVERY", 0.02)
    desk = Desk(folder, sandbox)
    desk.job_seconds(0)
    try:
        yield desk
    finally:
        desk.engine.stop()
        sandbox.call("POST", "/sandbox/settings", {"job_seconds": 1.0, "link_seconds": 3600.0})


def plain(width: int = 512, height: int = 512, colour: tuple[int, ...] = (200, 30, 30)) -> Pixels:
    """A picture of one colour."""
    return Pixels(np.full((height, width, len(colour)), colour, np.uint8))


def right_half(width: int = 512, height: int = 512, marked: int = 255) -> Mask:
    """A mask that lets the right half be changed."""
    array = np.zeros((height, width), np.uint8)
    array[:, width // 2 :] = marked
    return Mask(array)


def drawn(
    prompt: str = "a red circle on a blue background", model: str = "ideogram-3", **changes: Any
) -> IdeogramGenerate:
    return IdeogramGenerate.build(**{"model": model, "prompt": prompt, "aspect_ratio": "1:1", **changes})


def asked(prompt: str = "a red circle on a blue background", model: str = QUEUED, **changes: Any) -> IdeogramEdit:
    """A small edit: what is asked of each API where the picture itself does not matter."""
    mask = {} if model == QUEUED else {"mask": right_half(SIDE, SIDE)}
    effort = {"quality": "low"} if model == QUEUED else {}
    return IdeogramEdit.build(model=model, prompt=prompt, image=plain(SIDE, SIDE), **{**mask, **effort, **changes})


def takes_its_mask(request: IdeogramRequest, offer: Offer) -> bool:
    """Whether the offer can be asked for the same part of the picture: a mask is never dropped, and none made up."""
    masked = getattr(request, "mask", None) is not None
    return bool(offer.mask) if masked else offer.mask != "must"
