"""What remove.bg's answers mean: a picture with its credits, or one of our errors with remove.bg's own words.

Source: remove.bg's OpenAPI 1.0.0, and its Ruby client 2.2 with the exchanges recorded there.
"""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal, InvalidOperation
from typing import Any

from ...engine import wire
from ...engine.account import Account
from ...engine.errors import EaselError, InputRefused, ProviderDown, QuotaExhausted, ResultLost
from ...engine.provider import Inline, Result
from .. import prices
from ..requests import RemoveBackground
from .allowance import until_renewed
from .unpacking import DamagedZip, unpacked

ACCOUNT = Account(
    name="removebg",
    label="remove.bg",
    address="https://api.remove.bg/v1.0",
    key_variable="REMOVEBG_API_KEY",
    free_call="account",
    key_header="X-Api-Key",
    key_scheme="",
)

_LABEL = ACCOUNT.label
_ZIP = "application/zip"
_TOO_LARGE = ("file_too_large", "resolution_too_high")
_INPUTS = {
    "invalid_bg_color": "background_color",
    "invalid_crop_margin": "crop_margin",
    "roi_region_empty": "roi",
    "invalid_roi": "roi",
    "invalid_scale": "scale",
    "invalid_position": "position",
    "invalid_channels": "channels",
    "invalid_shadow_opacity": "shadow_opacity",
    "unknown_foreground": "image",
    "invalid_file_type": "image",
}


def result_of(answer: wire.Answer, request: RemoveBackground, notices: tuple[str, ...]) -> Result:
    """The cut-out and what it cost.

    Raises :class:`ResultLost`, with what was charged, for damaged data; :class:`ProviderDown` for what is no answer of
    the API.
    """
    kind = answer.headers.get("Content-Type", "").partition(";")[0].strip().lower()
    credits = _credits(answer.headers)
    if kind != _ZIP and not kind.startswith("image/"):
        raise wire.not_the_api(ACCOUNT)
    cost = None if credits is None else prices.usd_of_credits(credits)
    if not answer.data:
        raise ResultLost(f"{_LABEL} answered with a file that is empty, or too large to keep.").costing(cost)
    try:
        picture = unpacked(answer.data) if kind == _ZIP else answer.data
    except DamagedZip as error:
        raise ResultLost(f"What {_LABEL} delivered cannot be used: {error}.").costing(cost) from error
    return Result(
        pictures=(Inline(picture),),
        data=_told(answer.headers, credits),
        cost_usd=cost,
        notices=notices,
    )


def refusal(answer: wire.Answer, request: RemoveBackground) -> EaselError:
    """The error that an answer without success means. remove.bg charges for none of its own failures."""
    code, words = _error(answer.body)
    if answer.status == 402:
        return QuotaExhausted(
            f"The {_LABEL} account has no credits left for this, and no free previews this month. Add credits at "
            f"{_LABEL}, or choose size preview if there are some for that.",
            words=words,
        )
    if answer.status == 429 and answer.retry_after is None and (wait := until_renewed(answer.headers)) is not None:
        answer = wire.Answer(429, {"Retry-After": f"{wait:.1f}"}, answer.body)
    if code == "unknown_foreground":
        return InputRefused(
            f"{_LABEL} found no subject in the picture that it could cut out. Use a picture in which one thing stands "
            f"out, or say with subject_type what it is.",
            input_name="image",
            words=words,
        )
    if code in _TOO_LARGE:
        size = f"{request.image.width}x{request.image.height}"
        return InputRefused(
            f"The picture of {size} is larger than {_LABEL} takes: scale it down first.",
            input_name="image",
            words=words,
        )
    if answer.status >= 500 and answer.status != 503 and code is not None:
        return ProviderDown(f"{_LABEL} failed while it worked on this.", retryable=True, words=words)
    return wire.refusal(answer, ACCOUNT, request, words=words, field=_INPUTS.get(code or "", ""))


def _told(headers: Mapping[str, str], credits: Decimal | None) -> dict[str, Any]:
    """What the headers say of the picture: credits, the subject's kind, and where it stands."""
    told: dict[str, Any] = {} if credits is None else {"credits": float(credits)}
    if kind := headers.get("X-Type"):
        told["subject"] = kind
    box = [headers.get(f"X-Foreground-{side}", "") for side in ("Left", "Top", "Width", "Height")]
    if all(number.isdecimal() for number in box):
        told["foreground"] = [int(number) for number in box]
    return told


def _credits(headers: Mapping[str, str]) -> Decimal | None:
    try:
        credits = Decimal(headers["X-Credits-Charged"])
    except (KeyError, InvalidOperation):
        return None
    return credits if credits.is_finite() and credits >= 0 else None


def _error(body: Any) -> tuple[str | None, str]:
    """remove.bg's name of an error, empty where it gives none and None where this is no error of its API; its words."""
    errors = body.get("errors") if isinstance(body, Mapping) else None
    if not isinstance(errors, list) or not errors or not isinstance(errors[0], Mapping):
        return None, ""
    first = errors[0]
    words = ": ".join(str(first[part]) for part in ("title", "detail") if first.get(part))
    return str(first.get("code") or ""), words
