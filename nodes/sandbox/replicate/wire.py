"""What all of Replicate's calls share: the token, bodies, error answers."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from aiohttp import web

from ..calls import ApiError, Call
from ..faults import Rule

BASE = "/api.replicate.com/v1"
SCHEMES = ("bearer", "token")
"""The second is the old one, and still taken."""
USUAL_WAIT = 30
BAD_TOKENS = ("bad", "r8_bad")

_CREDIT = "You have insufficient credit to run this model. Go to https://replicate.com/account/billing to add some."


class ReplicateDialect:
    """Replicate's habits: a bearer token, and `title`, `detail` and `status` in errors."""

    provider = "replicate"

    def key(self, request: web.Request) -> str | None:
        """The token, in its new or its old scheme."""
        scheme, _, token = request.headers.get("Authorization", "").partition(" ")
        return token.strip() or None if scheme.lower() in SCHEMES else None

    def note(self, call: Call) -> None:
        """Fill the log from the body of a create; a body that cannot be read is answered by the handler."""
        if not call.entry.creates:
            return
        owner, name = (call.request.match_info.get(part, "") for part in ("owner", "name"))
        call.entry.model = f"{owner}/{name}" if owner else ""
        try:
            body = body_of(call)
        except ApiError as problem:
            call.notes["problem"] = problem
            return
        call.entry.model = call.entry.model or str(body.get("version") or "")
        given = body.get("input")
        call.entry.prompt = str(given.get("prompt") or "") if isinstance(given, dict) else ""

    def error(self, rule: Rule, call: Call) -> ApiError:
        """Replicate's answer to a plain fault."""
        headers = {} if rule.retry_after is None else {"Retry-After": f"{rule.retry_after:g}"}
        if rule.kind == "rate_limit":
            wait = USUAL_WAIT if rule.retry_after is None else rule.retry_after
            detail = f"Request was throttled. Your rate limit resets in ~{wait:g}s."
            return ApiError(429, {"detail": detail, "status": 429}, headers)
        if rule.kind == "bad_key":
            return unauthenticated()
        if rule.kind == "model_not_found":
            return not_found()
        status, title, detail = {
            "insufficient_quota": (402, "Insufficient credit", _CREDIT),
            "server_error": (500, "Internal server error", "An unexpected error occurred."),
            "unavailable": (503, "Service unavailable", "The service is not available for the moment."),
            "not_verified": (403, "Forbidden", "You do not have permission to run this model."),
        }[rule.kind]
        return error(status, title, detail, headers=headers)

    def too_large(self) -> ApiError:
        """413, in Replicate's shape."""
        return error(413, "Content too large", "The body of this request is too large.")

    def headers(self, call: Call) -> dict[str, str]:
        """Replicate documents none."""
        return {}


def error(
    status: int,
    title: str,
    detail: str,
    *,
    fields: list[dict[str, str]] | None = None,
    headers: dict[str, str] | None = None,
) -> ApiError:
    """An error answer; `fields` become its `invalid_fields`."""
    body: dict[str, Any] = {"title": title, "detail": detail, "status": status}
    return ApiError(status, body if fields is None else {**body, "invalid_fields": fields}, headers)


def not_found() -> ApiError:
    """404, whatever was not there."""
    return error(404, "Not found", "The requested resource could not be found.")


def unauthenticated() -> ApiError:
    """401: no token, or one that is not known."""
    return error(401, "Unauthenticated", "You did not pass a valid authentication token")


def no_such_version() -> ApiError:
    """422: this version is not there, or may not be run in this way."""
    detail = "The specified version does not exist (or perhaps you don't have permission to use it?)"
    return error(422, "Invalid version or not permitted", detail)


def invalid(fields: list[dict[str, str]]) -> ApiError:
    """422 that names each field; one is {"type", "field", "description"}."""
    detail = "\n".join(f"- {one['field']}: {one['description']}" for one in fields)
    return error(422, "Input validation failed", detail, fields=fields)


def check_key(call: Call) -> None:
    """Raises 401 without a token, and for one that begins with `bad` or `r8_bad`."""
    if call.key is None or call.key.startswith(BAD_TOKENS):
        raise unauthenticated()


def answer(call: Call, body: Mapping[str, Any], status: int = 200) -> web.Response:
    """The answer to a call; under the fault `no_data`, JSON without any of its fields."""
    return web.json_response({} if call.fault.kind == "no_data" else body, status=status)


def body_of(call: Call) -> Mapping[str, Any]:
    """The JSON object that was posted, read once. Raises 400."""
    if "problem" in call.notes:
        raise call.notes["problem"]
    if "body" not in call.notes:
        try:
            body = json.loads(call.body)
        except ValueError as problem:
            raise error(400, "Bad request", f"The body is not JSON: {problem}") from problem
        if call.request.content_type != "application/json" or not isinstance(body, dict):
            raise error(400, "Bad request", "The body must be a JSON object, sent as application/json")
        call.notes["body"] = body
    found: Mapping[str, Any] = call.notes["body"]
    return found
