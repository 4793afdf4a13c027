"""What a request will cost, from ``prices.toml``."""

from __future__ import annotations

import functools
import math
from decimal import Decimal
from pathlib import Path
from typing import Any

from ..engine.toml import read_toml
from .request import FluxRequest

_MEGAPIXEL = 1024 * 1024
_USUAL_RESOLUTION = "1k"
_LARGEST_RESULT = 4
"""Megapixels that a result has at most where the input picture decides."""


def estimate(request: FluxRequest) -> Decimal | None:
    """US dollars on the request's route, rounded up where unsure; None for a model without a known price."""
    price = _of_one(request)
    return None if price is None else price * (request.count or 1)


def _of_one(request: FluxRequest) -> Decimal | None:
    table, path = _tables()[request.route], request.path
    if (price := table.get("picture", {}).get(path)) is not None:
        return _usd(price)
    if (by_resolution := table.get("resolution", {}).get(path)) is not None:
        price = by_resolution.get(getattr(request, "resolution", None) or _USUAL_RESOLUTION)
        return None if price is None else _usd(price)
    rate = table.get("megapixel", {}).get(path)
    return None if rate is None else _by_area(request, rate)


def _by_area(request: FluxRequest, rate: dict[str, float]) -> Decimal:
    """The first megapixel of the result, each further one begun, and the input pictures."""
    inputs = [picture.width * picture.height for picture in request.pictures]
    size = request.size
    made = _megapixels(size[0] * size[1]) if size else min(_LARGEST_RESULT, _megapixels(inputs[0]))
    sent = _usd(rate["input"]) * sum(map(_megapixels, inputs)) if "input" in rate else Decimal(0)
    return _usd(rate["first"]) + _usd(rate["more"]) * (made - 1) + sent


def _megapixels(pixels: int) -> int:
    return max(1, math.ceil(pixels / _MEGAPIXEL))


def _usd(price: float) -> Decimal:
    return Decimal(str(price))


@functools.lru_cache(maxsize=1)
def _tables() -> dict[str, Any]:
    return read_toml(Path(__file__).with_name("prices.toml"))
