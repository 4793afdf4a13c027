"""OpenAI's wire, through OpenAI's own client with its retries off: submit, and what its errors mean.

Source: the OpenAI API as of 2026-11-21 (images, chat completions, moderations), openai-python 1.109 to 3.52.
"""

from __future__ import annotations

import base64
import binascii
from collections import OrderedDict
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from ..engine.account import Account
from ..engine.errors import ContentRejected, EaselError, ProviderDown, ResultLost
from ..engine.inputs import InputPicture
from ..engine.provider import Call, Inline, Job, Link, Progress, Refused, Result
from ..engine.request import Request
from . import prices, refusals
from .requests import (
    DallE2Edit,
    DallE2Generate,
    DallE2Variations,
    DallE3,
    Describe,
    GptImageEdit,
    GptImageGenerate,
    ImageRequest,
    Moderate,
)

if TYPE_CHECKING:
    from openai import AsyncOpenAI

ACCOUNT = Account(
    name="openai",
    label="OpenAI",
    address="https://api.openai.com/v1",
    key_variable="OPENAI_API_KEY",
    address_variable="OPENAI_BASE_URL",
    free_call="models",
)

_READ_TIMEOUT, _CONNECT_TIMEOUT = 600.0, 20.0
_CLIENTS_KEPT = 4
_LINK_LIFETIME = 3600.0
"""Seconds that OpenAI keeps a picture behind a link."""
_COMMON = ("model", "prompt", "n", "size", "quality", "background", "output_format", "output_compression")
_LATER = ("complexity", "safety_identifier")
"""Fields that older releases of the client do not name; the wire is the same."""


class OpenAI:
    """A synchronous provider: the answer to the request is the picture."""

    account = ACCOUNT

    def __init__(self) -> None:
        self._clients: OrderedDict[tuple[str, str, str], AsyncOpenAI] = OrderedDict()

    async def submit(self, request: Request, call: Call) -> Result:
        client = self._client(call)
        if isinstance(request, GptImageGenerate):
            fields = {**_given(request, *_COMMON, "moderation"), "extra_body": _given(request, *_LATER)}
            return await _pictures(client.images.generate, request, call, fields)
        if isinstance(request, GptImageEdit):
            fields = {**_given(request, *_COMMON, "input_fidelity"), "extra_body": _given(request, *_LATER)}
            return await _pictures(client.images.edit, request, call, {**fields, **_files(request)})
        if isinstance(request, (DallE3, DallE2Generate)):
            fields = _given(request, "model", "prompt", "n", "size", "quality", "style", "response_format")
            return await _pictures(client.images.generate, request, call, fields)
        if isinstance(request, DallE2Edit):
            fields = _given(request, "model", "prompt", "n", "size", "response_format")
            files = {"image": _file("image", request.image), "mask": ("mask.png", request.mask.as_alpha(), "image/png")}
            return await _pictures(client.images.edit, request, call, {**fields, **files})
        if isinstance(request, DallE2Variations):
            fields = _given(request, "model", "n", "size", "response_format")
            files = {"image": _file("image", request.image)}
            return await _pictures(client.images.create_variation, request, call, {**fields, **files})
        if isinstance(request, Describe):
            return await _describe(client, request)
        if isinstance(request, Moderate):
            return await _moderate(client, request)
        raise TypeError(f"OpenAI is not asked for {type(request).__name__}")

    async def poll(self, job: Job, call: Call) -> Result:
        raise ResultLost("OpenAI hands out no jobs, so there is none to ask for.")

    async def cancel(self, job: Job, call: Call) -> bool:
        return False

    def explain(self, error: Exception, request: Request | None) -> EaselError | None:
        return refusals.explain(error, request, ACCOUNT)

    def estimate(self, request: Request) -> Decimal | None:
        return prices.estimate(request)

    def _client(self, call: Call) -> AsyncOpenAI:
        """A client for this address and key, kept because building its TLS settings takes a while."""
        version = call.options.get("api_version", "")
        known = (call.address, call.key.reveal(), version)
        if known not in self._clients:
            self._clients[known] = _new_client(call, version)
            if len(self._clients) > _CLIENTS_KEPT:
                self._clients.popitem(last=False)
        self._clients.move_to_end(known)
        return self._clients[known]


PROVIDERS = (OpenAI,)


def _new_client(call: Call, version: str) -> AsyncOpenAI:
    import openai

    settings: dict[str, Any] = {
        "api_key": call.key.reveal(),
        "max_retries": 0,
        "timeout": openai.Timeout(_READ_TIMEOUT, connect=_CONNECT_TIMEOUT),
        # A kept connection that the server has just closed looks like one cut after the request: never keep any.
        "default_headers": {"Connection": "close"},
    }
    if version:
        return openai.AsyncAzureOpenAI(azure_endpoint=call.address, api_version=version, **settings)
    return openai.AsyncOpenAI(base_url=call.address, **settings)


def _given(request: Request, *names: str) -> dict[str, Any]:
    """The fields of ``request`` that are set, under their wire names."""
    values = {name: getattr(request, name, None) for name in names}
    return {name: value for name, value in values.items() if value is not None}


def _files(request: GptImageEdit) -> dict[str, Any]:
    pictures = [_file(f"image-{number}", picture) for number, picture in enumerate(request.images, start=1)]
    files: dict[str, Any] = {"image": pictures[0] if len(pictures) == 1 else pictures}
    if request.mask is not None:
        files["mask"] = ("mask.png", request.mask.as_alpha(), "image/png")
    if request.markup is not None:
        files["markup"] = _file("markup", request.markup)
    return files


def _file(name: str, picture: InputPicture) -> tuple[str, bytes, str]:
    return f"{name}.png", picture.encoded("image/png"), "image/png"


async def _pictures(method: Any, request: ImageRequest, call: Call, fields: dict[str, Any]) -> Result:
    partials = getattr(request, "partial_images", None)
    if partials:
        answer, request_id = await _streamed(await method(**fields, stream=True, partial_images=partials), call)
    else:
        answer = await method(**fields)
        request_id = getattr(answer, "_request_id", None)
        answer = _as_dict(answer)
    return _result(request, answer, request_id)


async def _streamed(stream: Any, call: Call) -> tuple[dict[str, Any], str | None]:
    """The completed pictures of a stream; those on the way are shown as they come."""
    finished: list[dict[str, Any]] = []
    async for event in stream:
        told = event.to_dict()
        kind = str(told.get("type", ""))
        if kind.endswith(".partial_image"):
            number = int(told.get("partial_image_index", 0)) + 1
            call.report(Progress(f"unfinished picture {number}", partial=_decoded(told.get("b64_json"))))
        elif kind.endswith(".completed"):
            finished.append(told)
    if not finished:
        raise refusals.broken_off(ACCOUNT)
    usage = finished[0].get("usage")
    return {"data": finished, "usage": usage}, stream.response.headers.get("x-request-id")


def _as_dict(answer: Any) -> dict[str, Any]:
    """The parsed answer; a web page with status 200 comes out of the client as bare text."""
    if isinstance(answer, str) or not hasattr(answer, "to_dict"):
        raise ProviderDown(
            "OpenAI's address answered with something that is not its API (a proxy or log-in page, perhaps). Check the "
            "network and the base URL that is set for OpenAI.",
        )
    told: dict[str, Any] = answer.to_dict()
    return told


def _result(request: ImageRequest, answer: dict[str, Any], request_id: str | None) -> Result:
    entries = answer.get("data") or []
    usage = answer.get("usage") or {}
    missing = request.n - len(entries) if entries else 0
    used = {name: answer[name] for name in ("size", "quality", "background", "output_format") if name in answer}
    return Result(
        pictures=tuple(_picture(entry) for entry in entries),
        refused=(Refused("OpenAI gave no reason"),) * missing,
        data={"usage": usage, "used": used} if entries else {},
        cost_usd=prices.usage_cost(request.model, usage) if usage else None,
        request_id=request_id,
    )


def _picture(entry: dict[str, Any]) -> Inline | Link:
    """One entry of ``data``: base64 from OpenAI, a link (or a data: link) from some compatible servers."""
    revised = entry.get("revised_prompt") or ""
    url = entry.get("url") or ""
    if url and not url.startswith("data:"):
        return Link(url, revised, _LINK_LIFETIME)
    return Inline(_decoded(url.partition(",")[2] if url else entry.get("b64_json")), revised)


def _decoded(text: str | None) -> bytes:
    try:
        return base64.b64decode(text or "", validate=True)
    except binascii.Error as error:
        raise ResultLost("OpenAI's answer was cut off in the middle of the picture.") from error


def _data_url(picture: InputPicture) -> str:
    # JPEG keeps the upload small; only a picture with transparency needs PNG.
    media_type = "image/png" if picture.has_alpha else "image/jpeg"
    return f"data:{media_type};base64,{base64.b64encode(picture.encoded(media_type)).decode()}"


async def _describe(client: AsyncOpenAI, request: Describe) -> Result:
    # The reasoning models have renamed the field.
    limit = "max_completion_tokens" if request.model.startswith(("gpt-5", "o")) else "max_tokens"
    picture = {"type": "image_url", "image_url": {"url": _data_url(request.image), "detail": request.detail}}
    message: Any = {"role": "user", "content": [{"type": "text", "text": request.prompt}, picture]}
    ask: Any = client.chat.completions.create
    answer = await ask(model=request.model, messages=[message], **{limit: request.max_tokens})
    told, request_id = _as_dict(answer), getattr(answer, "_request_id", None)
    choice = (told.get("choices") or [{}])[0]
    usage = told.get("usage") or {}
    said = choice.get("message") or {}
    if said.get("refusal") or choice.get("finish_reason") == "content_filter":
        raise ContentRejected(
            "OpenAI would not describe this picture.",
            stage="output",
            words=said.get("refusal") or "",
            request_id=request_id,
            charge="charged",
        )
    cost = prices.tokens_cost(
        request.model,
        text_in=int(usage.get("prompt_tokens") or 0),
        text_out=int(usage.get("completion_tokens") or 0),
    )
    shortened = ("The description was cut at max_tokens.",) if choice.get("finish_reason") == "length" else ()
    return Result(
        text=said.get("content") or "",
        data={"usage": usage},
        cost_usd=cost if usage else None,
        request_id=request_id,
        notices=shortened,
    )


async def _moderate(client: AsyncOpenAI, request: Moderate) -> Result:
    parts: list[Any] = []
    if request.text.strip():
        parts.append({"type": "text", "text": request.text})
    if request.image is not None:
        parts.append({"type": "image_url", "image_url": {"url": _data_url(request.image)}})
    ask: Any = client.moderations.create
    answer = await ask(model=request.model, input=parts)
    verdicts = _as_dict(answer).get("results") or []
    if not verdicts:
        raise ResultLost("OpenAI answered without a verdict.")
    return Result(
        data={
            "categories": [category for category, flagged in verdicts[0]["categories"].items() if flagged],
            "scores": verdicts[0]["category_scores"],
        },
        cost_usd=Decimal(0),
        request_id=getattr(answer, "_request_id", None),
    )
