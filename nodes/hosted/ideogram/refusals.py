"""What Ideogram's error answers mean, with its own words and the id of the request.

Source: the responses in Ideogram's OpenAPI of April 2026, and the v2 reference pages of September to November 2026.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any

from ..engine import wire
from ..engine.errors import ContentRejected, EaselError, InvalidKey, QuotaExhausted
from ..engine.request import Request
from .account import ACCOUNT, LABEL

_REQUEST_ID = "X-Request-Id"
_WORDS = ("error", "message", "detail")
_LIMITS = {
    "daily_limit": "reached its own limit for today",
    "subscription_required": "needs a subscription for this",
    "priority_credit_required": "needs priority credit for this",
    "feature_limit": "may not use this feature any more for now",
}


def refusal(answer: wire.Answer, request: Request | None, status: int | None = None) -> EaselError:
    """The error that an HTTP status other than 200 means; ``status`` where the answer names another one in its body."""
    status, body = status or answer.status, answer.body
    asked = f" ({request.summary})" if request else ""
    told: dict[str, Any] = {"words": _words(body), "request_id": request_id_of(body, answer.headers)}
    reason = str(body.get("reject_reason") or "") if isinstance(body, Mapping) else ""
    if reason in _LIMITS:
        return QuotaExhausted(
            f"The {LABEL} account {_LIMITS[reason]}. See to it in the account's settings at {LABEL}; what is done already "
            f"is kept.",
            **told,
        )
    if status == 402 or reason == "insufficient_funds":
        return QuotaExhausted(
            f"The {LABEL} account has no API credit left. Add some at {LABEL} and run again: what is done already "
            f"is kept.",
            **told,
        )
    if status == 403:
        return InvalidKey(
            f"{LABEL} does not let this key do that: perhaps it is disabled, has no access to this model, or the API's terms "
            f"are not accepted yet at {LABEL}.",
            **told,
        )
    if status == 422:
        return ContentRejected(
            f"{LABEL}'s safety check refused the prompt or an input picture{asked}.", stage="input", **told
        )
    if status == 503:
        # Elsewhere this means that nothing was taken; Ideogram does not say so.
        status = 500
    return wire.refusal(dataclasses.replace(answer, status=status), ACCOUNT, request, field=_field(body), **told)


def request_id_of(body: Any, headers: Mapping[str, str]) -> str | None:
    """What Ideogram's support asks for, where the answer names it."""
    named = body.get("generation_id") or body.get("request_id") if isinstance(body, Mapping) else None
    return str(named) if named else headers.get(_REQUEST_ID)


def _words(body: Any) -> str:
    """Ideogram's own words: a sentence, or a list of what is wrong where."""
    found = next((body[name] for name in _WORDS if body.get(name)), "") if isinstance(body, Mapping) else ""
    if isinstance(found, list):
        return "; ".join(str(one.get("msg", one)) if isinstance(one, Mapping) else str(one) for one in found)
    return str(found)


def _field(body: Any) -> str:
    """The input that an answer about bad input names, where it does."""
    detail = body.get("detail") if isinstance(body, Mapping) else None
    if isinstance(detail, list) and detail and isinstance(detail[0], Mapping):
        return next((str(step) for step in reversed(detail[0].get("loc", ())) if step != "body"), "")
    return ""
