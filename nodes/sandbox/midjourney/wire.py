"""What the gateways' calls share: the key, bodies as JSON."""

from __future__ import annotations

import json
from typing import Any

from aiohttp import web

from .. import specs, uploads
from ..calls import ApiError, Call
from ..faults import Rule


class GatewayDialect:
    """What all four do; each has its own header and its own shape of errors."""

    provider = "midjourney"
    header = "Authorization"

    def key(self, request: web.Request) -> str | None:
        """The key of the gateway's header."""
        return request.headers.get(self.header, "").removeprefix("Bearer ").strip() or None

    def note(self, call: Call) -> None:
        """Fill the log from the body of a submission; a body that cannot be read is answered by the handler."""
        if not call.entry.creates:
            return
        try:
            body = json.loads(call.body)
        except ValueError:
            body = None
        call.notes["body"] = body if isinstance(body, dict) else {}
        call.entry.prompt = self.prompt(call.notes["body"])
        call.entry.model = "midjourney"

    def prompt(self, body: dict[str, Any]) -> str:
        """The prompt of a body."""
        return str(body.get("prompt") or "")

    def error(self, rule: Rule, call: Call) -> ApiError:
        """The gateway's answer to a plain fault."""
        headers = {} if rule.retry_after is None else {"Retry-After": f"{rule.retry_after:g}"}
        status, words = {
            "rate_limit": (429, "Too many tasks"),
            "insufficient_quota": (402, "insufficient credits"),
            "server_error": (500, "Internal Server Error"),
            "unavailable": (503, "Service Unavailable"),
            "bad_key": (401, "Invalid key"),
            "not_verified": (403, "Forbidden"),
            "model_not_found": (404, "Not Found"),
        }[rule.kind]
        return self.said(status, words, headers)

    def said(self, status: int, words: str, headers: dict[str, str] | None = None) -> ApiError:
        """An error that is one sentence."""
        return ApiError(status, {"error": words}, headers)

    def too_large(self) -> ApiError:
        """413, in the gateway's shape."""
        return self.said(413, "Request body too large")

    def headers(self, call: Call) -> dict[str, str]:
        """No gateway documents any."""
        return {}

    def check_key(self, call: Call) -> None:
        """Raises 401 without a key, and for a key that begins with `bad`."""
        if call.key is None or call.key.startswith("bad"):
            raise self.said(401, "Invalid key")


def body_of(call: Call) -> dict[str, Any]:
    """The JSON object that was posted; empty where it was none."""
    body: dict[str, Any] = call.notes.get("body", {})
    return body


def problem(name: str, body: Any) -> str | None:
    """What is wrong with a body, in words; None where it fits its schema."""
    wrong = specs.problem("midjourney", name, body)
    return None if wrong is None else f"{wrong.field}: {wrong.message[:200]}"


def picture_in(data_url: str) -> Any:
    """The picture of a data URL. Raises BadPicture."""
    return uploads.decode(uploads.from_data_url(data_url)[1])
