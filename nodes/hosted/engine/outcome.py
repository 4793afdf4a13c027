"""What a finished purchase hands back, whether bought now or kept from before."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from .money import to_usd
from .provider import Link, Result

if TYPE_CHECKING:
    # SQLAlchemy takes a while to import, and showing a node needs none of it.
    from .tables import Purchase


@dataclass(frozen=True)
class Facts:
    """What a look at an encoded picture tells: its kind, size in pixels, and the digest of its RGB pixels."""

    media_type: str
    width: int
    height: int
    pixels: str
    has_alpha: bool


@dataclass(frozen=True)
class Delivered:
    """One picture: its encoded bytes and what the provider made of the prompt."""

    data: bytes
    media_type: str
    width: int
    height: int
    revised_prompt: str = ""


@dataclass(frozen=True)
class Outcome:
    """A purchase as its buyer sees it."""

    record: dict[str, Any]
    """What is known of how it came to be, as plain JSON, for manifests and for the node to show."""
    pictures: tuple[Delivered, ...]
    text: str
    data: dict[str, Any]
    refused: tuple[str, ...]
    paid_usd: Decimal
    """What this call cost: nothing where the result was kept."""
    reused: bool
    notes: tuple[str, ...] = field(default=())


def record_of(purchase: Purchase) -> dict[str, Any]:
    """The purchase as plain JSON: model, parameters, take, seed, job, cost, time. No key was ever in it."""
    result = purchase.result
    return {
        "purchase": purchase.id,
        "fingerprint": purchase.fingerprint,
        "sandbox": purchase.realm == "sandbox",
        "provider": purchase.provider,
        "operation": purchase.operation,
        "model": purchase.model,
        "asked_model": purchase.asked_model,
        "parameters": purchase.request,
        "take": purchase.request.get("take", 0),
        "seed": result.get("seed"),
        "seed_honoured": result.get("seed_honoured"),
        "job": purchase.job or result.get("request_id"),
        "request_id": result.get("request_id"),
        "bought_at": purchase.began,
        "seconds": round(purchase.changed - purchase.began, 3),
        "cost_usd": None if purchase.cost is None else float(to_usd(purchase.cost)),
        "cost_source": purchase.cost_source,
        "pictures": len(purchase.pictures),
        "run": purchase.run,
        "workflow": purchase.workflow,
    }


def result_json(result: Result, digests: Sequence[str | None], request: dict[str, Any], now: float) -> dict[str, Any]:
    """A provider's result as the journal keeps it: links with their end, inline pictures by their ``digests``."""
    asked = request.get("seed")
    return {
        "pictures": [
            {
                "digest": digest,
                "url": picture.url if isinstance(picture, Link) else None,
                "url_until": _until(picture, now) if isinstance(picture, Link) else None,
                "revised_prompt": picture.revised_prompt,
            }
            for picture, digest in zip(result.pictures, digests, strict=True)
        ],
        "refused": [refused.reason for refused in result.refused],
        "text": result.text,
        "data": result.data,
        "request_id": result.request_id,
        "notices": list(result.notices),
        "seed": asked if result.seed is None else result.seed,
        "seed_honoured": None if asked is None or result.seed is None else asked == result.seed,
    }


def _until(link: Link, now: float) -> float | None:
    return None if link.lifetime is None else now + link.lifetime
