"""OpenAI's error answers: `{"error": {message, type, param, code}}`."""

from __future__ import annotations

from typing import Any

from ..calls import ApiError, Call
from ..faults import Rule

INVALID = "invalid_request_error"
USER = "image_generation_user_error"


def error(
    status: int,
    message: str,
    *,
    kind: str = INVALID,
    param: str | None = None,
    code: str | None = None,
    retry_after: float | None = None,
) -> ApiError:
    """Any error; `retry_after` in seconds becomes the Retry-After header."""
    body = {"error": {"message": message, "type": kind, "param": param, "code": code}}
    headers = {} if retry_after is None else {"Retry-After": f"{retry_after:g}"}
    return ApiError(status, body, headers)


def invalid(param: str | None, message: str, code: str = "invalid_value") -> ApiError:
    """400: the caller sent something that cannot be taken."""
    return error(400, message, param=param, code=code)


def retired(model: str) -> ApiError:
    """400: the model was alive once."""
    return error(400, f"The model '{model}' does not exist.", kind=USER, param="model", code="invalid_value")


def not_found(model: str) -> ApiError:
    """404: no such model for this key."""
    message = f"The model '{model}' does not exist or you do not have access to it."
    return error(404, message, param="model", code="model_not_found")


def no_key() -> ApiError:
    """401: the request carries no key."""
    return error(401, "No API key was provided. Send it as 'Authorization: Bearer YOUR_KEY'.")


def bad_key() -> ApiError:
    """401: the key is not known."""
    return error(401, "The API key that was provided is not valid.", code="invalid_api_key")


def refused(call: Call, stage: str, category: str, *, details: bool = True) -> ApiError:
    """400: a content filter refused; `stage` is input or output."""
    message = (
        "Your request was rejected by the safety system. If you believe this is an error, ask for help and "
        f"include the request ID {call.entry.request_id}."
    )
    refusal = error(400, message, kind=USER, code="moderation_blocked")
    if details:
        told: dict[str, Any] = {"moderation_stage": stage, "categories": [category]}
        refusal.body["error"]["moderation_details"] = told
    return refusal


def of_rule(rule: Rule, model: str) -> ApiError:
    """The answer of a fault that is a plain error."""
    wait = rule.retry_after
    if rule.kind == "rate_limit":
        message = f"Rate limit reached for {model or 'this model'}. Please try again later."
        return error(429, message, kind="requests", code="rate_limit_exceeded", retry_after=wait)
    if rule.kind == "insufficient_quota":
        message = "You exceeded your current quota. Please check your plan and billing details."
        return error(429, message, kind="insufficient_quota", code="insufficient_quota")
    if rule.kind == "server_error":
        message = "The server had an error while processing your request."
        return error(500, message, kind="server_error", code="server_error")
    if rule.kind == "unavailable":
        message = "The service is overloaded for the moment. Please try again later."
        return error(503, message, kind="server_error", code="server_error", retry_after=wait)
    if rule.kind == "not_verified":
        message = f"Your organization must be verified to use the model `{model}`."
        return error(403, message)
    return bad_key() if rule.kind == "bad_key" else not_found(model)
