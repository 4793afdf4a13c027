"""The answers of image calls: JSON with bytes or links, or a stream of events; and how they go wrong."""

from __future__ import annotations

import asyncio
import base64
import json
import time
from typing import Any

from aiohttp import web
from PIL import Image, ImageFilter

from .. import painter, spoil
from ..calls import Call
from ..links import Stored
from .jobs import Job
from .wire import answer_headers

EVENTS = {"generate": "image_generation", "edit": "image_edit"}


async def deliver(call: Call, job: Job) -> web.StreamResponse:
    """Draw the job, charge it, answer it."""
    fault = call.fault
    if fault.kind == "no_data":
        return web.json_response({"created": int(time.time())})
    if job.stream:
        return await _stream(call, job)
    pictures = [await _drawn(call, job) for _ in range(_delivered(call, job))]
    call.charge(job.usd(job.n if fault.kind == "bill_without_picture" else len(pictures)))
    if fault.kind == "too_many_bytes" and not job.links:
        return await _flooded(call, pictures[0])
    return web.json_response(_answer(call, job, pictures))


def _delivered(call: Call, job: Job) -> int:
    if call.fault.kind == "bill_without_picture":
        return 0
    held_back = call.fault.count if call.fault.kind == "refuse_some" else 0
    return max(0, job.n - held_back)


async def _drawn(call: Call, job: Job) -> bytes:
    """One encoded picture, off the event loop, with the fault its bytes should have."""
    if call.fault.kind == "too_many_pixels":
        return spoil.bomb()
    serial = call.state.next_serial()
    data = await asyncio.to_thread(lambda: _encoded(job, job.draw(serial)))
    return spoil.halved(data) if call.fault.kind == "half_picture" else data


def _encoded(job: Job, picture: Image.Image) -> bytes:
    return painter.encode(picture, job.output_format, job.compression)


def _told(job: Job) -> dict[str, Any]:
    """What GPT image models say of their pictures."""
    return {
        "background": "transparent" if job.transparent else "opaque",
        "output_format": job.output_format,
        "quality": job.quality,
        "size": f"{job.size[0]}x{job.size[1]}",
    }


def _answer(call: Call, job: Job, pictures: list[bytes]) -> dict[str, Any]:
    answer: dict[str, Any] = {
        "created": int(time.time()),
        "data": [_item(call, job, one) for one in pictures],
    }
    if not job.legacy:
        billed = job.n if call.fault.kind == "bill_without_picture" else len(pictures)
        answer |= {**_told(job), "usage": job.usage(billed)}
    return answer


def _item(call: Call, job: Job, data: bytes) -> dict[str, str]:
    item = {"url": _link(call, job, data)} if job.links else {"b64_json": base64.b64encode(data).decode()}
    if job.model == "dall-e-3":
        item["revised_prompt"] = f"{job.prompt.strip().rstrip('.')}, drawn with simple shapes and clear light."
    return item


def _link(call: Call, job: Job, data: bytes) -> str:
    endless = call.fault.megabytes if call.fault.kind == "too_many_bytes" else 0
    expires = time.time() + call.state.link_seconds
    stored = Stored(data, f"image/{job.output_format}", expires, endless)
    return call.link(call.state.links.put(stored, job.output_format))


async def _flooded(call: Call, data: bytes) -> web.StreamResponse:
    """An answer whose one picture goes on and on."""
    whole = len(data) - len(data) % 3
    start = f'{{"created": {int(time.time())}, "data": [{{"b64_json": "'.encode()
    start += base64.b64encode(data[:whole])
    return await spoil.flood(call.request, "application/json", start, b"AAAA", call.fault.megabytes, b'"}]}')


async def _stream(call: Call, job: Job) -> web.StreamResponse:
    """Server-sent events: for each picture its partial ones, then the completed one with its usage."""
    name = EVENTS[job.operation]
    count = _delivered(call, job)
    partials = job.partial_images * count
    call.charge(job.usd(job.n if call.fault.kind == "bill_without_picture" else count, partials))
    headers = {"Content-Type": "text/event-stream", "Cache-Control": "no-cache", **answer_headers(call)}
    response = web.StreamResponse(headers=headers)
    await response.prepare(call.request)
    for place in range(count):
        serial = call.state.next_serial()
        picture = await asyncio.to_thread(job.draw, serial)
        for index in range(job.partial_images):
            rough = await asyncio.to_thread(_rough, job, picture, index)
            event = {"type": f"{name}.partial_image", "partial_image_index": index, **_event(job, rough)}
            await _send(call, response, event)
            # What a call takes is spread over what it shows on the way.
            await asyncio.sleep(call.state.latency / (partials + 1))
        if call.fault.kind == "cut_stream":
            return response
        data = await asyncio.to_thread(_encoded, job, picture)
        data = spoil.halved(data) if call.fault.kind == "half_picture" else data
        data = spoil.bomb() if call.fault.kind == "too_many_pixels" else data
        event = {"type": f"{name}.completed", **_event(job, data), "usage": _share(job, place)}
        await _send(call, response, event)
    await response.write_eof()
    return response


def _share(job: Job, place: int) -> dict[str, Any]:
    """The usage of one streamed picture; the input is counted with the first."""
    usage = job.usage(1, job.partial_images)
    if place:
        usage |= {"input_tokens": 0, "input_tokens_details": {"text_tokens": 0, "image_tokens": 0}}
        usage["total_tokens"] = usage["output_tokens"]
    return usage


def _rough(job: Job, picture: Image.Image, index: int) -> bytes:
    """An unfinished look of the picture: the earlier, the blurrier."""
    radius = min(job.size) / (24 * (index + 1))
    return _encoded(job, picture.filter(ImageFilter.BoxBlur(radius)))


def _event(job: Job, data: bytes) -> dict[str, Any]:
    return {"b64_json": base64.b64encode(data).decode(), "created_at": int(time.time()), **_told(job)}


async def _send(call: Call, response: web.StreamResponse, event: dict[str, Any]) -> None:
    line = f"event: {event['type']}\ndata: {json.dumps(event)}\n\n".encode()
    call.entry.bytes_out += len(line)
    await response.write(line)
