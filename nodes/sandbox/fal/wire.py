"""What all of fal's calls share: the key, bodies, and its two shapes of errors."""

from __future__ import annotations

import json
from typing import Any

from aiohttp import web

from ..calls import ApiError, Call
from ..faults import Rule

DOCS = "https://docs.fal.ai/errors"
EXHAUSTED = "User is locked. Reason: Exhausted balance. Top up your balance at fal.ai/dashboard/billing."
WORTH_REPEATING = frozenset({"downstream_service_unavailable", "internal_server_error", "generation_timeout"})


class FalDialect:
    """The habits of fal's queue, of its synchronous calls and of its storage."""

    provider = "fal"

    def key(self, request: web.Request) -> str | None:
        """The key of `Authorization: Key …`; a storage token (`Bearer …`) is told by the upload itself."""
        scheme, _, key = request.headers.get("Authorization", "").partition(" ")
        return key.strip() or None if scheme.lower() in ("key", "bearer") else None

    def note(self, call: Call) -> None:
        """Fill the log from the body of a submission; a body that cannot be read is answered by the handler."""
        if not call.entry.creates:
            return
        call.entry.model = call.request.match_info["path"]
        try:
            body = body_of(call)
        except ApiError as problem:
            call.notes["problem"] = problem
            return
        call.entry.prompt = str(body.get("prompt") or "")
        count = body.get("num_images", 1)
        call.entry.n = count if isinstance(count, int) else 1

    def error(self, rule: Rule, call: Call) -> ApiError:
        """fal's answer to a plain fault."""
        if rule.kind == "bad_key":
            return no_access(call)
        if rule.kind == "model_not_found":
            return error(404, f"Application '{call.entry.model.partition('/')[2]}' not found")
        status, detail, kind = {
            "rate_limit": (429, "Too many requests. Please try again later.", ""),
            "insufficient_quota": (403, EXHAUSTED, ""),
            "not_verified": (403, "User is not allowed to access this application.", ""),
            "server_error": (500, "Internal Server Error", "internal_error"),
            "unavailable": (503, "No runner could be scheduled for this request.", "runner_scheduling_failure"),
        }[rule.kind]
        waits = rule.retry_after is not None and rule.kind in ("rate_limit", "unavailable")
        headers = {"Retry-After": f"{rule.retry_after:g}"} if waits else {}
        return error(status, detail, kind, headers)

    def too_large(self) -> ApiError:
        """413, in fal's shape."""
        return error(413, "Request body too large", "bad_request")

    def headers(self, call: Call) -> dict[str, str]:
        """The request's id, as on every answer; fal's own client tells by it that no proxy is speaking."""
        return {"x-fal-request-id": call.entry.request_id}


class PlatformDialect(FalDialect):
    """The habits of `api.fal.ai/v1`, whose errors are `{"error": {"type", "message"}}`."""

    def error(self, rule: Rule, call: Call) -> ApiError:
        """The platform's answer to a plain fault."""
        plain = super().error(rule, call)
        kind = {401: "authorization_error", 403: "authorization_error", 404: "not_found", 429: "rate_limited"}
        message = str(plain.body["detail"])
        return platform_error(plain.status, kind.get(plain.status, "server_error"), message, plain.headers)


def error(status: int, detail: str, kind: str = "", headers: dict[str, str] | None = None) -> ApiError:
    """An error of the platform around the models: one sentence, and its type where there is one."""
    body = {"detail": detail, "error_type": kind} if kind else {"detail": detail}
    return ApiError(status, body, {**(headers or {}), **({"X-Fal-Error-Type": kind} if kind else {})})


def platform_error(status: int, kind: str, message: str, headers: dict[str, str] | None = None) -> ApiError:
    """An error of `api.fal.ai/v1`."""
    return ApiError(status, {"error": {"type": kind, "message": message}}, headers)


def model_error(status: int, details: list[dict[str, Any]]) -> ApiError:
    """An error of the model itself, with a list of what is wrong."""
    told = [{**detail, "url": f"{DOCS}#{detail['type']}"} for detail in details]
    repeat = any(detail["type"] in WORTH_REPEATING for detail in details)
    return ApiError(status, {"detail": told}, {"X-Fal-Retryable": "true" if repeat else "false"})


def invalid(field: str, message: str, kind: str = "value_error") -> ApiError:
    """422: a field cannot be taken."""
    return model_error(422, [{"loc": ["body", field], "msg": message, "type": kind}])


def no_access(call: Call) -> ApiError:
    """401: no key, or one that is not known."""
    app = "/".join(call.request.match_info.get("path", "fal-ai").split("/")[:2])
    return error(401, f'Cannot access application "{app}". Authentication is required to access this application.')


def check_key(call: Call) -> None:
    """Raises 401 unless there is `Authorization: Key …`, and for a key that begins with `bad`."""
    is_key = call.request.headers.get("Authorization", "").lower().startswith("key ")
    if not is_key or call.key is None or call.key.startswith("bad"):
        raise no_access(call)


def body_of(call: Call) -> dict[str, Any]:
    """The JSON object that was posted, read once. Raises 422."""
    if "problem" in call.notes:
        raise call.notes["problem"]
    if "body" not in call.notes:
        try:
            body = json.loads(call.body)
        except ValueError as problem:
            raise invalid("", f"JSON decode error: {problem}") from problem
        if call.request.content_type != "application/json" or not isinstance(body, dict):
            raise invalid("", "Input should be a valid dictionary")
        call.notes["body"] = body
    found: dict[str, Any] = call.notes["body"]
    return found
