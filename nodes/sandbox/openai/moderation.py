"""POST moderations: scores from a few words, and for pictures from how much of them is red.

Text: each word of WORDS that occurs scores its category with the number given; anything else scores 0.001.
A picture more than half of which is red scores 0.9 for violence, any other 0.001. From 0.5 on it is flagged.
"""

from __future__ import annotations

import asyncio
import re
import secrets
from collections.abc import Mapping
from typing import Any

from aiohttp import web
from PIL import Image

from .. import sight, uploads
from ..calls import Call
from . import errors
from .pictures import fetched
from .wire import body_of, check_key, check_spec

CATEGORIES = (
    "harassment",
    "harassment/threatening",
    "hate",
    "hate/threatening",
    "illicit",
    "illicit/violent",
    "self-harm",
    "self-harm/intent",
    "self-harm/instructions",
    "sexual",
    "sexual/minors",
    "violence",
    "violence/graphic",
)
JUDGED_IN_PICTURES = frozenset(
    {"self-harm", "self-harm/intent", "self-harm/instructions", "sexual", "violence", "violence/graphic"}
)
WORDS: Mapping[str, tuple[str, float]] = {
    "forbidden": ("violence", 0.95),
    "kill": ("violence", 0.9),
    "murder": ("violence", 0.92),
    "blood": ("violence", 0.55),
    "gore": ("violence/graphic", 0.9),
    "fight": ("violence", 0.3),
    "idiot": ("harassment", 0.7),
    "hate": ("hate", 0.6),
    "bomb": ("illicit/violent", 0.8),
    "drugs": ("illicit", 0.6),
    "suicide": ("self-harm", 0.85),
    "nude": ("sexual", 0.7),
    "naked": ("sexual", 0.65),
}
FLAGGED_FROM = 0.5
CALM = 0.001
RED_SHARE = 0.5


async def moderations(call: Call) -> web.StreamResponse:
    """One result for a text or a list of parts, one for each of a list of texts. Free."""
    check_key(call)
    body, _ = body_of(call)
    check_spec("moderations_request", body)
    given = body["input"]
    if isinstance(given, str) or (given and isinstance(given[0], dict)):
        results = [await _result(call, given)]
    else:
        results = [await _result(call, text) for text in given]
    call.entry.accepted = True
    answer = {
        "id": f"modr-{secrets.token_hex(12)}",
        "model": body.get("model", "omni-moderation-latest"),
        "results": results,
    }
    return web.json_response({"id": answer["id"]} if call.fault.kind == "no_data" else answer)


async def _result(call: Call, given: str | list[dict[str, Any]]) -> dict[str, Any]:
    parts: list[dict[str, Any]] = [{"type": "text", "text": given}] if isinstance(given, str) else given
    scores = dict.fromkeys(CATEGORIES, CALM)
    for part in parts:
        if part["type"] == "text":
            found = text_scores(part["text"])
        else:
            found = await asyncio.to_thread(picture_scores, _picture(call, part["image_url"]["url"]))
        scores |= {name: max(scores[name], score) for name, score in found.items()}
    categories = {name: score >= FLAGGED_FROM for name, score in scores.items()}
    kinds = {"image" if part["type"] == "image_url" else "text" for part in parts}
    return {
        "flagged": any(categories.values()),
        "categories": categories,
        "category_scores": scores,
        "category_applied_input_types": {name: _judged(name, kinds) for name in CATEGORIES},
    }


def text_scores(text: str) -> dict[str, float]:
    """The highest score of each category that a word of the text stands for."""
    scores: dict[str, float] = {}
    for word in re.findall(r"[a-z]+", text.lower()):
        if word in WORDS:
            category, score = WORDS[word]
            scores[category] = max(score, scores.get(category, CALM))
    return scores


def picture_scores(picture: Image.Image) -> dict[str, float]:
    """Violence, when more than half of the picture is red."""
    red = dict(sight.look(picture).colours).get("red", 0.0)
    return {"violence": 0.9} if red > RED_SHARE else {}


def _judged(category: str, kinds: set[str]) -> list[str]:
    return sorted(kind for kind in kinds if kind == "text" or category in JUDGED_IN_PICTURES)


def _picture(call: Call, url: str) -> Image.Image:
    data, _ = fetched(call, "input", url)
    try:
        return uploads.decode(data)
    except uploads.BadPicture as problem:
        raise errors.invalid("input", f"Invalid image: {problem}.", "invalid_image") from problem
