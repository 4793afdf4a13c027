"""Midjourney through whichever gateway the operator chose: begin a task, ask for it, and what the transport's errors mean."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from types import ModuleType

from ..engine import wire
from ..engine.errors import EaselError, ResultLost
from ..engine.provider import Call, Job, Result
from ..engine.request import Request
from . import prices
from .account import ACCOUNT
from .gateways import piapi, proxy, tasks
from .gateways.choice import GATEWAYS, Speaks, check, gateway_at
from .requests import MidjourneyRequest

_SPEAKERS: Mapping[Speaks, ModuleType] = {"tasks": tasks, "proxy": proxy, "proxy-actions": proxy, "piapi": piapi}


class Midjourney:
    """A queued provider without cancelling: no gateway can surely stop what Midjourney has begun."""

    account = ACCOUNT

    async def submit(self, request: Request, call: Call) -> Job:
        if not isinstance(request, MidjourneyRequest):
            raise TypeError(f"Midjourney is not asked for {type(request).__name__}")
        gateway = gateway_at(call.address, call.options)
        check(request, gateway, call.address)
        job: Job = await _SPEAKERS[gateway.speaks].submit(request, call, gateway)
        return job

    async def poll(self, job: Job, call: Call) -> Job | Result:
        # The gateway that took the job, whatever is set by now.
        gateway = GATEWAYS.get(str(job.handle.get("gateway")))
        if gateway is None:
            raise ResultLost("This task was begun at a gateway that Easel does not know any more.")
        told: Job | Result = await _SPEAKERS[gateway.speaks].poll(job, call, gateway)
        return told

    async def cancel(self, job: Job, call: Call) -> bool:
        return False

    def explain(self, error: Exception, request: Request | None) -> EaselError | None:
        return wire.explain(error, ACCOUNT)

    def estimate(self, request: Request) -> Decimal | None:
        return prices.estimate(request) if isinstance(request, MidjourneyRequest) else None


PROVIDERS = (Midjourney,)
