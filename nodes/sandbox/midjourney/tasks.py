"""The tasks of one gateway: begun, drawn on the side, told until their time has come, and kept for what follows."""

from __future__ import annotations

import asyncio
import io
import random
import re
import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Literal

from PIL import Image

from .. import painter, sight, spoil
from ..calls import Call
from ..faults import Rule
from ..links import Stored
from ..state import State
from . import drawing
from .drawing import Brush
from .prompts import Wish

KEPT_BYTES = 256 * 1024 * 1024
LINK_SECONDS = 24 * 3600.0
CALL_USD = 0.04

FORBIDDEN = re.compile(r"\bforbidden\b", re.IGNORECASE)
"""The input filter always refuses a prompt with this word, so that a refusal can be tried out."""
BANNED = "Banned prompt detected"
MODERATED = "Your image was blocked after a last check by our AI moderator."
BROKEN = "Failed to process your command"

Shows = Literal["grid", "picture", "words"]
Draw = Callable[[Brush], Image.Image]


@dataclass
class Task:
    """One accepted submission on its way, or done."""

    id: str
    action: str
    shows: Shows
    prompt: str
    wish: Wish
    state: State
    fault: Rule
    failure: str = ""
    """Why it ends without a picture; empty where it will not."""
    waits: bool = False
    """Whether it waits for its window to be confirmed before it begins."""
    began: float = field(default_factory=time.time)
    work: asyncio.Task[bytes] | None = None
    wants_mask: bool = False
    """Whether its window has to be given a mask."""
    text: str = ""
    urls: list[str] = field(default_factory=list)

    @property
    def progress(self) -> float:
        """0-1; a change of the setting is felt by tasks under way."""
        if self.waits:
            return 0.0
        seconds = self.state.job_seconds
        return 1.0 if seconds <= 0 else min(1.0, (time.time() - self.began) / seconds)

    @property
    def is_done(self) -> bool:
        return self.progress >= 1.0 and (self.work is None or self.work.done())

    @property
    def data(self) -> bytes:
        """The picture's file, once it is done."""
        return self.work.result() if self.work is not None and self.work.done() else b""

    def picture(self) -> Image.Image:
        """The finished picture."""
        return Image.open(io.BytesIO(self.data)).convert("RGB")

    def link(self, call: Call) -> str | None:
        """Where the picture can be fetched; None for a fault's sake."""
        return next(iter(self.links(call, lambda whole: [whole])), None)

    def links(self, call: Call, parts: Callable[[bytes], list[bytes]]) -> list[str]:
        """Where its parts can be fetched, the same each time it is asked; none for a fault's sake."""
        if self.fault.kind == "no_data":
            return []
        if not self.urls:
            endless = self.fault.megabytes if self.fault.kind == "too_many_bytes" else 0
            expires = time.time() + min(LINK_SECONDS, self.state.link_seconds)
            for part in parts(self.data):
                stored = Stored(part, "image/png", expires, endless)
                self.urls.append(call.link(self.state.links.put(stored, "png")))
        return self.urls


class Tasks:
    """The tasks of one gateway by id; the oldest are forgotten when their pictures outgrow the bound.

    ``one_by_one`` gives the pictures of a grid singly, so that some of them can be held back.
    """

    def __init__(self, *, one_by_one: bool = False) -> None:
        self._one_by_one = one_by_one
        self._tasks: OrderedDict[str, Task] = OrderedDict()

    def get(self, name: str) -> Task | None:
        """The task of that id."""
        return self._tasks.get(name)

    def find(self, action: str, of: str) -> Task | None:
        """The task that an earlier call began with exactly this change of that task."""
        return self._tasks.get(f"{of}/{action}")

    def remember(self, task: Task, action: str, of: str) -> None:
        """Let :meth:`find` find it."""
        self._tasks[f"{of}/{action}"] = task

    def begin(
        self, call: Call, name: str, action: str, shows: Shows, prompt: str, wish: Wish, draw: Draw | None = None
    ) -> Task:
        """Take a submission on, and charge it unless a filter will refuse it. Without ``draw`` it waits for a window."""
        fault = call.fault
        task = Task(name, action, shows, prompt, wish, call.state, fault, _failure(fault, wish, self._one_by_one))
        call.entry.accepted = True
        call.entry.request_id = name
        self._tasks[name] = task
        if draw is None and shows != "words":
            task.waits = True
        else:
            self.start(call, task, draw)
        self._forget_oldest()
        return task

    def start(self, call: Call, task: Task, draw: Draw | None) -> None:
        """Begin the work of a task, from now on."""
        task.waits, task.began = False, time.time()
        if task.failure and task.failure != BROKEN:
            return
        call.charge(CALL_USD)
        if draw is not None and not task.failure:
            task.work = asyncio.create_task(_drawn(task, draw))

    def _forget_oldest(self) -> None:
        while sum(len(task.data) for task in self._tasks.values()) > KEPT_BYTES and len(self._tasks) > 1:
            self._tasks.popitem(last=False)


def new_number() -> str:
    """An id as midjourney-proxy makes them: the time in milliseconds and three digits."""
    return f"{time.time_ns() // 1_000_000}{random.randrange(1000):03}"


def descriptions(picture: Image.Image) -> str:
    """A picture in the words of four prompts."""
    seen = sight.describe(sight.look(picture)).split(". ")[0].rstrip(".")
    ways = ("", ", flat poster", ", soft light", ", seen from above")
    return "\n\n".join(f"{number}\ufe0f\u20e3 {seen}{way}" for number, way in enumerate(ways, start=1))


def follow(task: Task, what: str, which: str) -> Draw:
    """How a finished task is carried on: ``pick``, ``larger``, ``vary``, ``reroll``, ``zoom`` or ``pan``."""
    picture = task.picture()
    if task.shows == "grid" and what in ("pick", "vary"):
        picture = drawing.cell_of(picture, int(which))
    draws: dict[str, Draw] = {
        "pick": lambda _brush: picture,
        "larger": lambda brush: drawing.larger(brush, picture, int(which)),
        "vary": lambda brush: drawing.vary(brush, picture),
        "reroll": lambda brush: drawing.imagine(brush, []),
        "zoom": lambda brush: drawing.zoom(brush, picture, float(which)),
        "pan": lambda brush: drawing.pan(brush, picture, which),
    }
    return draws[what]


def follow_in_region(task: Task, mask: Image.Image) -> Draw:
    """How one finished picture is repainted where a mask is white."""
    picture = task.picture()
    return lambda brush: drawing.region(brush, picture, mask)


def _failure(fault: Rule, wish: Wish, one_by_one: bool) -> str:
    if FORBIDDEN.search(wish.words) or fault.kind == "refuse_input":
        return BANNED
    if fault.kind == "refuse_output" or (fault.kind == "refuse_some" and not one_by_one):
        return MODERATED
    if fault.kind == "bill_without_picture":
        return BROKEN
    return wish.problem


async def _drawn(task: Task, draw: Draw) -> bytes:
    """The encoded picture, off the event loop, with the fault its bytes should have."""
    if task.fault.kind == "too_many_pixels":
        return spoil.bomb()
    brush = Brush(task.wish, task.state.next_serial)
    data = await asyncio.to_thread(lambda: painter.encode(draw(brush)))
    return spoil.halved(data) if task.fault.kind == "half_picture" else data
