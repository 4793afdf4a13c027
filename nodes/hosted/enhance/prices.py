"""What a request will cost, from ``prices.toml``."""

from __future__ import annotations

import functools
import math
from decimal import Decimal
from pathlib import Path
from typing import Any

from ..engine.toml import read_toml
from .requests import EnhanceRequest, RemoveBackground, Upscale

_MEGAPIXEL = 1024 * 1024


def estimate(request: EnhanceRequest) -> Decimal | None:
    """US dollars; what a usual run comes to where run time is billed. None for a model without a known price."""
    table = _table()
    if isinstance(request, RemoveBackground) and request.provider == "removebg":
        return usd_of_credits(credits_for(request))
    if (price := table["picture"].get(request.model)) is not None:
        return _decimal(price)
    rate = table["megapixel"].get(request.model)
    if rate is not None and isinstance(request, Upscale):
        width, height = request.made
        return _decimal(rate) * max(1, math.ceil(width * height / _MEGAPIXEL))
    return None


def credits_for(request: RemoveBackground) -> Decimal:
    """The remove.bg credits that ``request`` takes where the account has them."""
    return _decimal(_table()["removebg"]["credits"][request.size or "auto"])


def usd_of_credits(credits: Decimal) -> Decimal:
    """US dollars for remove.bg credits, at what one costs in a larger pack."""
    return credits * _decimal(_table()["removebg"]["usd_a_credit"])


def in_words(credits: Decimal) -> str:
    """ "1 credit" or "0.25 credits"."""
    return f"{credits} credit" if credits == 1 else f"{credits} credits"


def _decimal(number: float) -> Decimal:
    return Decimal(str(number))


@functools.lru_cache(maxsize=1)
def _table() -> dict[str, Any]:
    return read_toml(Path(__file__).with_name("prices.toml"))
