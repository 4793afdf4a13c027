"""What a request will cost, from ``prices.toml``: an estimate, since no gateway says."""

from __future__ import annotations

import functools
from decimal import Decimal
from pathlib import Path
from typing import Any

from ..engine.toml import read_toml
from .prompt import read
from .requests import OMNI, Imagine, MidjourneyRequest

_USUAL = "fast"


def estimate(request: MidjourneyRequest) -> Decimal:
    """US dollars."""
    table = _table()
    price = Decimal(str(table["call"][request.speed or _USUAL]))
    if isinstance(request, Imagine):
        values = read(request.prompt).values
        price *= Decimal(str(table["draft"])) if "draft" in values else 1
        price *= Decimal(str(table["omni"])) if OMNI in values or request.omni_image is not None else 1
    return price


@functools.lru_cache(maxsize=1)
def _table() -> dict[str, Any]:
    return read_toml(Path(__file__).with_name("prices.toml"))
