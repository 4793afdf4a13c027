"""What Ideogram's nodes share: from widgets to the fields of a request."""

from __future__ import annotations

import secrets
from typing import TYPE_CHECKING, Any

from ...choices import Choices
from ...engine.request import RANDOM_SEED, Request
from ...schema import HostedNode, given
from ...sockets import all_pictures, one_mask, one_picture
from ..models import AUTO
from .inputs import CUSTOM, NONE

if TYPE_CHECKING:
    from ...buying import Bought

CATEGORY = "Easel/Ideogram"
_CHOICES = ("on_refusal", "second_model", "key_profile")
_UNSET = ("quality", "rendering_speed", "style_type")
_NONE = ("style_preset", "color_palette")
_EMPTY = ("negative_prompt", "style_codes", "colors", "custom_model", "font_h1", "font_h2", "font_body", "font_small")


class IdeogramNode(HostedNode):
    """Base of the family's nodes: a seed of -1 is another picture each time."""

    provider = "ideogram"

    @classmethod
    def fingerprint_inputs(cls, **inputs: Any) -> str:
        # The host would hand out the last picture again, because the inputs are the same.
        drawn = secrets.token_hex(8) if inputs.get("seed") == RANDOM_SEED else ""
        return super().fingerprint_inputs(**inputs) + drawn

    @classmethod
    async def bought(cls, request: Request, choices: Choices) -> Bought:
        """As every hosted node's; a price that turned out higher is checked against the limits, then paid."""
        from ..quotes import Requoted

        try:
            return await super().bought(request, choices)
        except Requoted:
            return await super().bought(request, choices)


def choices_in(inputs: dict[str, Any]) -> dict[str, str]:
    """Takes what is decided about the purchase out of a node's inputs."""
    return {name: inputs.pop(name) for name in _CHOICES if name in inputs}


async def fields_of(inputs: dict[str, Any]) -> dict[str, Any]:
    """A node's widgets and sockets as fields of a request; an input that says nothing is left out."""
    fields = dict(inputs)
    for name in _UNSET:
        if name in fields:
            fields[name] = given(fields[name])
    for name in _NONE:
        if fields.get(name) == NONE:
            fields[name] = None
    for name in _EMPTY:
        if name in fields:
            fields[name] = fields[name].strip() or None
    if fields.get("magic_prompt") == AUTO:
        fields["magic_prompt"] = None
    return {**fields, **_shape(fields), **await _sockets(fields)}


def _shape(fields: dict[str, Any]) -> dict[str, Any]:
    if "aspect_ratio" not in fields:
        return {}
    if fields["aspect_ratio"] == CUSTOM:
        return {"aspect_ratio": None}
    return {"width": None, "height": None}


async def _sockets(fields: dict[str, Any]) -> dict[str, Any]:
    """The connected pictures and masks; a socket that is not connected is None already."""
    found: dict[str, Any] = {}
    for name in ("style_images", "references"):
        if fields.get(name) is not None:
            found[name] = await all_pictures(fields[name])
    for name in ("image", "character_image"):
        if fields.get(name) is not None:
            found[name] = await one_picture(name, fields[name])
    for name in ("mask", "character_mask"):
        if fields.get(name) is not None:
            mask = await one_mask(name, fields[name])
            found[name] = None if mask.is_placeholder else mask
    return found
