"""Midjourney's provider on a real engine, against each of the stand-in gateways: what the tests of the family share."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np

from easel.nodes.hosted.buying import look_at
from easel.nodes.hosted.engine.engine import Engine, Order
from easel.nodes.hosted.engine.outcome import Outcome
from easel.nodes.hosted.engine.provider import Progress
from easel.nodes.hosted.midjourney.handle import Handle
from easel.nodes.hosted.midjourney.provider import Midjourney
from easel.nodes.hosted.midjourney.requests import Imagine, MidjourneyRequest
from easel.nodes.pictures import Mask, Pixels
from easel.nodes.sandbox import midjourney as stand_ins

KEY = "mj-a-key-that-nobody-may-ever-see"
MOUNTS = {
    "midjourney-proxy-trueai": stand_ins.TRUEAI,
    "midjourney-proxy": stand_ins.NOVICEZK,
    "task-api": stand_ins.BRIEF,
    "piapi": stand_ins.PIAPI,
}
CALLS = {
    "midjourney-proxy-trueai": "/submit/",
    "midjourney-proxy": "/submit/",
    "task-api": "/imagine",
    "piapi": "/task",
}
POLLS = {"midjourney-proxy-trueai": "/fetch", "midjourney-proxy": "/fetch", "task-api": "/tasks/", "piapi": "/task/"}


class Desk:
    """Buys at one gateway, as an operator who has set it would; every look at the progress is kept."""

    def __init__(self, folder: Path, sandbox: Any, gateway: str, **options: str) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        place = {"base_url": sandbox.url + MOUNTS[gateway], "options": {"gateway": gateway, **options}}
        (folder / "settings.json").write_text(json.dumps({"providers": {"midjourney": place}}))
        self.engine = Engine(
            folder,
            {"midjourney": Midjourney()},
            inspect=look_at,
            open_sandbox=lambda: sandbox.url,
            environment={"MIDJOURNEY_API_KEY": KEY},
        )
        self.gateway, self.sandbox = gateway, sandbox
        self.calls, self.polls = CALLS[gateway], POLLS[gateway]
        self.shown: list[Progress] = []

    async def buy(self, request: MidjourneyRequest) -> Outcome:
        return await asyncio.wait_for(self.engine.buy(request, Order(run="test"), self.shown.append), 60)

    async def bill(self) -> list[str]:
        """The source of every line of the ledger."""
        return [line.source for line in await self.engine.charges("live")]

    def counts(self) -> tuple[int, int]:
        """Submissions, and those that were charged."""
        report = self.sandbox.report()
        return report["submissions"], report["charged_submissions"]

    def job_seconds(self, seconds: float) -> None:
        self.sandbox.call("POST", "/sandbox/settings", {"job_seconds": seconds})


@contextlib.contextmanager
def desks(folder: Path, sandbox: Any) -> Iterator[Callable[..., Desk]]:
    """Makes desks at any gateway, whose tasks are done at once; closes them in the end."""
    made: list[Desk] = []

    def make(gateway: str, **options: str) -> Desk:
        made.append(Desk(folder / gateway, sandbox, gateway, **options))
        made[-1].job_seconds(0)
        return made[-1]

    yield make
    for desk in made:
        desk.engine.stop()
    sandbox.call("POST", "/sandbox/settings", {"job_seconds": 1.0, "link_seconds": 3600.0})


def asked(prompt: str = "a red circle on a blue background", version: str = "3", **inputs: Any) -> Imagine:
    """A grid, small because version 3's are; ``images``, ``references`` and ``take`` go where they belong, all else is an input."""
    beside = {name: inputs.pop(name) for name in ("images", "references", "take") if name in inputs}
    (request,), _ = Imagine.of(prompt, version, inputs, **beside)
    return request


def handle_of(outcome: Outcome) -> str:
    """The handle of a bought task, as a node gives it out."""
    return json.dumps(outcome.data["task"])


def handle(**changes: Any) -> str:
    """The handle of a task that nobody made."""
    known = {
        "task": "1",
        "gateway": "piapi",
        "host": "api.piapi.ai",
        "version": "7",
        "shows": "grid",
        "prompt": "a cat",
    }
    return Handle(**{**known, **changes}).text


def plain(width: int = 64, height: int = 64, colour: tuple[int, ...] = (200, 30, 30)) -> Pixels:
    """A picture of one colour."""
    return Pixels(np.full((height, width, len(colour)), colour, np.uint8))


def half(width: int = 64, height: int = 64) -> Mask:
    """A mask that marks the left half."""
    array = np.zeros((height, width), np.uint8)
    array[:, : width // 2] = 255
    return Mask(array)
