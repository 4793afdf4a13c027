"""Requests as the JSON bodies of BFL's API (its OpenAPI of April 2026, and the FLUX 3 launch pages)."""

from __future__ import annotations

import asyncio
import base64
from collections.abc import Sequence
from typing import Any

from ...engine.errors import InputRefused
from ...engine.inputs import InputPicture
from ...engine.provider import Call
from ..models import Offer
from ..requests import FluxEdit, FluxExpand, FluxFill, FluxGenerate, FluxRequest, FluxSized
from ..sizes import AUTO

_MOST_BYTES = 20 * 1000 * 1000


async def body_of(request: FluxRequest, call: Call) -> dict[str, Any]:
    """What is posted for ``request``. Raises :class:`InputRefused` for a picture that is too large as a file."""
    if isinstance(request, FluxEdit):
        pictures = [await _link_or_bytes(picture, call) for picture in request.images]
    elif isinstance(request, (FluxFill, FluxExpand)):
        pictures = [await _in_base64(request.image)]
    else:
        pictures = []
    body = {**fields_of(request), **_pictures(request.offer, pictures)}
    if isinstance(request, FluxFill):
        body["mask"] = _base64(await asyncio.to_thread(request.mask.as_white))
    return body


def fields_of(request: FluxRequest) -> dict[str, Any]:
    """Everything but the pictures; a field that is not set is left out."""
    offer = request.offer
    fields: dict[str, Any] = {
        "prompt": request.prompt,
        "seed": request.seed,
        "safety_tolerance": request.safety_tolerance,
        "steps": request.steps,
        "guidance": request.guidance,
        "user": request.user,
    }
    if offer.formats:
        fields["output_format"] = request.output_format
    if request.prompt_upsampling is not None and offer.rewriting:
        is_reversed = offer.rewriting == "disable_pup"
        fields[offer.rewriting] = request.prompt_upsampling != is_reversed
    if isinstance(request, FluxSized):
        fields |= {"resolution": request.resolution, **_size(request)}
        if offer.grounding:
            # Sent always: sources differ about what BFL does when it is left out.
            fields["grounding"] = bool(request.grounding)
    if isinstance(request, FluxGenerate):
        fields["raw"] = request.raw
    if isinstance(request, FluxExpand):
        fields |= {side: getattr(request, side) for side in ("top", "bottom", "left", "right")}
    return {name: value for name, value in fields.items() if value is not None}


def _size(request: FluxSized) -> dict[str, Any]:
    offer = request.offer
    size = offer.size(request.aspect_ratio, request.width, request.height)
    if size is not None:
        return {"width": size[0], "height": size[1]}
    # Everywhere else the first picture's shape is what is made without a word.
    says_auto = isinstance(offer.ratios, tuple) and AUTO in offer.ratios
    return {"aspect_ratio": request.aspect_ratio} if request.aspect_ratio != AUTO or says_auto else {}


def _pictures(offer: Offer, pictures: Sequence[str]) -> dict[str, Any]:
    if offer.pictures_in == "images":
        return {"images": list(pictures)} if pictures else {}
    name = offer.pictures_in
    return {name if place == 1 else f"{name}_{place}": picture for place, picture in enumerate(pictures, start=1)}


async def _link_or_bytes(picture: InputPicture, call: Call) -> str:
    return await call.link_for(picture) or await _in_base64(picture)


async def _in_base64(picture: InputPicture) -> str:
    data = await asyncio.to_thread(picture.encoded, "image/png")
    if len(data) > _MOST_BYTES:
        raise InputRefused(
            f"A picture of {picture.width}x{picture.height} makes a file of {len(data) / 1e6:.0f} MB, and "
            f"{_MOST_BYTES / 1e6:.0f} MB are the most: scale it down first.",
            input_name="image",
        )
    return _base64(data)


def _base64(data: bytes) -> str:
    return base64.b64encode(data).decode()
