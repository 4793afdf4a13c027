"""Results from before: read from the store, healed where a file was damaged and its link still lives."""

from __future__ import annotations

import asyncio
import hashlib
import time
from collections.abc import Sequence
from decimal import Decimal

from .errors import ResultLost
from .fetch import origin_of
from .money import to_usd
from .outcome import Delivered, Outcome, record_of
from .tables import Purchase, StoredPicture
from .tools import Tools


async def read_pictures(tools: Tools, purchase: Purchase, notes: list[str]) -> list[bytes] | None:
    """The bytes of every picture, in order; None where one is lost for good. What was healed is said in ``notes``.

    Raises :class:`ResultLost` where waiting may bring them back.
    """
    pictures = []
    for picture in purchase.pictures:
        data = await asyncio.to_thread(tools.store.get, purchase.realm, picture.digest)
        if data is None:
            await asyncio.to_thread(tools.store.insist)
            data = await _fetch_again(tools, purchase, picture)
            if data is None:
                return None
            notes.append("A kept picture was damaged; it was fetched again from the provider, for nothing.")
        pictures.append(data)
    return pictures


def outcome_of(purchase: Purchase, pictures: Sequence[bytes], notes: Sequence[str], *, paid_now: bool) -> Outcome:
    """A finished purchase and its bytes as the buyer sees them."""
    result = purchase.result
    return Outcome(
        record=record_of(purchase),
        pictures=tuple(
            Delivered(data, row.media_type, row.width, row.height, row.revised_prompt)
            for data, row in zip(pictures, purchase.pictures, strict=True)
        ),
        text=result["text"],
        data=result["data"],
        refused=tuple(result["refused"]),
        paid_usd=to_usd(purchase.cost or 0) if paid_now else Decimal(0),
        reused=not paid_now,
        notes=(*result["notices"], *notes),
    )


async def _fetch_again(tools: Tools, purchase: Purchase, picture: StoredPicture) -> bytes | None:
    """The picture through the link it came by, if that lives and still gives the very same bytes.

    Raises :class:`ResultLost` where the link may work again later, as after a network's log-in page or half a picture:
    waiting is cheaper than buying.
    """
    if picture.url is None or (picture.url_until is not None and picture.url_until < time.time()):
        return None
    try:
        data, _ = await tools.downloads.fetch_picture(picture.url, origin_of(purchase.address), tools.inspect)
    except ResultLost as lost:
        if lost.is_gone:
            return None
        if lost.resumable:
            raise
        raise _out_of_reach(lost.sentence) from lost
    except ValueError as error:
        raise _out_of_reach(f"what came was not a whole picture: {error}") from error
    if hashlib.sha256(data).hexdigest() != picture.digest:
        return None
    await asyncio.to_thread(tools.store.put, purchase.realm, data)
    return data


def _out_of_reach(why: str) -> ResultLost:
    return ResultLost(
        "The file of a picture that was bought before is damaged, and it could not be fetched again just now "
        f"({why.rstrip('.')}). See that this computer reaches the internet freely, with no log-in page in between, and "
        "run again: fetching it costs nothing. For another picture now, which is bought, change the take or the seed.",
        resumable=True,
        charge="none",
    )
