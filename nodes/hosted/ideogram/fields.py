"""Requests as the fields and files of Ideogram's three APIs: each has its own names and its own spelling of values."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from ..engine.inputs import InputMask, InputPicture
from .models import AUTO, Offer, nearest_ratio
from .requests import IdeogramRequest

_WRAPPED = ("generate", "remix", "upscale")
"""What legacy wants as one JSON object named ``image_request``."""
_SAME_NAME = ("image_weight", "resemblance", "detail", "seed")
_WORDS = ("quality", "rendering_speed", "style_type", "style_preset", "upscale_factor")
"""Values that are names: capitals in legacy and v1, small letters in v2."""
_FONTS = {
    "font_h1": "font_name_h1",
    "font_h2": "font_name_h2",
    "font_body": "font_name_body",
    "font_small": "font_name_small",
}


@dataclass(frozen=True)
class File:
    """A picture or a mask that is sent with a request, and the field it goes in."""

    field: str
    content: InputPicture | InputMask


def fields_of(request: IdeogramRequest) -> dict[str, Any]:
    """Everything but the pictures; a setting that is not set is left out."""
    offer = request.offer
    if request.operation == "describe":
        return {"describe_model_version": offer.name}
    spelled = _spelled(offer)
    fields: dict[str, Any] = {"prompt": request.prompt} if request.prompt.strip() else {}
    if offer.api == "legacy" and offer.name:
        fields["model"] = offer.name
    fields |= {name: getattr(request, name, None) for name in _SAME_NAME}
    fields |= {name: spelled(getattr(request, name, None)) for name in _WORDS}
    fields |= {sent: getattr(request, name, None) for name, sent in _FONTS.items()}
    fields |= {
        "magic_prompt_option" if offer.api == "legacy" else "magic_prompt": spelled(request.magic_prompt),
        "negative_prompt": request.negative_prompt or None,
        "num_images": request.num_images if request.num_images > 1 else None,
        "style_codes": list(request.style_codes) if request.style_codes else None,
        "color_palette": _palette(request, spelled),
        "custom_model_uri": request.custom_model,
        **_size(request),
    }
    named = request.style_type, request.style_codes, request.custom_model
    if request.character_image is not None and not any(named):
        # Codes go with no style_type at all; else what Ideogram takes by itself is no style that goes with a character.
        fields["style_type"] = spelled(AUTO)
    if offer.api == "v2":
        fields["async"] = True
    sent = {name: value for name, value in fields.items() if value is not None}
    return {"image_request": sent} if offer.api == "legacy" and request.operation in _WRAPPED else sent


def files_of(request: IdeogramRequest) -> list[File]:
    """The pictures of a request in the order in which they are sent."""
    offer = request.offer
    files: list[File] = []

    def add(field: str, *contents: InputPicture | InputMask | None) -> None:
        files.extend(File(field, content) for content in contents if content is not None)

    add(offer.image_field, getattr(request, "image", None))
    add("mask", getattr(request, "mask", None))
    add(offer.references_field, *(getattr(request, "references", None) or ()))
    add("style_reference_images", *(request.style_images or ()))
    add("character_reference_images", request.character_image)
    add("character_reference_images_mask", request.character_mask)
    return files


def _spelled(offer: Offer) -> Callable[[str | None], str | None]:
    def spelled(value: str | None) -> str | None:
        if value is None:
            return None
        return value.lower() if offer.api == "v2" else value.upper()

    return spelled


def _palette(request: IdeogramRequest, spelled: Callable[[str | None], str | None]) -> dict[str, Any] | None:
    if request.color_palette:
        return {"name": spelled(request.color_palette)}
    if not request.colors:
        return None
    return {
        "members": [
            {"color_hex": colour, **({} if weight is None else {"color_weight": weight})}
            for colour, weight in request.colors
        ]
    }


def _size(request: IdeogramRequest) -> dict[str, Any]:
    """The shape that is asked for: an exact size, or an aspect ratio."""
    offer, image = request.offer, getattr(request, "image", None)
    if request.operation == "edit":
        # Only the general model makes edits in another size, unless it is told where the size comes from.
        follows = offer.api == "v2" and offer.image_field == "images" and getattr(request, "mask", None) is None
        return {"size": "source"} if follows else {}
    if request.width is not None:
        return {offer.size_field: _exact(offer, f"{request.width}x{request.height}")}
    ratio = request.aspect_ratio
    if ratio is None or (ratio == AUTO and offer.keeps_shape):
        return {}
    if ratio == AUTO and image is not None:
        ratio = nearest_ratio(image.width, image.height, offer.ratios)
    if offer.ratio_field:
        return {"aspect_ratio": _ratio(offer, ratio)}
    if ratio == AUTO:
        return {"size": AUTO} if offer.size_field == "size" else {}
    return {offer.size_field: _exact(offer, offer.size_of(ratio))}


def _exact(offer: Offer, size: str) -> str:
    return f"RESOLUTION_{size.replace('x', '_')}" if offer.api == "legacy" else size


def _ratio(offer: Offer, ratio: str) -> str:
    return f"ASPECT_{ratio.replace(':', '_')}" if offer.api == "legacy" else ratio.replace(":", "x")
