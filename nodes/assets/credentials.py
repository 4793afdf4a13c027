"""C2PA Content Credentials: who made a picture, with which model, from which others, signed by the operator's certificate.

``c2pa-python`` does the work and is imported on first use. Source: C2PA Technical Specification 2.2, sections on actions (the
first one is ``c2pa.created`` and names its digital source type, or ``c2pa.opened`` with the file it began with as its parent)
and ingredients.
"""

from __future__ import annotations

import io
import logging
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from ..picture_kinds import media_type_of
from .origin import AGENT
from .problems import AssetProblem
from .settings import Signing

log = logging.getLogger("easel")

_PARENT = {
    "title": "the picture as it was delivered",
    "relationship": "parentOf",
    "instance_id": "delivered",
    "label": "delivered",
}
# The picture is in the file already, and those it was made from may not be meant for everybody.
_NO_THUMBNAILS = {"builder": {"thumbnail": {"enabled": False}}}


@dataclass(frozen=True)
class Ingredient:
    """A picture that another was made from: its pixels' digest, how it came to be where known, and a file of it."""

    pixels: str
    title: str = ""
    data: bytes | None = None


@dataclass(frozen=True)
class Story:
    """What the credentials tell. ``when`` is ISO 8601; ``parameters`` hold what the operator may want to read there.

    ``delivered`` is the file as the provider gave it: where that has credentials of its own, they are kept as the origin.
    """

    title: str
    source: str
    agent: str
    when: str | None = None
    ingredients: Sequence[Ingredient] = ()
    parameters: dict[str, Any] = field(default_factory=dict)
    delivered: bytes | None = None


def sign(data: bytes, media_type: str, story: Story, signing: Signing) -> bytes:
    """The file with Content Credentials in it. Raises :class:`AssetProblem` where it cannot be signed."""
    try:
        import c2pa
    except ImportError as error:
        raise AssetProblem(
            "Content Credentials need the package c2pa-python: install it into ComfyUI's Python "
            "(pip install c2pa-python), or set content_credentials to never."
        ) from error
    certificate, key = _pem(signing.certificate, "certificate"), _pem(signing.private_key, "private_key")
    address = signing.timestamp_url.encode() if signing.timestamp_url else None
    signed = io.BytesIO()
    try:
        parent = story.delivered if _has_credentials(story.delivered) else None
        info = c2pa.C2paSignerInfo(signing.algorithm.encode(), certificate, key, address)
        context = c2pa.Context.from_dict(_NO_THUMBNAILS)
        with c2pa.Signer.from_info(info) as signer, c2pa.Builder(_definition(story, parent), context) as builder:
            if parent is not None:
                builder.add_ingredient(_PARENT, str(media_type_of(parent)), io.BytesIO(parent))
            for ingredient in story.ingredients if parent is None else ():
                if ingredient.data is not None:
                    builder.add_ingredient(_ingredient(ingredient), "image/png", io.BytesIO(ingredient.data))
            builder.sign(signer, media_type, io.BytesIO(data), signed)
    except c2pa.C2paError as error:
        raise AssetProblem(
            f"The picture could not be signed with the operator's certificate: {error}. Look at \"credentials\" in Easel's "
            "settings.json, or set content_credentials to never."
        ) from error
    return signed.getvalue()


def _pem(path: Any, name: str) -> bytes:
    try:
        return bytes(path.read_bytes())
    except OSError as error:
        raise AssetProblem(
            f'The file of "credentials.{name}" in Easel\'s settings cannot be read: {error.strerror}.'
        ) from error


def _has_credentials(data: bytes | None) -> bool:
    import c2pa

    kind = media_type_of(data) if data else None
    if data is None or kind is None:
        return False
    try:
        reader = c2pa.Reader.try_create(kind, io.BytesIO(data))
    except c2pa.C2paError as error:
        # A provider's broken credentials are no reason not to sign what is known here.
        log.info("The Content Credentials of a delivered picture cannot be read and are left out: %s", error)
        return False
    if reader is None:
        return False
    reader.close()
    return True


def _definition(story: Story, parent: bytes | None) -> dict[str, Any]:
    action: dict[str, Any] = {
        "action": "c2pa.created" if parent is None else "c2pa.opened",
        "digitalSourceType": story.source,
        "softwareAgent": {"name": story.agent or AGENT},
    }
    if story.when:
        action["when"] = story.when
    parameters: dict[str, Any] = {f"com.easel.{name}": value for name, value in story.parameters.items()}
    if parent is not None:
        # The one ingredient of this action is the file itself; what that was made from can only be named.
        parameters["ingredientIds"] = [_PARENT["label"]]
        parameters["com.easel.made_from"] = [one.pixels for one in story.ingredients]
    elif story.ingredients:
        parameters["ingredientIds"] = [one.pixels for one in story.ingredients]
    if parameters:
        action["parameters"] = parameters
    told = [] if parent is not None else [one for one in story.ingredients if one.data is None]
    saving = [] if parent is None else [{"action": "c2pa.converted", "softwareAgent": {"name": AGENT}}]
    return {
        "claim_generator_info": [{"name": AGENT}],
        "title": story.title,
        "ingredients": [_ingredient(one) | {"format": "image/png"} for one in told],
        "assertions": [{"label": "c2pa.actions.v2", "data": {"actions": [action, *saving]}}],
    }


def _ingredient(one: Ingredient) -> dict[str, Any]:
    return {
        "title": one.title or f"a picture with the pixels {one.pixels[:12]}",
        "relationship": "inputTo",
        "instance_id": one.pixels,
        "label": one.pixels,
    }
