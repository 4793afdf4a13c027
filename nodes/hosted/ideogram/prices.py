"""What a request will cost, from ``prices.toml``."""

from __future__ import annotations

import functools
from decimal import Decimal
from pathlib import Path
from typing import Any

from ..engine.toml import read_toml
from .requests import IdeogramRequest

_DEFAULT = "default"
_PLAIN = (None, "x1")


def estimate(request: IdeogramRequest) -> Decimal | None:
    """US dollars, rounded up where unsure; None where no price is published (a design, an enlarged cut-out, one's own model)."""
    each = _each(request)
    return None if each is None else each * request.num_images


def is_quoted(request: IdeogramRequest) -> bool:
    """Whether Ideogram is to be asked for the price, because none is published."""
    return request.model in _tables()["quoted"]


def _each(request: IdeogramRequest) -> Decimal | None:
    tables, model = _tables(), request.model
    if request.operation == "generate-design" or getattr(request, "upscale_factor", None) not in _PLAIN:
        return None
    if request.custom_model is not None:
        return None
    if (price := tables["picture"].get(model)) is not None:
        return _usd(price)
    if (by_quality := tables["quality"].get(model, {}).get(request.operation)) is not None:
        return _usd(by_quality[request.quality or _DEFAULT])
    table = tables["character" if request.character_image is not None else "speed"]
    by_speed = table.get(model)
    if by_speed is None:
        return None
    more = tables["transparent"][model] if request.operation == "generate-transparent" else 0
    return _usd(by_speed[request.rendering_speed or _DEFAULT]) + _usd(more)


def _usd(price: float) -> Decimal:
    return Decimal(str(price))


@functools.lru_cache(maxsize=1)
def _tables() -> dict[str, Any]:
    return read_toml(Path(__file__).with_name("prices.toml"))
