"""Easel's routes on ComfyUI's own web server."""

from __future__ import annotations

from importlib import import_module

from aiohttp import web

from .routes_shared import Handler, own_page_only

ROUTES = (
    ("GET", "/easel/keys", "routes_keys.list_keys"),
    ("POST", "/easel/keys", "routes_keys.set_key"),
    ("POST", "/easel/keys/test", "routes_keys.test_key"),
    ("DELETE", "/easel/keys/{provider}/{profile}", "routes_keys.remove_key"),
    ("GET", "/easel/sandbox", "routes_settings.sandbox_state"),
    ("POST", "/easel/sandbox", "routes_settings.set_sandbox"),
    ("GET", "/easel/budget", "routes_settings.budgets"),
    ("POST", "/easel/budget", "routes_settings.set_budgets"),
    ("POST", "/easel/estimate", "routes_estimate.estimate_graph"),
    ("POST", "/easel/sizes", "routes_estimate.offered_sizes"),
    ("GET", "/easel/spending", "routes_books.spending"),
    ("GET", "/easel/spending.csv", "routes_books.spending_csv"),
    ("POST", "/easel/spending/runs", "routes_books.spending_of_runs"),
    ("GET", "/easel/history", "routes_books.history"),
    ("GET", "/easel/picture/{digest}", "routes_books.picture"),
    ("GET", "/easel/workflow/{digest}", "routes_books.workflow"),
    ("GET", "/easel/jobs", "routes_jobs.list_jobs"),
    ("POST", "/easel/jobs/{id}/cancel", "routes_jobs.cancel_job"),
    ("POST", "/easel/jobs/{id}/resume", "routes_jobs.resume_job"),
)
"""Method, path and handler of each."""


def add_to(table: web.RouteTableDef) -> None:
    """Add Easel's routes to the host's table."""
    for method, path, handler in ROUTES:
        table.route(method, path)(own_page_only(_on_demand(*handler.split("."))))


def _on_demand(module: str, name: str) -> Handler:
    """The handler ``name``, whose module is imported when it is first asked for: ComfyUI's start needs none of them."""

    async def handler(request: web.Request) -> web.StreamResponse:
        found: Handler = getattr(import_module(f".{module}", __package__), name)
        return await found(request)

    return handler
