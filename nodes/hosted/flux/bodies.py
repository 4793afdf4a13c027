"""Requests in each route's own words: fields, switches, sizes and files, translated by the rows of the models."""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

from ..engine.inputs import InputPicture
from ..platforms.orders import Attached
from .models import Offer
from .request import FluxRequest, FluxSized
from .requests import FluxErase, FluxExpand, FluxFill
from .sizes import AUTO

_PLAIN = (
    "seed", "output_format", "safety_tolerance", "prompt_upsampling", "steps", "guidance", "count", "user",
    "resolution", "grounding", "raw", "strength", "control_strength", "prepared", "grow", "output_quality",
    "go_fast", "acceleration", "megapixels", "safety_checker", "interval", "loras", "mode",
)  # fmt: skip
"""Fields that are sent as they are, but for their names and the words of their values."""
_MARGINS = ("top", "bottom", "left", "right")
_NOT = "not "
_REST = "1 - "


def body_of(request: FluxRequest) -> dict[str, Any]:
    """What the route is sent: plain JSON, with an InputPicture or :class:`Attached` wherever a file goes."""
    offer = request.offer
    # What is asked for wins over what is usual.
    body = {**offer.always, **(_size(request) if isinstance(request, FluxSized) else {}), **_fields(request)}
    if isinstance(request, FluxExpand):
        return body | _continued(request)
    body |= _pictures(offer, request.pictures)
    if isinstance(request, (FluxFill, FluxErase)):
        body[offer.mask_in] = Attached(request.mask.as_white)
    return body


def _fields(request: FluxRequest) -> dict[str, Any]:
    offer = request.offer
    asked = {name: getattr(request, name, None) for name in _PLAIN}
    if not offer.formats:
        asked["output_format"] = None
    if offer.safety_tolerance is None:
        asked["safety_tolerance"] = None
    if offer.grounding:
        # Sent always: sources differ about what BFL does when it is left out.
        asked["grounding"] = bool(asked["grounding"])
    told = dict(_told(offer, name, value) for name, value in asked.items() if value is not None)
    return {"prompt": request.prompt, **told} if offer.prompt else told


def _told(offer: Offer, name: str, value: Any) -> tuple[str, Any]:
    """A field as this route calls it, and its value as this route writes it."""
    wire_name = offer.names.get(name, name)
    if wire_name.startswith(_NOT):
        return wire_name.removeprefix(_NOT), not value
    if wire_name.startswith(_REST):
        # A share of 0.8 would leave 0.19999999999999996.
        return wire_name.removeprefix(_REST), round(1 - value, 6)
    if name == "loras":
        return wire_name, [one.model_dump() for one in value]
    if name in offer.as_text:
        return wire_name, str(value)
    return wire_name, offer.values.get(name, {}).get(value, value) if isinstance(value, str) else value


def _size(request: FluxSized) -> dict[str, Any]:
    offer = request.offer
    if request.aspect_ratio == AUTO and offer.auto is not None:
        return dict(offer.auto)
    size = offer.size(request.aspect_ratio, request.width, request.height, request.first)
    if size is None:
        return dict([_told(offer, "aspect_ratio", offer.ratio(str(request.aspect_ratio), request.first))])
    sides = {"width": size[0], "height": size[1]}
    if offer.size_in == "image_size":
        return {"image_size": sides}
    return {"aspect_ratio": "custom", **sides} if offer.size_in == "custom" else sides


def _pictures(offer: Offer, pictures: Sequence[InputPicture]) -> dict[str, Any]:
    if not pictures:
        return {}
    files = [picture if offer.links else _as_file(picture) for picture in pictures]
    if offer.pictures_in.endswith("[]"):
        return {offer.pictures_in.removesuffix("[]"): files}
    if offer.several and len(files) > 1:
        return {"image_urls": files}
    name = offer.pictures_in
    return {name if place == 1 else f"{name}_{place}": file for place, file in enumerate(files, start=1)}


def _as_file(picture: InputPicture) -> Attached:
    return Attached(partial(picture.encoded, "image/png"))


def _continued(request: FluxExpand) -> dict[str, Any]:
    offer, image = request.offer, request.image
    margins = {side: getattr(request, side) for side in _MARGINS}
    if offer.margins_in == "canvas":
        return {
            offer.pictures_in: Attached(partial(_on_canvas, image, margins)),
            offer.mask_in: Attached(partial(_mask_of_margins, image, margins)),
        }
    told = _pictures(offer, (image,))
    if offer.margins_in == "sides":
        return told | margins
    width, height = request.whole
    offset = {"reference_offset_x": request.left, "reference_offset_y": request.top}
    return told | {"width": width, "height": height} | offset


def _on_canvas(image: InputPicture, margins: Mapping[str, int]) -> bytes:
    """The picture (PNG) in the middle of grey margins."""
    from PIL import Image, ImageOps

    picture = Image.open(io.BytesIO(image.encoded("image/png"))).convert("RGB")
    return _png(ImageOps.expand(picture, _border(margins), (128, 128, 128)))


def _mask_of_margins(image: InputPicture, margins: Mapping[str, int]) -> bytes:
    """The mask (PNG) of that canvas: white where there is no picture yet."""
    from PIL import Image, ImageOps

    return _png(ImageOps.expand(Image.new("L", (image.width, image.height)), _border(margins), 255))


def _border(margins: Mapping[str, int]) -> tuple[int, int, int, int]:
    return margins["left"], margins["top"], margins["right"], margins["bottom"]


def _png(picture: Any) -> bytes:
    file = io.BytesIO()
    picture.save(file, "PNG", compress_level=1)
    return file.getvalue()
