"""What a request to OpenAI will cost, and what an answer did cost, from ``prices.toml``."""

from __future__ import annotations

import functools
import math
from decimal import Decimal
from pathlib import Path
from typing import Any

from ..engine.request import Request
from ..engine.toml import read_toml
from .models import row_of, sides
from .requests import Describe, GptImageRequest, ImageRequest, Moderate

_MILLION = Decimal(1_000_000)
_CHARACTERS_PER_TOKEN = 4
"""A usual rule of thumb for English; other languages need more tokens."""
_PARTIAL_TOKENS = 100
"""Output tokens that each partial picture adds (published for gpt-image-1; newer models are taken to be alike)."""
_DEAREST_AUTO = "high"
"""What ``auto`` is taken to choose: an estimate should not turn out too low."""


def estimate(request: Request) -> Decimal | None:
    """US dollars, rounded up where the model itself decides; None for a model without a known price.

    Tokens of input pictures are left out: OpenAI publishes no count for them. The bill has them.
    """
    if isinstance(request, GptImageRequest):
        return _gpt_image(request)
    if isinstance(request, ImageRequest):
        return _per_picture(request)
    if isinstance(request, Moderate):
        return Decimal(0)
    if isinstance(request, Describe):
        return tokens_cost(request.model, text_in=_text_tokens(request.prompt), text_out=request.max_tokens)
    return None


def tokens_cost(
    model: str, *, text_in: int = 0, image_in: int = 0, image_out: int = 0, text_out: int = 0
) -> Decimal | None:
    """US dollars for that many tokens; None for a model without a known price."""
    row = _find(_table()["tokens"], model)
    if row is None:
        return None
    counts = {"text_in": text_in, "image_in": image_in, "image_out": image_out, "text_out": text_out}
    total = sum(Decimal(str(row.get(kind, 0))) * count for kind, count in counts.items())
    return Decimal(total) / _MILLION


def usage_cost(model: str, usage: dict[str, Any]) -> Decimal | None:
    """US dollars of the ``usage`` that came with a picture; None for a model without a known price.

    ``usage`` is ``{input_tokens, output_tokens, input_tokens_details?, output_tokens_details?}``.
    """
    asked = usage.get("input_tokens_details") or {}
    made = usage.get("output_tokens_details") or {}
    text_out = int(made.get("text_tokens") or 0)
    image_in = int(asked.get("image_tokens") or 0)
    return tokens_cost(
        model,
        text_in=int(usage.get("input_tokens") or 0) - image_in,
        image_in=image_in,
        image_out=int(usage.get("output_tokens") or 0) - text_out,
        text_out=text_out,
    )


def _gpt_image(request: GptImageRequest) -> Decimal | None:
    tokens = _output_tokens(request.model, request.quality, request.size)
    if tokens is None:
        return None
    image_out = request.n * (tokens + _PARTIAL_TOKENS * (request.partial_images or 0))
    return tokens_cost(request.model, text_in=_text_tokens(request.prompt), image_out=image_out)


def _output_tokens(model: str, quality: str, size: str) -> int | None:
    row = _find(_table()["output_tokens"], model)
    if row is None:
        return None
    by_size: dict[str, int] = row[_DEAREST_AUTO if quality == "auto" else quality]
    if size == "auto":
        return max(tokens for listed, tokens in by_size.items() if _area(listed) <= _area("1024x1536"))
    # Token counts do not grow evenly with the area, so an unlisted size is taken as dear as its dearest neighbour.
    area = _area(size)
    below = [tokens for listed, tokens in by_size.items() if _area(listed) <= area]
    above = min((listed for listed in by_size if _area(listed) >= area), key=_area, default=None)
    exact = by_size.get(size) or by_size.get("x".join(reversed(size.split("x"))))
    return exact or max([*below[-1:], *([by_size[above]] if above else [])])


def _per_picture(request: ImageRequest) -> Decimal | None:
    row = next((row for row in _table()["pictures"] if row["model"] == request.model), None)
    if row is None:
        return None
    usd = row[getattr(request, "quality", "standard")].get(request.size)
    return None if usd is None else Decimal(str(usd)) * request.n


def _text_tokens(text: str) -> int:
    return math.ceil(len(text) / _CHARACTERS_PER_TOKEN)


def _area(size: str) -> int:
    width, height = sides(size)
    return width * height


def _find(rows: list[dict[str, Any]], model: str) -> dict[str, Any] | None:
    named = row_of(model)
    name = named.name if named else model
    return next((row for row in rows if name in row["models"]), None)


@functools.lru_cache(maxsize=1)
def _table() -> dict[str, Any]:
    return read_toml(Path(__file__).with_name("prices.toml"))
