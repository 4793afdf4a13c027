"""POST chat/completions: says what it sees in the pictures it is sent."""

from __future__ import annotations

import asyncio
import math
import secrets
import time
from collections.abc import Iterator, Mapping
from typing import Any

from aiohttp import web
from PIL import Image

from .. import sight, uploads
from ..calls import Call
from . import errors
from .images import FORBIDDEN
from .models import CHAT, RETIRED, picture_tokens, text_tokens
from .pictures import fetched
from .wire import body_of, check_key, check_spec, texts

REFUSAL = "I cannot help with that request."
DETAIL_LOW_TOKENS = 85


async def completions(call: Call) -> web.StreamResponse:
    """A description of every picture of the messages; without pictures, the last words with a remark."""
    check_key(call)
    body, _ = body_of(call)
    check_spec("describe_chat_request", body)
    model = body["model"]
    if model not in CHAT:
        raise errors.retired(model) if model in RETIRED else errors.not_found(model)
    if "max_tokens" in body and model.startswith("gpt-5"):
        message = "'max_tokens' is not supported with this model. Use 'max_completion_tokens' instead."
        raise errors.invalid("max_tokens", message, "unsupported_parameter")
    if body.get("stream"):
        raise errors.invalid("stream", "This stand-in does not stream chat answers.", "unsupported_parameter")
    pictures = [(_picture(call, link["url"]), link) for link in _links(body["messages"])]
    reply, finish = await _message(call, body, [picture for picture, _ in pictures])
    spoken = reply["content"] or reply["refusal"] or ""
    prompt_tokens = sum(text_tokens(text) for text in texts(body["messages"]))
    for picture, link in pictures:
        prompt_tokens += DETAIL_LOW_TOKENS if link.get("detail") == "low" else picture_tokens(picture.size)
    answer_tokens = text_tokens(spoken)
    price_in, price_out = CHAT[model]
    if call.fault.kind != "no_data":
        call.charge((prompt_tokens * price_in + answer_tokens * price_out) / 1e6)
    answer: dict[str, Any] = {
        "id": f"chatcmpl-{secrets.token_hex(12)}",
        "object": "chat.completion",
        "created": int(time.time()),
        "model": model,
    }
    if call.fault.kind not in ("no_data", "bill_without_picture"):
        answer["choices"] = [{"index": 0, "message": reply, "logprobs": None, "finish_reason": finish}]
    elif call.fault.kind == "bill_without_picture":
        answer["choices"] = []
    answer["usage"] = {
        "prompt_tokens": prompt_tokens,
        "completion_tokens": answer_tokens,
        "total_tokens": prompt_tokens + answer_tokens,
    }
    return web.json_response(answer)


async def _message(call: Call, body: Mapping[str, Any], pictures: list[Image.Image]) -> tuple[dict[str, Any], str]:
    """The message and why it ended."""
    if call.fault.kind == "refuse_output":
        return {"role": "assistant", "content": None, "refusal": None}, "content_filter"
    if call.fault.kind == "refuse_input" or FORBIDDEN.search(call.entry.prompt):
        return {"role": "assistant", "content": None, "refusal": REFUSAL}, "stop"
    seen = [sight.describe(await asyncio.to_thread(sight.look, one)) for one in pictures]
    if len(seen) > 1:
        seen = [f"Picture {number}: {told}" for number, told in enumerate(seen, 1)]
    words = "\n".join(seen) or f"{texts(body['messages'])[-1].strip()} (answered by the sandbox)"
    most = body.get("max_completion_tokens", body.get("max_tokens", math.inf))
    if text_tokens(words) > most:
        return {"role": "assistant", "content": words[: int(most) * 4], "refusal": None}, "length"
    return {"role": "assistant", "content": words, "refusal": None}, "stop"


def _links(messages: list[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    for message in messages:
        if isinstance(message["content"], list):
            yield from (part["image_url"] for part in message["content"] if part["type"] == "image_url")


def _picture(call: Call, url: str) -> Image.Image:
    data, _ = fetched(call, "messages", url)
    try:
        return uploads.decode(data)
    except uploads.BadPicture as problem:
        raise errors.invalid("messages", f"Invalid image: {problem}.", "invalid_image") from problem
