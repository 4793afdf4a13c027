"""What all of OpenAI's calls share: the key, bodies as JSON or form, headers."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from aiohttp import web

from .. import multipart, specs
from ..calls import ApiError, Call
from ..faults import Rule
from . import errors

WHOLE_NUMBERS = ("n", "output_compression", "partial_images", "frame_count", "frame_duration_ms")
REQUESTS_A_MINUTE = 500
TOKENS_A_MINUTE = 800_000

_CODES: Mapping[str, str] = {
    "required": "missing_required_parameter",
    "additionalProperties": "unknown_parameter",
    "type": "invalid_type",
    "minLength": "empty_string",
    "maxLength": "string_above_max_length",
    "minimum": "integer_below_min_value",
    "maximum": "integer_above_max_value",
    "minItems": "array_below_min_length",
    "maxItems": "array_above_max_length",
}


class OpenAIDialect:
    """OpenAI's own habits. With `legacy`, the DALL·E models and variations are alive."""

    def __init__(self, provider: str, *, legacy: bool = False) -> None:
        self.provider = provider
        self.legacy = legacy

    def key(self, request: web.Request) -> str | None:
        """The bearer token."""
        scheme, _, key = request.headers.get("Authorization", "").partition(" ")
        return key.strip() or None if scheme.lower() == "bearer" else None

    def note(self, call: Call) -> None:
        """Fill the log from whatever can be read; a body that cannot is answered by the handler."""
        call.notes["legacy"] = self.legacy
        try:
            body, _ = body_of(call)
        except ApiError as problem:
            call.notes["problem"] = problem
            return
        entry = call.entry
        entry.model = str(body.get("model") or call.request.match_info.get("deployment") or "")
        entry.prompt = str(body.get("prompt") or _spoken(body) or "")
        entry.size = str(body.get("size") or "")
        count = body.get("n", 1)
        entry.n = count if isinstance(count, int) else 1

    def error(self, rule: Rule, call: Call) -> ApiError:
        """OpenAI's answer to a plain fault."""
        return errors.of_rule(rule, call.entry.model)

    def too_large(self) -> ApiError:
        """413, in OpenAI's shape."""
        return errors.error(413, "The request body is too large.")

    def headers(self, call: Call) -> dict[str, str]:
        """Request id and rate limits, as on every answer."""
        return answer_headers(call)


def answer_headers(call: Call) -> dict[str, str]:
    """The headers OpenAI puts on every answer."""
    busy = call.entry.in_flight
    return {
        "x-request-id": call.entry.request_id,
        "x-ratelimit-limit-requests": str(REQUESTS_A_MINUTE),
        "x-ratelimit-remaining-requests": str(max(0, REQUESTS_A_MINUTE - busy)),
        "x-ratelimit-reset-requests": "120ms",
        "x-ratelimit-limit-tokens": str(TOKENS_A_MINUTE),
        "x-ratelimit-remaining-tokens": str(TOKENS_A_MINUTE - len(call.entry.prompt) // 4),
        "x-ratelimit-reset-tokens": "10ms",
    }


def check_key(call: Call) -> None:
    """Raises 401 without a key, and for a key that begins with `sk-bad`."""
    if call.key is None:
        raise errors.no_key()
    if call.key.startswith("sk-bad"):
        raise errors.bad_key()


def body_of(call: Call) -> tuple[dict[str, Any], list[multipart.Part]]:
    """The body as fields and files, JSON or form, read once. Raises 400."""
    if "problem" in call.notes:
        raise call.notes["problem"]
    if "body" not in call.notes:
        is_form = call.request.content_type == "multipart/form-data"
        call.notes["body"] = _form(call) if is_form else (_json(call), [])
        call.notes["is_form"] = is_form
    fields, files = call.notes["body"]
    return fields, files


def _json(call: Call) -> dict[str, Any]:
    if call.request.content_type != "application/json":
        raise errors.invalid(None, f"Unsupported content type: '{call.request.content_type}'.", "unsupported")
    try:
        body = json.loads(call.body)
    except ValueError as problem:
        raise errors.invalid(None, f"The body could not be read as JSON: {problem}", "invalid_json") from problem
    if not isinstance(body, dict):
        raise errors.invalid(None, "The body must be a JSON object.", "invalid_json")
    return body


def _form(call: Call) -> tuple[dict[str, Any], list[multipart.Part]]:
    try:
        parts = multipart.read(call.request.headers["Content-Type"], call.body)
    except multipart.BadForm as problem:
        raise errors.invalid(None, f"The form could not be read: {problem}.", "invalid_form") from problem
    fields: dict[str, Any] = {}
    files: list[multipart.Part] = []
    for part in parts:
        if part.filename is not None:
            files.append(part)
        elif part.name in fields:
            raise errors.invalid(part.name, f"Duplicate parameter: '{part.name}'.", "duplicate_parameter")
        else:
            fields[part.name] = _value(part.name, part.data.decode("utf-8", "replace"))
    return fields, files


def _value(name: str, text: str) -> Any:
    """A form field as JSON would have it: some of them stand for numbers or yes and no."""
    if name in WHOLE_NUMBERS and text.lstrip("-").isdecimal():
        return int(text)
    if name == "stream" and text in ("true", "false"):
        return text == "true"
    return text


def check_spec(name: str, body: Mapping[str, Any]) -> None:
    """Raises 400 with OpenAI's code and the field, when the body breaks the schema of that name."""
    wrong = specs.problem("openai", name, dict(body))
    if wrong is None:
        return
    code = _CODES.get(wrong.rule, "invalid_value")
    if wrong.rule == "required":
        message = f"Missing required parameter: '{wrong.field}'."
    elif wrong.rule == "additionalProperties":
        message = f"Unknown parameter: '{wrong.field}'."
    elif wrong.rule == "enum":
        supported = ", ".join(f"'{value}'" for value in wrong.allowed)
        message = f"Invalid value: '{wrong.value}'. Supported values are: {supported}."
    else:
        message = f"Invalid '{wrong.field}': {wrong.message[:300]}."
    raise errors.invalid(wrong.field or None, message, code)


def _spoken(body: Mapping[str, Any]) -> str:
    """The text of a chat's messages or of a moderation's input."""
    given = body.get("input", body.get("messages", ()))
    return "\n".join(texts(given))


def texts(given: Any) -> list[str]:
    """Every text in a message, a list of content parts, or a list of either."""
    if isinstance(given, str):
        return [given]
    if isinstance(given, dict):
        return texts(given.get("content", given.get("text", ())))
    return [text for one in given for text in texts(one)] if isinstance(given, (list, tuple)) else []
