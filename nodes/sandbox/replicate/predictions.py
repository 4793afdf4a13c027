"""Predictions: begun by a create, waited for or polled, cancelled, and after a while emptied."""

from __future__ import annotations

import re
from collections import OrderedDict
from collections.abc import Mapping
from typing import Any

from aiohttp import web

from ..calls import Call
from . import checks, models, orders
from .files import Files, opener
from .refusals import JOB, JOB_FAULTS, ModelFailure, breakdown, refusal
from .runs import Fate, Run
from .wire import answer, body_of, check_key, error, no_such_version, not_found

KEPT = 1000
PAGE = 100
LONGEST_WAIT = 60
_PREFER = re.compile(r"wait(?:=([1-9]|[1-5][0-9]|60))?")


class Predictions:
    """The newest runs, by id."""

    def __init__(self) -> None:
        self._runs: OrderedDict[str, Run] = OrderedDict()

    def add(self, run: Run) -> None:
        """Keep a run."""
        self._runs[run.id] = run
        if len(self._runs) > KEPT:
            self._runs.popitem(last=False)

    def of(self, call: Call) -> Run:
        """The run that a path names. Raises 404."""
        run = self._runs.get(call.request.match_info["id"])
        if run is None:
            raise not_found()
        return run

    def newest(self) -> list[Run]:
        """The last runs, the newest first."""
        return list(reversed(self._runs.values()))[:PAGE]


async def of_model(runs: Predictions, files: Files, call: Call) -> web.StreamResponse:
    """POST /models/{owner}/{name}/predictions: official models only."""
    check_key(call)
    name = call.entry.model
    if name not in models.MODELS or not models.is_official(name):
        raise not_found()
    body = body_of(call)
    checks.check_body("prediction_request", body)
    return await _begun(runs, files, call, name, "hidden", body)


async def of_version(runs: Predictions, files: Files, call: Call) -> web.StreamResponse:
    """POST /predictions: any model, named by its version."""
    check_key(call)
    body = body_of(call)
    checks.check_body("version_prediction_request", body)
    name = models.of_version(body["version"])
    if name is None:
        raise no_such_version()
    call.entry.model = name
    version = body["version"].rpartition(":")[2]
    return await _begun(runs, files, call, name, "hidden" if "/" in version else version, body)


async def told(runs: Predictions, call: Call) -> web.StreamResponse:
    """GET /predictions/{id}."""
    check_key(call)
    return answer(call, runs.of(call).told())


async def listed(runs: Predictions, call: Call) -> web.StreamResponse:
    """GET /predictions: one page, the newest first."""
    check_key(call)
    page = {"previous": None, "next": None, "results": [run.told() for run in runs.newest()]}
    return answer(call, page)


async def cancelled(runs: Predictions, call: Call) -> web.StreamResponse:
    """POST /predictions/{id}/cancel; a run that has ended stays as it is."""
    check_key(call)
    run = runs.of(call)
    run.cancel()
    return answer(call, run.told())


async def _begun(
    runs: Predictions, files: Files, call: Call, name: str, version: str, body: Mapping[str, Any]
) -> web.StreamResponse:
    waits = _wait_of(call)
    given: Mapping[str, Any] = body["input"]
    checks.check_input(name, given)
    if call.fault.kind == "no_data":
        return answer(call, {}, 201)
    run = Run(call, name, version, given, _fate(files, call, name, given))
    runs.add(run)
    call.entry.request_id = run.id
    call.entry.accepted = True
    run.start()
    if waits is None:
        return answer(call, run.told(), 202)
    await run.wait(waits)
    return answer(call, run.told(), 201)


def _fate(files: Files, call: Call, name: str, given: Mapping[str, Any]) -> Fate:
    """How a run will end: decided when it begins, told when its time has come."""
    fault = call.fault
    struck = call.state.faults.take(
        JOB_FAULTS, method="POST", path=f"{JOB}{name}", prompt=call.entry.prompt, named_only=True
    )
    call.entry.faults += [rule.kind for rule in struck]
    longer = sum(rule.seconds for rule in struck if rule.kind == "slow")
    try:
        work = orders.work_of(name, given, opener(files, call))
    except ModelFailure as failure:
        return Fate(failure=str(failure), longer=longer)
    call.entry.operation = orders.operation(work)
    call.entry.size = f"{work.size[0]}x{work.size[1]}"
    call.entry.n = work.count
    held_back = min(work.count, fault.count) if fault.kind == "refuse_some" and work.count > 1 else 0
    failure_told = breakdown(struck)
    if failure_told is None and (not held_back or held_back == work.count):
        unchecked = bool(work.inputs.get("disable_safety_checker"))
        failure_told = refusal(work.model.refuses, work.prompt, fault, unchecked=unchecked)
    delivered = work.count - held_back
    return Fate(
        work=work,
        failure=failure_told,
        delivered=delivered,
        usd=0.0 if failure_told else orders.price(work, delivered),
        fault=fault,
        longer=longer,
    )


def _wait_of(call: Call) -> float | None:
    """Seconds to wait for the result, or None where that is not asked. Raises 400 for a header of another form."""
    asked = call.request.headers.get("Prefer")
    if asked is None:
        return None
    found = _PREFER.fullmatch(asked.strip())
    if found is None:
        raise error(400, "Bad request", "Prefer must be wait, or wait=n with n from 1 to 60")
    return float(found[1] or LONGEST_WAIT)
