"""The end of a purchase: what the provider delivered is kept, billed, fetched, looked at and recorded."""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass
from typing import Any

from .errors import ContentRejected, ResultLost
from .fetch import MAX_BYTES, origin_of
from .journal import Source
from .money import to_micros
from .outcome import Facts, result_json
from .provider import Inline, Result
from .tables import Purchase, StoredPicture
from .tools import Tools


@dataclass
class Delivery:
    """What one purchase gave, on its way into the store."""

    tools: Tools
    purchase: Purchase
    label: str
    """The provider's name, for error messages."""
    address: str
    summary: str

    async def take(self, result: Result) -> Purchase:
        """Keep what came inline, journal links and bill, then collect the pictures."""
        digests = [
            await self._keep(picture.data) if isinstance(picture, Inline) else None for picture in result.pictures
        ]
        kept = result_json(result, digests, self.purchase.request, time.time())
        is_free = bool(result.refused) and not result.pictures and not result.bills_refusals
        cost = to_micros(result.cost_usd) if result.cost_usd is not None else 0 if is_free else None
        source: Source = "estimated" if result.cost_usd is None else "reported"
        ready = self.tools.journal.ready
        self.purchase = await self.tools.in_order(ready, self.purchase.id, kept, cost, source)
        return await self.collect()

    async def collect(self) -> Purchase:
        """Bring every journaled picture into the store and look at it, then record the purchase as done.

        Raises :class:`ContentRejected` or :class:`ResultLost` where no picture is left.
        """
        kept = self.purchase.result
        self._refuse_empty(kept)
        brought = await asyncio.gather(*(self._bring(entry) for entry in kept["pictures"]), return_exceptions=True)
        rows: list[StoredPicture] = []
        lost: list[BaseException] = []
        for entry, found in zip(kept["pictures"], brought, strict=True):
            if isinstance(found, BaseException):
                lost.append(found)
            else:
                rows.append(_row(len(rows), entry, *found))
        for error in lost:
            if not rows or not isinstance(error, ResultLost) or error.resumable:
                raise error
            # What did arrive is paid for and kept.
            notice = f"One of {len(brought)} pictures was lost. {error.sentence}"
            kept = {**kept, "notices": [*kept["notices"], notice]}
        done: Purchase = await self.tools.in_order(self.tools.journal.done, self.purchase.id, kept, rows)
        return done

    def _refuse_empty(self, kept: dict[str, Any]) -> None:
        if kept["refused"] and not kept["pictures"]:
            raise ContentRejected(
                f"{self.label} held back every picture of this request ({self.summary}): {kept['refused'][0]}",
                stage="output",
                request_id=kept["request_id"],
                charge="charged" if self.purchase.cost or self.purchase.cost_source == "unknown" else "none",
            )
        if not (kept["pictures"] or kept["text"] or kept["data"]):
            raise ResultLost(
                f"{self.label} took the request and answered without a picture.", request_id=kept["request_id"]
            )

    async def _bring(self, entry: dict[str, Any]) -> tuple[str, Facts]:
        """One picture of a delivery: its digest in the store, and what a look at it tells."""
        try:
            if entry["digest"] is None:
                origin = origin_of(self.address)
                fetched, facts = await self.tools.downloads.fetch_picture(entry["url"], origin, self.tools.inspect)
                return await self._keep(fetched), facts
            data = await asyncio.to_thread(self.tools.store.get, self.purchase.realm, entry["digest"])
            if data is None:
                raise ResultLost("The picture had arrived, and its file is gone from Easel's store.")
            return entry["digest"], await asyncio.to_thread(self.tools.inspect, data)
        except ValueError as error:
            raise ResultLost(f"What {self.label} delivered is not a whole picture: {error}") from error

    async def _keep(self, data: bytes) -> str:
        if len(data) > MAX_BYTES:
            raise ResultLost(f"The picture is larger than {MAX_BYTES >> 20} MB, so Easel did not keep it.")
        try:
            return await asyncio.to_thread(self.tools.store.put, self.purchase.realm, data)
        except OSError as error:
            # A job can be asked again and a link followed again; bytes that came with the answer are gone.
            raise ResultLost(
                f"The picture was made, and Easel's store could not take it ({error.strerror or error}).",
                resumable=self.purchase.job is not None or self.purchase.state == "ready",
            ) from error


def _row(position: int, entry: dict[str, Any], digest: str, facts: Facts) -> StoredPicture:
    return StoredPicture(
        position=position,
        digest=digest,
        media_type=facts.media_type,
        width=facts.width,
        height=facts.height,
        pixels=facts.pixels,
        has_alpha=facts.has_alpha,
        revised_prompt=entry["revised_prompt"],
        url=entry["url"],
        url_until=entry["url_until"],
    )
