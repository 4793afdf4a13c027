"""fal's queue and its synchronous calls, over the same jobs."""

from __future__ import annotations

import datetime
from functools import partial
from typing import Any

from aiohttp import web

from ..calls import ApiError, Call, serve
from ..state import State
from .jobs import Job, Jobs
from .models import APPS, MODELS
from .storage import Storage
from .wire import FalDialect, body_of, check_key, error

QUEUE = "/queue.fal.run"
RUN = "/fal.run"
CANCELLED = 499
"""From this status on, an error is the platform's and shows in the job's status too."""


def mount(app: web.Application, state: State, storage: Storage) -> None:
    """Add submissions, polls, results and cancellations, and the calls that wait for their result."""
    dialect = FalDialect()
    jobs = Jobs()
    request = f"{QUEUE}/{{owner}}/{{app}}/requests/{{name}}"

    def add(method: str, path: str, operation: str, step: Any, creates: bool) -> None:
        app.router.add_route(method, path, serve(state, dialect, operation, step, creates=creates))

    add("GET", f"{request}/status", "poll", partial(_status, jobs), False)
    add("GET", request, "result", partial(_result, jobs), False)
    add("PUT", f"{request}/cancel", "cancel", partial(_cancel, jobs), False)
    add("POST", f"{QUEUE}/{{path:.+}}", "submit", partial(_submit, jobs, storage), True)
    add("POST", f"{RUN}/{{path:.+}}", "run", partial(_run, jobs, storage), True)


def _begun(jobs: Jobs, storage: Storage, call: Call) -> Job:
    """Take on a submission. What is wrong with its input shows when the model looks at it, as at the real one."""
    path = call.request.match_info["path"]
    check_key(call)
    body = body_of(call)
    if path not in MODELS:
        owner, _, rest = path.partition("/")
        name, _, below = rest.partition("/")
        known = f"{owner}/{name}" in APPS
        raise error(404, f"Path /{below} not found" if known else f"Application '{name}' not found")
    call.entry.operation = MODELS[path].does
    job = Job(call, path)
    jobs.begin(job, storage, body)
    return job


async def _submit(jobs: Jobs, storage: Storage, call: Call) -> web.StreamResponse:
    job = _begun(jobs, storage, call)
    position = {"queue_position": jobs.ahead(job), "gateway_request_id": job.name}
    return web.json_response({"status": "IN_QUEUE", **_addresses(job, call), **position})


async def _run(jobs: Jobs, storage: Storage, call: Call) -> web.StreamResponse:
    job = _begun(jobs, storage, call)
    if job.task is not None:
        await job.task
    return _answer(job)


async def _status(jobs: Jobs, call: Call) -> web.StreamResponse:
    """202 until the job has ended; a failed one is COMPLETED too."""
    job = _found(jobs, call)
    told: dict[str, Any] = _addresses(job, call)
    if job.is_queued:
        return web.json_response({"status": "IN_QUEUE", **told, "queue_position": jobs.ahead(job)}, status=202)
    told["logs"] = _logs(job) if call.request.query.get("logs", "").lower() in ("1", "true") else None
    if not job.is_done:
        return web.json_response({"status": "IN_PROGRESS", **told}, status=202)
    told |= {"metrics": {"inference_time": round(job.seconds, 3)}, "error": None, "error_type": None}
    if job.problem is not None and job.problem.status >= CANCELLED:
        kind = job.problem.body.get("error_type", "runner_server_error")
        told |= {"error": _sentence(job.problem), "error_type": kind}
    return web.json_response({"status": "COMPLETED", **told})


async def _result(jobs: Jobs, call: Call) -> web.StreamResponse:
    job = _found(jobs, call)
    if not job.is_done:
        raise error(400, "Request is still in progress")
    return _answer(job)


async def _cancel(jobs: Jobs, call: Call) -> web.StreamResponse:
    """A queued job ends at once and for nothing; a running one goes on to its end, and is charged."""
    job = _found(jobs, call)
    if job.is_done or job.cancelled:
        return web.json_response({"status": "ALREADY_COMPLETED"}, status=400)
    job.cancelled = job.is_queued
    return web.json_response({"status": "CANCELLATION_REQUESTED"}, status=202)


def _found(jobs: Jobs, call: Call) -> Job:
    check_key(call)
    match = call.request.match_info
    job = jobs.get(match["name"], f"{match['owner']}/{match['app']}")
    if job is None:
        raise ApiError(404, {"detail": "Request not found", "status": "NOT_FOUND"})
    call.entry.request_id = job.name
    return job


def _answer(job: Job) -> web.Response:
    if job.problem is not None:
        raise job.problem
    if job.output is None:
        raise RuntimeError("a job that ended without an error has an output")
    return web.json_response(job.output)


def _addresses(job: Job, call: Call) -> dict[str, str]:
    base = call.link(f"{QUEUE}/{job.app}/requests/{job.name}")
    return {
        "request_id": job.name,
        "response_url": base,
        "status_url": f"{base}/status",
        "cancel_url": f"{base}/cancel",
    }


def _logs(job: Job) -> list[dict[str, Any]]:
    began = datetime.datetime.fromtimestamp(job.began, datetime.timezone.utc)
    return [{"message": "Working", "level": "INFO", "source": "app", "timestamp": began.isoformat()}]


def _sentence(problem: ApiError) -> str:
    detail = problem.body["detail"]
    return detail if isinstance(detail, str) else str(detail[0]["msg"])
