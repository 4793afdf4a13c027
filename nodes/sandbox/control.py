"""The sandbox's own routes under `/sandbox`: faults, log and settings."""

from __future__ import annotations

from json import JSONDecodeError
from typing import Any

from aiohttp import web

from .faults import KINDS, BadRule, Rule
from .state import State

SETTINGS = ("latency", "job_seconds", "link_seconds")


def mount(app: web.Application, state: State) -> None:
    """Add the control routes."""

    async def faults_listed(_: web.Request) -> web.Response:
        return web.json_response({"faults": state.faults.listed(), "kinds": dict(KINDS)})

    async def faults_set(request: web.Request) -> web.Response:
        given = await _json(request)
        try:
            rules = [Rule.read(one) for one in (given if isinstance(given, list) else [given])]
            for rule in rules:
                put_in_force(state, rule)
        except BadRule as error:
            return web.json_response({"error": str(error)}, status=400)
        answer = web.json_response({"faults": state.faults.listed()})
        if any(rule.kind == "connection_refused" for rule in rules):
            # A kept connection would let its client in although connecting is refused.
            answer.force_close()
        return answer

    async def faults_cleared(_: web.Request) -> web.Response:
        state.faults.clear()
        return web.json_response({"faults": []})

    async def log(_: web.Request) -> web.Response:
        return web.json_response(state.log.report())

    async def log_cleared(_: web.Request) -> web.Response:
        state.log.clear()
        return web.json_response(state.log.report())

    async def settings(_: web.Request) -> web.Response:
        return web.json_response({name: getattr(state, name) for name in SETTINGS})

    async def settings_set(request: web.Request) -> web.Response:
        given = await _json(request)
        for name, value in given.items():
            if name not in SETTINGS or isinstance(value, bool) or not isinstance(value, (int, float)):
                problem = f"{name!r} cannot be {value!r}; settings are {', '.join(SETTINGS)}, in seconds"
                return web.json_response({"error": problem}, status=400)
        for name, value in given.items():
            setattr(state, name, float(value))
        return await settings(request)

    app.router.add_get("/sandbox/faults", faults_listed)
    app.router.add_post("/sandbox/faults", faults_set)
    app.router.add_delete("/sandbox/faults", faults_cleared)
    app.router.add_get("/sandbox/log", log)
    app.router.add_delete("/sandbox/log", log_cleared)
    app.router.add_get("/sandbox/settings", settings)
    app.router.add_post("/sandbox/settings", settings_set)


def put_in_force(state: State, rule: Rule) -> None:
    """Let a rule strike from now on. Raises BadRule where this sandbox cannot follow it."""
    if rule.kind != "connection_refused":
        state.faults.add(rule)
    elif state.stop_listening is None:
        raise BadRule("connection_refused needs a sandbox that owns its socket: start it with start()")
    else:
        state.stop_listening(rule.seconds)


async def _json(request: web.Request) -> Any:
    try:
        given = await request.json()
    except JSONDecodeError as error:
        raise web.HTTPBadRequest(text=f"the body is not JSON: {error}") from error
    if not isinstance(given, (dict, list)) or not all(isinstance(one, (dict, str)) for one in given):
        raise web.HTTPBadRequest(text="the body must be a JSON object")
    return given
