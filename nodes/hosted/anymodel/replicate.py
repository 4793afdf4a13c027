"""Any model at Replicate: how it is named, what is published of it, and how it is ordered.

Source: Replicate's OpenAPI of April 2026 (models.get, models.versions.get, models.predictions.create).
"""

from __future__ import annotations

import re
from typing import Any

from ..engine import wire
from ..engine.errors import InputRefused, ModelRetired
from ..engine.provider import Call
from ..platforms.orders import Order
from ..platforms.replicate.answers import ACCOUNT, refusal
from ..platforms.replicate.ordering import order_of
from .lookup import looked_up, untold
from .published import Published
from .requests import AnyReplicate

_NAME = re.compile(r"\w[\w.-]*/\w[\w.-]*(:[0-9a-f]{64})?")
_INPUTS = "/components/schemas/Input"


@order_of.register
def _order(request: AnyReplicate) -> Order:
    return request.order()


def checked_name(name: str) -> str:
    """``name`` without what a copied address has around it. Raises :class:`InputRefused` for what names no model."""
    name = name.strip().removeprefix("https://").removeprefix("replicate.com/").rstrip("/")
    if not _NAME.fullmatch(name):
        raise InputRefused(
            "A model at Replicate is written as owner/name, or as owner/name:version with the version's 64 digits: "
            "nightmareai/real-esrgan, for example.",
            input_name="model",
        )
    return name


def is_pinned(name: str) -> bool:
    """Whether ``name`` says which version it means."""
    return ":" in name


async def fetch(name: str, call: Call) -> Published:
    """What Replicate publishes of ``name``. Community models are ordered by version, official ones by name."""
    model, _, version = name.partition(":")
    path = f"/v1/models/{model}/versions/{version}" if version else f"/v1/models/{model}"
    headers = {"Authorization": f"Bearer {call.key.reveal()}"}
    answer = await looked_up(call, f"{call.address}{path}", ACCOUNT, headers)
    if answer.status == 404:
        raise ModelRetired(f"Replicate has no model {name}, or this key may not see it.", input_name="model")
    if answer.status >= 500:
        raise untold(ACCOUNT, name)
    if answer.status != 200:
        raise refusal(answer, None)
    if not isinstance(answer.body, dict):
        raise wire.not_the_api(ACCOUNT)
    found = answer.body if version else answer.body.get("latest_version")
    if not isinstance(found, dict) or not found.get("id") or not isinstance(found.get("openapi_schema"), dict):
        raise InputRefused(
            f"Replicate publishes no inputs for {name}, so it cannot be run from here.", input_name="model"
        )
    by_name = bool(answer.body.get("is_official")) and not version
    return _published(model if by_name else f"{model}:{found['id']}", found["openapi_schema"])


def _published(model: str, document: dict[str, Any]) -> Published:
    try:
        return Published.read(model=model, schema={"components": document.get("components")}, inputs=_INPUTS)
    except ValueError as error:
        raise InputRefused(
            f"What Replicate publishes of {model} cannot be read: {error}.", input_name="model"
        ) from None
