"""What remove.bg's calls share: the key, the form, error answers, and the megapixels of a minute."""

from __future__ import annotations

import json
import math
import time
from typing import Any

from aiohttp import web

from .. import multipart, specs
from ..calls import ApiError, Call
from ..faults import Rule

DOCUMENT = "removebg"
MEGAPIXELS_A_MINUTE = 500
_SWITCHES = frozenset({"crop", "add_shadow", "semitransparency"})


class RemoveBgDialect:
    """remove.bg's habits: the header X-Api-Key, a list of errors, and an allowance of megapixels in every answer."""

    provider = "removebg"

    def __init__(self) -> None:
        self._minute = 0
        self._spent = 0.0

    def key(self, request: web.Request) -> str | None:
        """The key of the X-Api-Key header."""
        return request.headers.get("X-Api-Key", "").strip() or None

    def note(self, call: Call) -> None:
        """Fill the log from the form; one that cannot be read is answered by the handler."""
        call.notes["spend"] = self.spend
        call.entry.model = "removebg"
        try:
            fields, _ = form_of(call)
        except ApiError as problem:
            call.notes["problem"] = problem
            return
        call.entry.size = str(fields.get("size", "preview"))

    def error(self, rule: Rule, call: Call) -> ApiError:
        """remove.bg's answer to a plain fault."""
        if rule.kind == "rate_limit":
            return throttled(rule.retry_after)
        headers = {} if rule.retry_after is None else {"Retry-After": f"{rule.retry_after:g}"}
        status, title, code = {
            "insufficient_quota": (402, "Insufficient credits", "insufficient_credits"),
            "server_error": (500, "Internal server error", ""),
            "unavailable": (503, "Service unavailable", ""),
            "bad_key": (403, "API Key invalid", "auth_failed"),
            "not_verified": (403, "API Key invalid", "auth_failed"),
            "model_not_found": (404, "Not found", ""),
        }[rule.kind]
        return error(status, title, code, headers=headers)

    def too_large(self) -> ApiError:
        """413, in remove.bg's shape."""
        return error(413, "Request body too large", "")

    def headers(self, call: Call) -> dict[str, str]:
        """What is left of this minute's megapixels, and when the next minute begins."""
        self._begin_minute()
        return {
            "X-RateLimit-Limit": str(MEGAPIXELS_A_MINUTE),
            "X-RateLimit-Remaining": str(max(0, math.floor(MEGAPIXELS_A_MINUTE - self._spent))),
            "X-RateLimit-Reset": str((self._minute + 1) * 60),
        }

    def spend(self, megapixels: float) -> None:
        """Take so much of this minute. Raises 429 where it is not there any more."""
        self._begin_minute()
        if self._spent + megapixels > MEGAPIXELS_A_MINUTE:
            raise throttled((self._minute + 1) * 60 - time.time())
        self._spent += megapixels

    def _begin_minute(self) -> None:
        minute = int(time.time() // 60)
        if minute != self._minute:
            self._minute, self._spent = minute, 0.0


def error(status: int, title: str, code: str, detail: str = "", headers: dict[str, str] | None = None) -> ApiError:
    """An error; remove.bg leaves out what it does not know."""
    told = {"title": title, "code": code, "detail": detail}
    return ApiError(status, {"errors": [{name: text for name, text in told.items() if text}]}, headers)


def throttled(retry_after: float | None) -> ApiError:
    """429, with Retry-After in whole seconds or as small as a fault wants it."""
    headers = {} if retry_after is None else {"Retry-After": f"{retry_after:g}"}
    return error(429, "Rate limit exceeded", "rate_limit_exceeded", headers=headers)


def check_key(call: Call) -> None:
    """Raises 403 without a key, and for a key that begins with `bad`."""
    if call.key is None or call.key.startswith("bad"):
        raise error(403, "API Key invalid", "auth_failed")


def form_of(call: Call) -> tuple[dict[str, Any], dict[str, bytes]]:
    """The fields, and the files by their field, of a form or a JSON body; read once. Raises 400."""
    if "problem" in call.notes:
        raise call.notes["problem"]
    if "form" not in call.notes:
        call.notes["form"] = _parts(call) if call.request.content_type == "multipart/form-data" else (_json(call), {})
    fields, files = call.notes["form"]
    return fields, files


def check_spec(fields: dict[str, Any], files: dict[str, bytes]) -> None:
    """Raises 400 with remove.bg's code, when the body breaks its schema."""
    sources = [name for name in ("image_file", "image_file_b64", "image_url") if name in fields or name in files]
    if len(sources) != 1:
        code = "multiple_sources" if sources else "missing_source"
        raise error(400, "Exactly one source image must be given", code)
    wrong = specs.problem(DOCUMENT, "request", {**fields, **dict.fromkeys(files, "")})
    if wrong is not None:
        raise error(400, f"Invalid parameter {wrong.field}".strip(), "invalid_parameter", wrong.message[:300])


def _json(call: Call) -> dict[str, Any]:
    try:
        body = json.loads(call.body)
    except ValueError as problem:
        raise error(400, "Invalid JSON", "invalid_request", str(problem)) from problem
    if not isinstance(body, dict):
        raise error(400, "Invalid JSON", "invalid_request")
    return body


def _parts(call: Call) -> tuple[dict[str, Any], dict[str, bytes]]:
    try:
        parts = multipart.read(call.request.headers["Content-Type"], call.body)
    except multipart.BadForm as problem:
        raise error(400, "Invalid form", "invalid_request", str(problem)) from problem
    files = {part.name: part.data for part in parts if part.filename is not None}
    return {part.name: _value(part) for part in parts if part.filename is None}, files


def _value(part: multipart.Part) -> Any:
    """A form field as JSON would have it: some stand for yes and no."""
    text = part.data.decode("utf-8", "replace")
    return text == "true" if part.name in _SWITCHES and text in ("true", "false") else text
