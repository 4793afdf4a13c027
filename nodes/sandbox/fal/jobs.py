"""The jobs in the queue: each waits, works, is charged once when it is done, and keeps its answer."""

from __future__ import annotations

import asyncio
import time
import uuid
from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from ..calls import ApiError, Call
from . import answers, filters, orders
from .storage import Storage
from .wire import error, model_error

KEPT = 1000
QUEUED_SHARE = 0.3
"""The part of its time that a job waits for a runner; until then it can be cancelled for nothing."""
TICK = 0.02
JOB = "/jobs/"
"""What the path of a fault must contain to strike a job at its work, in place of a call: `/jobs/owner/app`."""
JOB_FAULTS: Mapping[str, tuple[str, str]] = {
    "server_error": ("internal_server_error", "The model failed."),
    "unavailable": ("downstream_service_unavailable", "A service that the model needs is not available."),
}


@dataclass
class Job:
    """One submission on its way."""

    call: Call
    path: str
    name: str = field(default_factory=lambda: str(uuid.uuid4()))
    began: float = field(default_factory=time.time)
    longer: float = 0.0
    """Seconds that a fault adds to its time."""
    is_started: bool = False
    """A runner has taken it on."""
    cancelled: bool = False
    problem: ApiError | None = None
    """What it ended in, where that is an error."""
    output: dict[str, Any] | None = None
    task: asyncio.Task[None] | None = None

    @property
    def app(self) -> str:
        """Owner and app, all that the addresses of the queue tell of the endpoint."""
        return "/".join(self.path.split("/")[:2])

    @property
    def seconds(self) -> float:
        """How long it takes from its submission; a change of the setting is felt by jobs under way."""
        return self.call.state.job_seconds + self.longer

    @property
    def is_done(self) -> bool:
        """Whether it has ended, one way or the other."""
        return self.task is not None and self.task.done()

    @property
    def is_queued(self) -> bool:
        """Whether it still waits for a runner."""
        return not self.is_done and not self.is_started

    async def run(self, storage: Storage, body: Mapping[str, Any]) -> None:
        """Wait, work, charge. An error is kept as its answer, and then nothing is charged."""
        try:
            await self._wait(QUEUED_SHARE)
            self.is_started = True
            self.output = await self._work(storage, body)
        except ApiError as problem:
            self.problem = problem

    async def _work(self, storage: Storage, body: Mapping[str, Any]) -> dict[str, Any]:
        call = self.call
        order = orders.order_of(self.path, body, call, storage)
        call.entry.size = f"{order.size[0]}x{order.size[1]}"
        self._break_down(order.prompt)
        verdict = filters.verdict(order, call.fault)
        if verdict.refused:
            raise filters.refusal(order)
        drawn = await asyncio.to_thread(answers.draw, order, verdict, call)
        await self._wait(1.0)
        if call.fault.kind != "no_data":
            call.charge(order.usd * drawn.billed)
        return answers.output(order, drawn, call, self.seconds)

    async def _wait(self, share: float) -> None:
        """Until so much of its time is over. Raises 499 when it is cancelled in the queue."""
        while (left := self.began + self.seconds * share - time.time()) > 0:
            if self.cancelled:
                raise error(499, "Request was cancelled.", "client_cancelled")
            await asyncio.sleep(min(left, TICK))

    def _break_down(self, prompt: str) -> None:
        """Raises 500, or makes the job slower, when a fault for jobs says so."""
        kinds = (*JOB_FAULTS, "slow")
        struck = self.call.state.faults.take(kinds, method="POST", path=JOB + self.path, prompt=prompt, named_only=True)
        self.call.entry.faults += [rule.kind for rule in struck]
        self.longer += sum(rule.seconds for rule in struck if rule.kind == "slow")
        for rule in struck:
            if rule.kind in JOB_FAULTS:
                kind, message = JOB_FAULTS[rule.kind]
                raise model_error(500, [{"loc": ["body"], "msg": message, "type": kind}])


class Jobs:
    """The newest jobs, by id."""

    def __init__(self) -> None:
        self._jobs: OrderedDict[str, Job] = OrderedDict()

    def begin(self, job: Job, storage: Storage, body: Mapping[str, Any]) -> None:
        """Keep a job and set it to work."""
        job.call.entry.request_id = job.name
        job.call.entry.accepted = True
        # A thousand kept jobs must not keep the pictures that came inline with each.
        job.call.body = b""
        job.call.notes.clear()
        job.task = asyncio.create_task(job.run(storage, body))
        self._jobs[job.name] = job
        if len(self._jobs) > KEPT:
            self._jobs.popitem(last=False)

    def get(self, name: str, app: str) -> Job | None:
        """The job of that id, where the app is its own."""
        job = self._jobs.get(name)
        return job if job is not None and job.app == app else None

    def ahead(self, job: Job) -> int:
        """How many queued jobs began before this one."""
        return sum(other.is_queued and other.began < job.began for other in self._jobs.values())
