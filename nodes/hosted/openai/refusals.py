"""What OpenAI's errors mean: the client's exceptions as ours, with OpenAI's own words and request id.

Source of the codes: OpenAI's error answers as of 2026-11-21; Azure's content filter as documented for chat.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from email.utils import parsedate_to_datetime
from typing import Any, TypedDict

from ..engine.account import Account
from ..engine.errors import (
    ContentRejected,
    EaselError,
    InputRefused,
    InvalidKey,
    ModelRetired,
    ProviderDown,
    QuotaExhausted,
    RateLimited,
    Stage,
    TimedOut,
)
from ..engine.request import Request

_CONTENT = {"moderation_blocked", "content_policy_violation", "content_filter", "contentFilter"}
_NO_CREDIT = {"insufficient_quota", "billing_hard_limit_reached"}
_NEVER_LEFT = {"ConnectError", "ConnectTimeout", "UnsupportedProtocol", "ProxyError"}
"""The transport's errors that come before a single byte of the request was sent."""


def explain(error: Exception, request: Request | None, account: Account) -> EaselError | None:
    """The error of ours that ``error`` means; None where it is neither the client's nor the transport's."""
    import openai

    if isinstance(error, openai.APIStatusError):
        return _answered(error, request, account)
    if isinstance(error, openai.APIResponseValidationError):
        return ProviderDown(f"{account.label} answered with something that is not its API.", request_id=_id_of(error))
    if isinstance(error, openai.APIConnectionError):
        return _unanswered(error.__cause__ or error, account)
    if isinstance(error, openai.APIError):
        # An error event inside a stream carries the same body as an error answer.
        return _spoken(_Answer(200, error.code or "", error.message, None, {}), request, account)
    if type(error).__module__.partition(".")[0] in ("httpx", "httpx2", "httpcore", "httpcore2", "json"):
        return _unanswered(error, account)
    return None


def broken_off(account: Account) -> TimedOut:
    """The connection ended after the request had left."""
    return TimedOut(
        f"The connection to {account.label} broke off after the request was sent, so nobody knows whether the picture was "
        f"made. It was not sent again. Run again to buy it."
    )


class _Told(TypedDict):
    """What every error quotes."""

    words: str
    request_id: str | None


class _Answer:
    """The parts of an error answer that decide what it means."""

    def __init__(self, status: int, code: str, words: str, request_id: str | None, body: Mapping[str, Any]) -> None:
        self.status = status
        self.code = code
        self.words = words
        self.request_id = request_id
        self.body = body


def _answered(error: Any, request: Request | None, account: Account) -> EaselError:
    body = error.body if isinstance(error.body, dict) else {}
    code = str(body.get("code") or body.get("type") or "")
    words = str(body.get("message") or "")
    answer = _Answer(error.status_code, code, words, _id_of(error), body)
    told = _Told(words=words, request_id=answer.request_id)
    if error.status_code == 429 and code not in _NO_CREDIT:
        return RateLimited(
            f"{account.label} is being asked too often.", retry_after=_retry_after(error.response.headers), **told
        )
    if error.status_code == 503:
        return ProviderDown(
            f"{account.label} has no capacity right now.",
            retryable=True,
            retry_after=_retry_after(error.response.headers),
            **told,
        )
    return _spoken(answer, request, account)


def _spoken(answer: _Answer, request: Request | None, account: Account) -> EaselError:
    told = _Told(words=answer.words, request_id=answer.request_id)
    label = account.label
    asked = f" ({request.summary})" if request else ""
    if answer.code in _CONTENT:
        details = answer.body.get("moderation_details") or {}
        stage: Stage = "output" if details.get("moderation_stage") == "output" else "input"
        what = "the finished picture" if stage == "output" else "the prompt or an input picture"
        why = f" for {', '.join(details['categories'])}" if details.get("categories") else ""
        return ContentRejected(f"{label}'s content filter refused {what}{why}{asked}.", stage=stage, **told)
    if answer.code in _NO_CREDIT:
        return QuotaExhausted(
            f"The {label} account has no credit left, or has reached its own spending limit. Add credit in {label}'s billing "
            f"settings and run again: what is done already is kept.",
            **told,
        )
    if answer.status == 401:
        # The provider's words may echo parts of the key, and say nothing more than this.
        return InvalidKey(
            f"{label} does not accept the key. Set {account.key_variable} or save a new key in Easel's key settings.",
            request_id=answer.request_id,
        )
    if answer.status == 403:
        return InvalidKey(f"{label} does not let this key or organisation use the model{asked}.", **told)
    if _is_retired(answer):
        model = request.model if request else "This model"
        return ModelRetired(f"{model} is not there any more{_instead(request)}.", input_name="model", **told)
    if answer.code == "model_not_found":
        return InputRefused(
            f"{label} offers this key no such model{asked}: check the model's name, and what the key may use.",
            input_name="model",
            **told,
        )
    if answer.status == 413:
        return InputRefused(f"The input pictures are larger than {label} takes: scale them down.", **told)
    if answer.status in (400, 404, 422) or answer.status == 200:
        name = str(answer.body.get("param") or "")
        at = f" because of {name}" if name else ""
        return InputRefused(f"{label} refused the request{at}{asked}.", input_name=name, **told)
    return ProviderDown(
        f"{label} failed while it worked on this (HTTP {answer.status}{asked}). It was not sent again; "
        f"run again to retry.",
        **told,
    )


def _is_retired(answer: _Answer) -> bool:
    return answer.status == 400 and "does not exist" in answer.words and "model" in answer.words


def _instead(request: Request | None) -> str:
    successor = request.successor() if request else None
    return f"; {successor.model} takes its place" if successor else ""


def _unanswered(cause: BaseException, account: Account) -> EaselError:
    name = type(cause).__name__
    if name in _NEVER_LEFT:
        return ProviderDown(f"{account.label} cannot be reached: check the network.", retryable=True)
    if "Timeout" in name and name != "PoolTimeout":
        return TimedOut(
            f"{account.label} did not answer in time. The request had been sent, so it was not repeated; "
            f"run again to buy it."
        )
    return broken_off(account)


def _id_of(error: Any) -> str | None:
    found = getattr(error, "request_id", None) or error.response.headers.get("x-request-id")
    return str(found) if found else None


def _retry_after(headers: Mapping[str, str]) -> float | None:
    """Seconds to wait; the header is seconds or a date (RFC 9110, 10.2.3), and OpenAI has one in milliseconds."""
    if milliseconds := headers.get("retry-after-ms"):
        return float(milliseconds) / 1000
    value = headers.get("retry-after")
    if not value:
        return None
    try:
        return float(value)
    except ValueError:
        return max(0.0, (parsedate_to_datetime(value) - dt.datetime.now(dt.timezone.utc)).total_seconds())
