"""What all of Ideogram's calls share: the key, JSON and forms, error answers."""

from __future__ import annotations

import json
from typing import Any

from aiohttp import web

from .. import multipart, specs
from ..calls import ApiError, Call
from ..faults import Rule
from .models import ENDPOINTS

MOST_IN_FLIGHT = 10
_HOST = "/api.ideogram.ai/"
_UNPARSED = {"integer": int, "number": float}

Files = list[tuple[str, bytes]]


class IdeogramDialect:
    """Ideogram's habits: the header Api-Key, `error` in every error."""

    provider = "ideogram"

    def key(self, request: web.Request) -> str | None:
        """The key of the Api-Key header."""
        return request.headers.get("Api-Key", "").strip() or None

    def note(self, call: Call) -> None:
        """Fill the log from the body; one that cannot be read is answered by the handler. A quote buys nothing."""
        if not call.entry.creates:
            return
        if is_dry_run(call):
            call.entry.creates, call.entry.operation = False, "quote"
        path = path_of(call)
        try:
            fields, _ = body_of(call)
        except ApiError as problem:
            call.notes["problem"] = problem
            return
        inner = fields.get("image_request")
        asked = inner if isinstance(inner, dict) else fields
        call.entry.model = str(asked.get("model") or path)
        call.entry.prompt = str(asked.get("prompt") or "")

    def error(self, rule: Rule, call: Call) -> ApiError:
        """Ideogram's answer to a plain fault."""
        headers = {} if rule.retry_after is None else {"Retry-After": f"{rule.retry_after:g}"}
        is_v2 = path_of(call).startswith("v2/")
        if rule.kind == "rate_limit":
            return too_many(headers) if is_v2 else ApiError(429, {"error": "Too many requests."}, headers)
        if rule.kind == "insufficient_quota":
            reason = {"reject_reason": "insufficient_funds"} if is_v2 else {}
            return ApiError(402, {"error": "Insufficient credits or quota.", **reason})
        status, words = {
            "server_error": (500, "Internal server error."),
            "unavailable": (503, "Image generation service temporarily unavailable."),
            "bad_key": (401, "Not authorized to generate an image."),
            "not_verified": (403, "The API terms have not been accepted."),
            "model_not_found": (404, "Not found."),
        }[rule.kind]
        return ApiError(status, {"error": words}, headers)

    def too_large(self) -> ApiError:
        """413, in Ideogram's shape."""
        return ApiError(413, {"error": "The request is too large."})

    def headers(self, call: Call) -> dict[str, str]:
        """The request's id; on legacy, that it is outdated (RFC 9745)."""
        told = {"X-Request-Id": call.entry.request_id}
        if not path_of(call).startswith(("v1/", "v2/")):
            told["Deprecation"] = "@1767225600"
            told["Link"] = '<https://developer.ideogram.ai>; rel="deprecation"'
        return told


def path_of(call: Call) -> str:
    """The path behind the API's address."""
    return call.request.path.partition(_HOST)[2]


def is_dry_run(call: Call) -> bool:
    """Whether only the price is asked for (v2)."""
    return path_of(call).startswith("v2/") and call.request.query.get("dry_run") == "true"


def too_many(headers: dict[str, str] | None = None) -> ApiError:
    """429: as many requests as allowed are in flight."""
    told = {"error": "Too many requests in flight.", "reject_reason": "inflight_limit"}
    return ApiError(429, {**told, "max_inflight_requests": MOST_IN_FLIGHT}, headers)


def invalid(call: Call, field: str, message: str) -> ApiError:
    """400: a field cannot be taken. v1 tells it as a list of details, the others as a sentence."""
    if path_of(call).startswith("v1/"):
        return ApiError(400, {"detail": [{"loc": ["body", field], "msg": message}]})
    return ApiError(400, {"error": f"{field}: {message}" if field else message})


def check_key(call: Call) -> None:
    """Raises 401 without a key, and for a key that begins with `bad`."""
    if call.key is None or call.key.startswith("bad"):
        raise ApiError(401, {"error": "Not authorized to generate an image."})


def body_of(call: Call) -> tuple[dict[str, Any], Files]:
    """The fields and the files of a body, read once. Raises 400."""
    if "problem" in call.notes:
        raise call.notes["problem"]
    if "body" not in call.notes:
        is_form = call.request.content_type == "multipart/form-data"
        call.notes["body"] = _form(call) if is_form else (_json(call), [])
    fields, files = call.notes["body"]
    return fields, files


def check_spec(call: Call, path: str, fields: dict[str, Any], files: Files) -> None:
    """Raises 400 with the field, when the body breaks the schema of that endpoint. Files count as their fields."""
    schema = _properties(path)
    whole = dict(fields)
    for name, _ in files:
        if schema.get(name, {}).get("type") == "array":
            whole[name] = [*whole.get(name, []), "a file"]
        elif name in whole:
            raise invalid(call, name, "only one file is taken")
        else:
            whole[name] = "a file"
    wrong = specs.problem("ideogram", path, whole)
    if wrong is not None:
        raise invalid(call, wrong.field, wrong.message[:300])


def _properties(path: str) -> dict[str, Any]:
    """The schema of each field of that endpoint."""
    schema: Any = specs.validator("ideogram", path).schema
    found: dict[str, Any] = schema["properties"]
    return found


def _json(call: Call) -> dict[str, Any]:
    try:
        body = json.loads(call.body)
    except ValueError as problem:
        raise invalid(call, "", f"the body is no JSON: {problem}") from problem
    if call.request.content_type != "application/json" or not isinstance(body, dict):
        raise invalid(call, "", "the body must be a JSON object or a form")
    return body


def _form(call: Call) -> tuple[dict[str, Any], Files]:
    try:
        parts = multipart.read(call.request.headers["Content-Type"], call.body)
    except multipart.BadForm as problem:
        raise invalid(call, "", f"the form could not be read: {problem}") from problem
    path = path_of(call)
    schema = _properties(path) if path in ENDPOINTS else {}
    fields: dict[str, Any] = {}
    files: Files = []
    for part in parts:
        if part.filename is not None:
            files.append((part.name, part.data))
            continue
        value = _value(call, part, schema.get(part.name, {}))
        if schema.get(part.name, {}).get("type") == "array":
            fields[part.name] = [*fields.get(part.name, []), value]
        elif part.name in fields:
            raise invalid(call, part.name, "it was sent twice")
        else:
            fields[part.name] = value
    return fields, files


def _value(call: Call, part: multipart.Part, schema: dict[str, Any]) -> Any:
    """A part as JSON would have it: its schema says whether it stands for a number, or yes and no."""
    text = part.data.decode("utf-8", "replace")
    if (part.content_type or "").startswith("application/json"):
        try:
            return json.loads(text)
        except ValueError as problem:
            raise invalid(call, part.name, f"the part is no JSON: {problem}") from problem
    kind = schema.get("type")
    if kind == "boolean" and text in ("true", "false"):
        return text == "true"
    if kind in _UNPARSED:
        try:
            return _UNPARSED[kind](text)
        except ValueError:
            return text
    return text
