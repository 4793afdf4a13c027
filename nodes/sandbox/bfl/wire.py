"""What all of BFL's calls share: the key, bodies, error answers."""

from __future__ import annotations

import json
from typing import Any

from aiohttp import web

from .. import specs
from ..calls import ApiError, Call
from ..faults import Rule

_BUSY = "The service is over capacity and temporarily shedding requests. Please retry later."


class BflDialect:
    """BFL's habits: the header x-key, and `detail` in every error."""

    provider = "bfl"

    def key(self, request: web.Request) -> str | None:
        """The key of the x-key header."""
        return request.headers.get("x-key", "").strip() or None

    def note(self, call: Call) -> None:
        """Fill the log from the body of a submission; a body that cannot be read is answered by the handler."""
        if not call.entry.creates:
            return
        call.entry.model = call.request.path.partition("/v1/")[2]
        try:
            body = body_of(call)
        except ApiError as problem:
            call.notes["problem"] = problem
            return
        call.entry.prompt = str(body.get("prompt") or "")

    def error(self, rule: Rule, call: Call) -> ApiError:
        """BFL's answer to a plain fault."""
        headers = {} if rule.retry_after is None else {"Retry-After": f"{rule.retry_after:g}"}
        status, detail = {
            "rate_limit": (429, "Too many active tasks."),
            "insufficient_quota": (402, "Insufficient credits"),
            "server_error": (500, "Internal Server Error"),
            "unavailable": (503, _BUSY),
            "bad_key": (403, "Invalid API key format"),
            "not_verified": (403, "Not authenticated"),
            "model_not_found": (404, "Not Found"),
        }[rule.kind]
        return error(status, detail, headers)

    def too_large(self) -> ApiError:
        """413, in BFL's shape."""
        return error(413, "Request body too large")

    def headers(self, call: Call) -> dict[str, str]:
        """BFL documents none."""
        return {}


def error(status: int, detail: str, headers: dict[str, str] | None = None) -> ApiError:
    """An error that is one sentence."""
    return ApiError(status, {"detail": detail}, headers)


def invalid(field: str, message: str, kind: str = "value_error") -> ApiError:
    """422: a field cannot be taken."""
    return ApiError(422, {"detail": [{"loc": ["body", field], "msg": message, "type": kind}]})


def check_key(call: Call) -> None:
    """Raises 403 without a key, and for a key that begins with `bad`."""
    if call.key is None:
        raise error(403, "Not authenticated")
    if call.key.startswith("bad"):
        raise error(403, "Invalid API key format")


def body_of(call: Call) -> dict[str, Any]:
    """The JSON object that was posted, read once. Raises 422."""
    if "problem" in call.notes:
        raise call.notes["problem"]
    if "body" not in call.notes:
        try:
            body = json.loads(call.body)
        except ValueError as problem:
            raise invalid("", f"JSON decode error: {problem}", "json_invalid") from problem
        if call.request.content_type != "application/json" or not isinstance(body, dict):
            raise invalid("", "Input should be a valid dictionary", "model_attributes_type")
        call.notes["body"] = body
    found: dict[str, Any] = call.notes["body"]
    return found


def check_spec(path: str, body: dict[str, Any]) -> None:
    """Raises 422 with the field, when the body breaks the schema of that endpoint."""
    wrong = specs.problem("bfl", path, body)
    if wrong is not None:
        raise invalid(wrong.field.partition(".")[0], wrong.message[:300], wrong.rule)
