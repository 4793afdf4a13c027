"""Any endpoint at fal: how it is named, what is published of it, and how it is ordered.

Source: fal's documentation of 2026 (OpenAPI of one endpoint) and its platform API of August 2026 (pricing).
"""

from __future__ import annotations

import re
from typing import Any
from urllib.parse import urlencode

from ..engine.errors import EaselError, InputRefused, ModelRetired
from ..engine.provider import Call
from ..platforms.fal.answers import ACCOUNT
from ..platforms.fal.hosts import beside
from ..platforms.fal.ordering import order_of
from ..platforms.orders import Order
from .lookup import looked_up, untold
from .published import Published
from .requests import AnyFal

_NAME = re.compile(r"\w[\w.-]*(/\w[\w.-]*)+")
_SITE, _PLATFORM = "fal.ai", "api.fal.ai"


@order_of.register
def _order(request: AnyFal) -> Order:
    return request.order()


def checked_name(name: str) -> str:
    """``name`` without what a copied address has around it. Raises :class:`InputRefused` for what names no endpoint."""
    name = name.strip().removeprefix("https://").removeprefix("fal.ai/models/").rstrip("/")
    if not _NAME.fullmatch(name):
        raise InputRefused(
            "An endpoint at fal is written as its id, such as fal-ai/flux/dev: the part of the page's address after "
            "fal.ai/models/.",
            input_name="endpoint",
        )
    return name


async def fetch(name: str, call: Call) -> Published:
    """What fal publishes of ``name``: its inputs, and its price where there is one."""
    site = beside(call.address, _SITE)
    if site is None:
        raise InputRefused(
            "fal's address is set to another server, which publishes no schemas: this node needs fal itself.",
            input_name="endpoint",
        )
    url = f"{site}/api/openapi/queue/openapi.json?{urlencode({'endpoint_id': name})}"
    # Published for everybody: the key has no business there.
    answer = await looked_up(call, url, ACCOUNT, {})
    if answer.status in (400, 404, 422):
        raise ModelRetired(f"fal has no endpoint {name}.", input_name="endpoint")
    if answer.status != 200 or not isinstance(answer.body, dict):
        raise untold(ACCOUNT, name)
    pointer = _inputs_of(answer.body)
    unit, price = await _price(name, call)
    try:
        return Published.read(model=name, schema=answer.body, inputs=pointer, unit=unit, unit_usd=price)
    except ValueError as error:
        raise InputRefused(f"What fal publishes of {name} cannot be read: {error}.", input_name="endpoint") from None


def _inputs_of(document: dict[str, Any]) -> str:
    """Where the body of the one POST that the document describes stands, as a JSON pointer."""
    paths = document.get("paths") or {}
    for path, operations in paths.items():
        body = (operations.get("post") or {}).get("requestBody")
        if body:
            return (
                f"/paths/{path.replace('~', '~0').replace('/', '~1')}/post/requestBody/content/application~1json/schema"
            )
    return ""


async def _price(name: str, call: Call) -> tuple[str, str]:
    """The unit that is paid for and its price in US dollars; empty where fal tells none, which nothing depends on."""
    platform = beside(call.address, _PLATFORM)
    url = f"{platform}/v1/models/pricing?{urlencode({'endpoint_id': name})}"
    try:
        answer = await looked_up(call, url, ACCOUNT, {"Authorization": f"Key {call.key.reveal()}"})
    except EaselError:
        return "", ""
    prices = answer.body.get("prices") if answer.status == 200 and isinstance(answer.body, dict) else None
    for price in prices if isinstance(prices, list) else ():
        if isinstance(price, dict) and price.get("endpoint_id") == name and price.get("currency") == "USD":
            return str(price.get("unit") or ""), str(price.get("unit_price") or "")
    return "", ""
