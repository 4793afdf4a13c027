"""What is kept or under way of many requests at once, and who made a picture; nothing is bought or healed here."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

from .kept import outcome_of
from .outcome import Outcome, record_of
from .tables import Purchase
from .tools import Tools

if TYPE_CHECKING:
    from .engine import Engine


async def standing(engine: Engine, fingerprints: Sequence[str]) -> Mapping[str, Purchase]:
    """The purchase of each fingerprint that is kept with all its files, or under way. From any loop."""
    return await engine.look_up(partial(_standing, fingerprints))


async def kept_outcome(engine: Engine, purchase: Purchase) -> Outcome | None:
    """What a kept purchase gave, without healing it; None where a file is damaged. From any loop."""
    return await engine.look_up(partial(_read, purchase))


async def _standing(fingerprints: Sequence[str], tools: Tools) -> Mapping[str, Purchase]:
    found: Mapping[str, Purchase] = await tools.in_order(tools.ledger.standing, fingerprints)
    return await asyncio.to_thread(lambda: {name: one for name, one in found.items() if _is_usable(tools, one)})


def _is_usable(tools: Tools, purchase: Purchase) -> bool:
    is_open = purchase.active is not None
    return is_open or all(tools.store.has(purchase.realm, picture.digest) for picture in purchase.pictures)


async def _read(purchase: Purchase, tools: Tools) -> Outcome | None:
    read = [await asyncio.to_thread(tools.store.get, purchase.realm, picture.digest) for picture in purchase.pictures]
    whole = [data for data in read if data is not None]
    return outcome_of(purchase, whole, [], paid_now=False) if len(whole) == len(read) else None


async def maker_of(pixels: str, tools: Tools) -> dict[str, Any] | None:
    """The record of the newest purchase that gave a picture with these RGB pixels; None where none did."""
    found = await tools.in_order(tools.journal.maker_of, pixels)
    if found is None:
        return None
    purchase, picture = found
    return {**record_of(purchase), "revised_prompt": picture.revised_prompt}
