"""Requests being served: at once, or as v2's jobs that are told by polls until their time has come."""

from __future__ import annotations

import asyncio
import re
import secrets
import time
from collections import OrderedDict
from dataclasses import dataclass, field
from typing import Any

from aiohttp import web

from .. import sight, spoil, uploads
from ..calls import ApiError, Call
from ..faults import Rule
from ..links import Stored
from ..state import State
from .models import ENDPOINTS
from .orders import IdeogramOrder, order_of
from .wire import MOST_IN_FLIGHT, body_of, check_key, check_spec, invalid, is_dry_run, too_many

KEPT = 1000
LINK_SECONDS = 86_400.0
FORBIDDEN = re.compile(r"\bforbidden\b", re.IGNORECASE)
"""The safety check always refuses a prompt with this word, so that a refusal can be tried out."""


@dataclass
class Generation:
    """One accepted request, and its pictures while they are drawn."""

    order: IdeogramOrder
    fault: Rule
    state: State
    origin: Call
    pictures: asyncio.Task[list[bytes]]
    began: float = field(default_factory=time.time)
    items: list[dict[str, Any]] | None = None
    """What is told of its pictures, once it was asked for."""

    @property
    def is_done(self) -> bool:
        """Whether its time has come; a change of the setting is felt by those under way."""
        return time.time() - self.began >= self.state.job_seconds and self.pictures.done()


class Desk:
    """What is in flight, and the newest jobs by id."""

    def __init__(self) -> None:
        self.waiting = 0
        """Requests that are answered with their pictures, and not yet answered."""
        self._jobs: OrderedDict[str, Generation] = OrderedDict()

    def add(self, job: Generation) -> str:
        """Keep a job and return its id."""
        name = secrets.token_urlsafe(16)
        self._jobs[name] = job
        if len(self._jobs) > KEPT:
            self._jobs.popitem(last=False)
        return name

    def get(self, name: str) -> Generation | None:
        """The job of that id."""
        return self._jobs.get(name)

    @property
    def in_flight(self) -> int:
        """How many requests are being worked on."""
        return self.waiting + sum(not job.is_done for job in self._jobs.values())


async def create(desk: Desk, path: str, call: Call) -> web.StreamResponse:
    """Take on a request: a price, words, pictures, or a job."""
    check_key(call)
    fields, files = body_of(call)
    check_spec(call, path, fields, files)
    if path == "describe":
        return await _described(call, files)
    order = order_of(path, fields, files, call)
    if is_dry_run(call):
        return _quoted(order)
    call.entry.n, call.entry.size = order.n, f"{order.size[0]}x{order.size[1]}"
    if order.pictures and call.entry.operation == "generate":
        call.entry.operation = "edit"
    if desk.in_flight >= MOST_IN_FLIGHT:
        raise too_many()
    if FORBIDDEN.search(order.prompt) or call.fault.kind == "refuse_input":
        raise ApiError(422, {"error": "Prompt or provided image failed the safety checks"})
    if call.fault.kind != "no_data":
        # What the safety check holds back was made, and is billed like the rest.
        call.charge(order.usd)
    call.entry.accepted = True
    if fields.get("async") or fields.get("webhook_url") or ENDPOINTS[path].only_jobs:
        return _begun(desk, order, call)
    desk.waiting += 1
    try:
        pictures = await _drawn(call, order)
    finally:
        desk.waiting -= 1
    items = _items(call, order, pictures)
    if path.startswith("v2/"):
        head: dict[str, Any] = {
            "generation_id": secrets.token_urlsafe(16),
            "generation_kind": "image",
            "seed": order.seed,
        }
    else:
        head = {"created": time.strftime("%Y-%m-%dT%H:%M:%S+00:00", time.gmtime())}
    return web.json_response(head if call.fault.kind == "no_data" else {**head, "data": items})


async def told(desk: Desk, call: Call) -> web.StreamResponse:
    """How far a job is."""
    check_key(call)
    name = call.request.match_info["name"]
    job = desk.get(name)
    if job is None:
        raise ApiError(404, {"error": "Generation not found."})
    head: dict[str, Any] = {"generation_id": name, "generation_kind": "image", "seed": job.order.seed}
    if not job.is_done:
        return web.json_response({**head, "status": "pending"})
    if job.fault.kind == "no_data":
        return web.json_response({**head, "status": "completed"})
    told_cost = {"usage_cost_usd_micros": round(job.order.usd * 1e6)}
    if job.fault.kind == "bill_without_picture":
        return web.json_response({**head, "status": "failed", "failure_reason": "The model failed.", **told_cost})
    if job.items is None:
        job.items = _items(job.origin, job.order, job.pictures.result())
    return web.json_response({**head, "status": "completed", **told_cost, "data": job.items})


def _begun(desk: Desk, order: IdeogramOrder, call: Call) -> web.Response:
    pictures = asyncio.create_task(_drawn(call, order))
    name = desk.add(Generation(order, call.fault, call.state, call, pictures))
    call.entry.request_id = name
    return web.json_response({"generation_id": name, "generation_kind": "image", "seed": order.seed})


def _quoted(order: IdeogramOrder) -> web.Response:
    micros = round(order.usd * 1e6)
    quote = {"object": "price_quote", "billing_identifier": order.path.rpartition("/")[2], "quantity": order.n}
    return web.json_response({**quote, "usd_micros": micros, "credit_millis": micros // 10, "qualifier": "exact"})


async def _drawn(call: Call, order: IdeogramOrder) -> list[bytes]:
    """The encoded pictures, off the event loop, with the fault that their bytes should have."""
    if call.fault.kind in ("bill_without_picture", "no_data"):
        return []
    if call.fault.kind == "too_many_pixels":
        return [spoil.bomb()] * order.n
    drawn = [
        await asyncio.to_thread(order.draw, call.state.next_serial()) for _ in range(order.n - _held_back(call, order))
    ]
    return [spoil.halved(data) for data in drawn] if call.fault.kind == "half_picture" else drawn


def _held_back(call: Call, order: IdeogramOrder) -> int:
    """How many of the pictures the safety check does not give out."""
    return {"refuse_output": order.n, "refuse_some": min(call.fault.count, order.n)}.get(call.fault.kind, 0)


def _items(call: Call, order: IdeogramOrder, pictures: list[bytes]) -> list[dict[str, Any]]:
    """What the answer says of each picture; those that are held back come first, without a link."""
    held_back = 0 if call.fault.kind == "bill_without_picture" else _held_back(call, order)
    return [_item(call, order, None) for _ in range(held_back)] + [_item(call, order, data) for data in pictures]


def _item(call: Call, order: IdeogramOrder, data: bytes | None) -> dict[str, Any]:
    size = f"{order.size[0]}x{order.size[1]}"
    item = {
        "url": None if data is None else _link(call, data),
        "prompt": order.rewritten,
        "resolution": size,
        "is_image_safe": data is not None,
        "seed": order.seed,
    }
    if order.style:
        item["style_type"] = order.style
    if order.endpoint.operation == "upscale":
        item["upscaled_resolution"] = size
    if order.endpoint.design and data is not None:
        item |= _lettering(order)
    return item


def _lettering(order: IdeogramOrder) -> dict[str, Any]:
    """The words in quotation marks as text layers, one below the other."""
    width, height = order.size
    texts = re.findall(r'"([^"]+)"', order.prompt) or ["SANDBOX"]
    box = {"x": width // 10, "width": width * 8 // 10, "height": height // 8, "alignment": "center"}
    layers = [
        {
            **box,
            "y": height // 10 + place * height // 6,
            "style_class": "h1" if place == 0 else "body",
            "spans": [{"text": text, "color": "#212121", "font_fx": ["bold"] if place == 0 else []}],
        }
        for place, text in enumerate(texts)
    ]
    html = "".join(f"<p>{text}</p>" for text in texts)
    return {"text_containers": [{"id": "container_01", "items": layers}], "text_html": html, "image_layers": []}


def _link(call: Call, data: bytes) -> str:
    endless = call.fault.megabytes if call.fault.kind == "too_many_bytes" else 0
    expires = time.time() + min(LINK_SECONDS, call.state.link_seconds)
    url = call.link(call.state.links.put(Stored(data, "image/png", expires, endless), "png"))
    return f"{url}?exp={int(expires)}&sig={secrets.token_hex(8)}"


async def _described(call: Call, files: list[tuple[str, bytes]]) -> web.Response:
    if call.fault.kind in ("refuse_input", "refuse_output"):
        raise ApiError(422, {"error": "Image provided failed safety check due to the inclusion of prohibited content."})
    try:
        picture = await asyncio.to_thread(uploads.decode, files[0][1])
    except uploads.BadPicture as problem:
        raise invalid(call, "image_file", str(problem)) from problem
    seen = sight.describe(await asyncio.to_thread(sight.look, picture))
    if call.fault.kind == "no_data":
        return web.json_response({})
    call.charge(ENDPOINTS["describe"].usd)
    found = [] if call.fault.kind == "bill_without_picture" else [{"text": seen}]
    return web.json_response({"descriptions": found})
