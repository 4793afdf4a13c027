"""One run of a model, from `starting` to its end."""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from .. import spoil
from ..calls import Call
from ..faults import Rule
from ..links import Stored
from . import checks, models
from .drawing import Made, Work
from .files import new_id, stamp
from .wire import BASE

STARTING = 0.2
"""Share of its time that a run is starting, and can be cancelled for nothing."""
LONGEST_START = 2.0
TICK = 0.05
ENDED = ("succeeded", "failed", "canceled")
BAR = 10
_EXTENSIONS = {"jpeg": "jpg"}


@dataclass(frozen=True)
class Fate:
    """How a run will end."""

    work: Work | None = None
    """None where the inputs could not be understood."""
    failure: str | None = None
    delivered: int = 0
    """Results that come out."""
    usd: float = 0.0
    """Nothing for a run that will fail."""
    fault: Rule = field(default_factory=lambda: Rule(""))
    longer: float = 0.0
    """Seconds that it takes beyond the usual."""


class Run:
    """A prediction under way or ended. Times are seconds since the epoch."""

    def __init__(self, call: Call, model: str, version: str, given: Mapping[str, Any], fate: Fate) -> None:
        self.id = new_id()
        self.model = model
        self.version = version
        self.status = "starting"
        self.created = time.time()
        self.started: float | None = None
        self.ended: float | None = None
        self._state = call.state
        self._entry = call.entry
        self._origin = str(call.request.url.origin())
        self._given = given
        self._fate = fate
        self._output: Any = None
        self._removed_at = 0.0
        self._seed = self._seed_of(given)
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Begin; the run goes on by itself."""
        self._task = asyncio.create_task(self._run())

    async def wait(self, seconds: float) -> None:
        """Wait until it ends, but no longer."""
        if self._task is not None:
            await asyncio.wait({self._task}, timeout=seconds)

    def cancel(self) -> None:
        """End it now, unless it has ended."""
        if self.status not in ENDED and self._task is not None:
            self._task.cancel()
            self._end("canceled")

    def told(self) -> dict[str, Any]:
        """The prediction as every call answers it. Raises what went wrong in the sandbox itself."""
        if self._task is not None and self._task.done() and not self._task.cancelled():
            self._task.result()
        removed = self.ended is not None and time.time() > self._removed_at
        get = f"{self._origin}{BASE}/predictions/{self.id}"
        told: dict[str, Any] = {
            "id": self.id,
            "model": self.model,
            "version": self.version,
            "input": {} if removed else dict(self._given),
            "logs": "" if removed else self._logs(),
            "output": None if removed else self._output,
            "data_removed": removed,
            "error": self._fate.failure if self.status == "failed" else None,
            "status": self.status,
            "source": "api",
            "created_at": stamp(self.created),
            "urls": {"web": f"https://replicate.com/p/{self.id}", "get": get, "cancel": f"{get}/cancel"},
        }
        if self.started is not None:
            told["started_at"] = stamp(self.started)
        if self.ended is not None:
            told |= {"completed_at": stamp(self.ended), "metrics": self._metrics(self.ended)}
        return told

    async def _run(self) -> None:
        await self._reach(STARTING, LONGEST_START)
        self.status = "processing"
        self.started = time.time()
        fate = self._fate
        self._state.log.charge(self._entry, fate.usd)
        made = await asyncio.to_thread(self._make, fate.work) if fate.work and fate.failure is None else None
        await self._reach(1.0)
        self._end("succeeded" if fate.failure is None else "failed")
        if made is not None:
            self._output = made(self._link)

    async def _reach(self, share: float, most: float = float("inf")) -> None:
        """Wait for so much of its time to be over; a change of the setting is felt by runs under way."""
        while True:
            whole = self._state.job_seconds + self._fate.longer
            left = self.created + min(share * whole, most) - time.time()
            if left <= 0:
                return
            await asyncio.sleep(min(left, TICK))

    def _end(self, status: str) -> None:
        self.status = status
        self.ended = time.time()
        self._removed_at = self.ended + self._state.link_seconds
        if self._fate.work is not None:
            # What was sent is large, and a run is remembered for long.
            self._fate = replace(self._fate, work=replace(self._fate.work, pictures=(), mask=None))

    def _make(self, work: Work) -> Callable[[Callable[[bytes], str]], Any]:
        """Draw and encode; returns what puts the files behind links and answers the output."""
        schema = models.output(self.model)
        if self._fate.fault.kind == "bill_without_picture":
            return lambda _: [] if schema["type"] == "array" else None
        results = [work.make(self._state.next_serial()) for _ in range(self._fate.delivered)]
        files = [self._encoded(work, made) for made in results]
        is_list_of_files = schema["type"] == "array" and not isinstance(files[0], list)
        return lambda link: _linked(files if is_list_of_files else files[0], link)

    def _encoded(self, work: Work, made: Made) -> Any:
        if isinstance(made, dict):
            return {name: self._encoded(work, one) for name, one in made.items()}
        if isinstance(made, (str, list)):
            return made
        kind = self._fate.fault.kind
        if kind == "too_many_pixels":
            return spoil.bomb()
        data = work.encoded(made)
        return spoil.halved(data) if kind == "half_picture" else data

    def _link(self, data: bytes) -> str:
        work, fault = self._fate.work, self._fate.fault
        kind = work.format if work is not None else "png"
        endless = fault.megabytes if fault.kind == "too_many_bytes" else 0
        stored = Stored(data, f"image/{kind}", self._removed_at, endless)
        return self._origin + self._state.links.put(stored, _EXTENSIONS.get(kind, kind))

    def _seed_of(self, given: Mapping[str, Any]) -> int | None:
        work = self._fate.work
        if work is None or "seed" not in checks.properties(self.model):
            return None
        return int(given["seed"]) if "seed" in given else random.randrange(2**31)

    def _logs(self) -> str:
        """The seed, how far the steps are, and which pictures were held back, as the FLUX models tell it."""
        work = self._fate.work
        if work is None or self.started is None:
            return ""
        lines = [f"Using seed: {self._seed}"] if self._seed is not None else []
        if "num_inference_steps" in work.inputs:
            lines.append(self._progress(int(work.inputs["num_inference_steps"])))
        if self.status == "succeeded":
            lines += [f"NSFW content detected in image {n}" for n in range(self._fate.delivered, work.count)]
        return "".join(f"{line}\n" for line in lines)

    def _progress(self, steps: int) -> str:
        whole = self._state.job_seconds + self._fate.longer
        passed = (time.time() if self.ended is None else self.ended) - self.created
        is_over = self.status == "succeeded" or whole <= 0
        share = 1.0 if is_over else min(1.0, passed / whole)
        bar = "█" * round(share * BAR)
        return f"{share:4.0%}|{bar:<{BAR}}| {round(share * steps)}/{steps}"

    def _metrics(self, ended: float) -> dict[str, Any]:
        row = models.MODELS[self.model]
        # A community model is billed by this time, so it is the one that the price was reckoned with.
        ran = 0.0 if self.started is None else row.gpu_seconds or ended - self.started
        told: dict[str, Any] = {"predict_time": round(ran, 6), "total_time": round(ended - self.created, 6)}
        return {**told, "image_count": self._fate.delivered} if self.status == "succeeded" else told


def _linked(made: Any, link: Callable[[bytes], str]) -> Any:
    """The same with an address in place of every file."""
    if isinstance(made, bytes):
        return link(made)
    if isinstance(made, list):
        return [_linked(one, link) for one in made]
    if isinstance(made, dict):
        return {name: _linked(one, link) for name, one in made.items()}
    return made
