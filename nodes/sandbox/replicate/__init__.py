"""Replicate's HTTP API, as of November 2026: predictions, models, files and the account.

`https://api.replicate.com/v1` is stood in for by `…/api.replicate.com/v1`; the official client takes the
address without its `/v1` as `base_url`. Webhooks, deadlines, deployments and streams are not stood in for.
"""

from __future__ import annotations

from functools import partial

from aiohttp import web

from ..calls import Handler, serve
from ..state import State
from . import catalogue, files, predictions
from .predictions import Predictions
from .wire import BASE, ReplicateDialect

MODEL = "/models/{owner}/{name}"


def mount(app: web.Application, state: State) -> None:
    """Add the routes."""
    dialect = ReplicateDialect()
    running, kept = Predictions(), files.Files()
    calls: tuple[tuple[str, str, str, Handler, bool], ...] = (
        ("GET", "/account", "account", catalogue.account, False),
        ("GET", MODEL, "model", catalogue.model, False),
        ("GET", f"{MODEL}/versions/{{version}}", "version", catalogue.version, False),
        ("POST", f"{MODEL}/predictions", "generate", partial(predictions.of_model, running, kept), True),
        ("POST", "/predictions", "generate", partial(predictions.of_version, running, kept), True),
        ("GET", "/predictions", "list", partial(predictions.listed, running), False),
        ("GET", "/predictions/{id}", "poll", partial(predictions.told, running), False),
        ("POST", "/predictions/{id}/cancel", "cancel", partial(predictions.cancelled, running), False),
        ("POST", "/files", "upload", partial(files.created, kept), False),
        ("GET", "/files/{id}", "file", partial(files.told, kept), False),
        ("DELETE", "/files/{id}", "delete", partial(files.deleted, kept), False),
    )
    for method, path, operation, handler, creates in calls:
        app.router.add_route(method, f"{BASE}{path}", serve(state, dialect, operation, handler, creates=creates))
