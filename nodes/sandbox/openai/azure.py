"""Azure's way of serving the same models: deployments in the path, `api-key`, `api-version`."""

from __future__ import annotations

from aiohttp import web

from ..calls import ApiError, Call
from . import errors
from .wire import OpenAIDialect


class AzureDialect(OpenAIDialect):
    """A deployment's name is its model's name here; the body's `model` is not needed."""

    def __init__(self) -> None:
        super().__init__("azure")

    def key(self, request: web.Request) -> str | None:
        """The `api-key` header, or an Entra bearer token."""
        return request.headers.get("api-key") or super().key(request)

    def note(self, call: Call) -> None:
        """As OpenAI; a classic call without `api-version` is refused."""
        super().note(call)
        deployment = call.request.match_info.get("deployment")
        if deployment is None:
            return
        call.entry.model = deployment
        if "api-version" not in call.request.query:
            call.notes["problem"] = _no_version()
        elif "body" in call.notes:
            call.notes["body"][0]["model"] = deployment


def _no_version() -> ApiError:
    return errors.error(404, "Resource not found: the query has no api-version.", code="404")
