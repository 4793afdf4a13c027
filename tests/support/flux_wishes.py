"""Requests for every offer of FLUX: the simplest that there is, and one with every input that the model takes."""

from __future__ import annotations

import functools
from typing import Any

import numpy as np

from easel.nodes.hosted.engine.inputs import InputPicture
from easel.nodes.hosted.flux.loras import Lora
from easel.nodes.hosted.flux.models import OFFERS, Offer, every_offer
from easel.nodes.hosted.flux.request import FluxRequest, FluxSized
from easel.nodes.hosted.flux.requests import (
    FluxControl,
    FluxEdit,
    FluxErase,
    FluxExpand,
    FluxFill,
    FluxGenerate,
    FluxRedux,
    FluxReimagine,
)
from easel.nodes.hosted.platforms.orders import Attached
from easel.nodes.pictures import Mask, Pixels

KINDS: dict[str, type[FluxRequest]] = {
    kind.operation: kind
    for kind in (FluxGenerate, FluxEdit, FluxFill, FluxExpand, FluxErase, FluxRedux, FluxReimagine, FluxControl)
}
EVERY_OFFER = [offer for operation in OFFERS for offer in every_offer(operation)]
SIDE = 512
RANGES = ("steps", "guidance", "count", "strength", "control_strength", "grow", "interval", "output_quality",
          "safety_tolerance")  # fmt: skip
SWITCHES = ("raw", "grounding", "prompt_upsampling", "prepared", "go_fast", "safety_checker")
CHOICES = ("acceleration", "megapixels", "mode")
_WHOLE = ("steps", "count", "grow", "output_quality")


def name_of(offer: Offer) -> str:
    """For the ids of tests."""
    return f"{offer.operation}-{offer.model}-{offer.route}"


@functools.lru_cache(maxsize=32)
def plain(width: int = SIDE, height: int = SIDE, colour: tuple[int, ...] = (200, 30, 30)) -> Pixels:
    """A picture of one colour."""
    return Pixels(np.full((height, width, len(colour)), colour, np.uint8))


def right_half(width: int = SIDE, height: int = SIDE) -> Mask:
    """A mask that lets the right half be changed."""
    marked = np.zeros((height, width), np.uint8)
    marked[:, width // 2 :] = 255
    return Mask(marked)


def fields_for(offer: Offer, picture: Pixels | None = None, **changes: Any) -> dict[str, Any]:
    """The fields of the simplest request that the offer takes."""
    kind, picture = KINDS[offer.operation], picture or plain()
    fields: dict[str, Any] = {"model": offer.model, "route": offer.route, "prompt": ""}
    if offer.prompt:
        fields["prompt"] = "a red circle on a blue background"
    if offer.operation == "edit":
        fields["images"] = (picture,)
    elif offer.operation != "generate":
        fields["image"] = picture
    if offer.operation in ("fill", "erase"):
        fields["mask"] = right_half(picture.width, picture.height)
    if offer.operation == "expand":
        fields["right"] = 64
    if issubclass(kind, FluxSized):
        fields["aspect_ratio"] = "1:1" if offer.operation == "generate" else "auto"
    return {**fields, **changes}


def simplest(offer: Offer, picture: Pixels | None = None, **changes: Any) -> FluxRequest:
    """The simplest request that the offer takes."""
    return KINDS[offer.operation].build(**fields_for(offer, picture, **changes))


def fullest(offer: Offer, **changes: Any) -> FluxRequest:
    """A request with every input that the offer takes, each at its most."""
    fields = bounds_of(offer, 1)
    fields |= {name: True for name in SWITCHES if getattr(offer, name)}
    fields |= {name: getattr(offer, name)[-1] for name in CHOICES if getattr(offer, name)}
    if offer.loras:
        fields["loras"] = tuple(Lora(path="https://example.com/style.safetensors", scale=one) for one in offer.loras)
    if offer.resolutions:
        fields["resolution"] = offer.resolutions[-1]
    if offer.formats:
        fields["output_format"] = offer.formats[-1]
    if offer.user:
        fields["user"] = "somebody"
    if offer.operation == "edit":
        fields["images"] = (plain(),) * offer.references
    return simplest(offer, **{"seed": 42, **fields, **changes})


def bounds_of(offer: Offer, which: int) -> dict[str, Any]:
    """The least (0) or the most (1) of every range of the offer."""
    found = {name: getattr(offer, name)[which] for name in RANGES if getattr(offer, name)}
    return {name: int(bound) if name in _WHOLE else bound for name, bound in found.items()}


def as_sent(value: Any) -> Any:
    """A body with links in place of its files."""
    if isinstance(value, (Attached, InputPicture)):
        return "https://example.com/a.png"
    if isinstance(value, dict):
        return {name: as_sent(entry) for name, entry in value.items()}
    return [as_sent(entry) for entry in value] if isinstance(value, (list, tuple)) else value
