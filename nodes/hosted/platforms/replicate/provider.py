"""Replicate's wire, through its own client: begin a prediction, look at it until it is done, cancel it."""

from __future__ import annotations

import io
from collections import OrderedDict
from decimal import Decimal
from functools import partial
from typing import TYPE_CHECKING, Any

from ...engine import wire
from ...engine.errors import Charge, EaselError, ModelRetired, ProviderDown, ResultLost, TimedOut
from ...engine.provider import Call, Job, Progress, Result
from ...engine.request import Request
from ..orders import Order, Uploads, data_uri, with_links
from .answers import ACCOUNT, CANCELED, POLL_EVERY, Told, refusal, told_of
from .ordering import order_of

if TYPE_CHECKING:
    from replicate.client import Client
    from replicate.prediction import Prediction

_CLIENTS_KEPT = 4
_INLINE_BYTES = 256 * 1000
"""The largest file that may travel inside the request."""
_UPLOAD_LIFETIME = 3600.0
"""Seconds for which an upload is used again; Replicate is said to keep one for a day."""


class Replicate:
    """A queued provider that can cancel."""

    account = ACCOUNT

    def __init__(self) -> None:
        self._clients: OrderedDict[tuple[str, str], Client] = OrderedDict()
        self._uploads = Uploads(_UPLOAD_LIFETIME)

    async def submit(self, request: Request, call: Call) -> Job:
        order = order_of(request)
        client = self._client(call)
        inputs = await with_links(order.inputs, call, partial(self._send, client, call))
        try:
            prediction = await _begin(client, order, inputs)
        except Told as told:
            raise refusal(told.answer, request) from None
        return Job(order.handle(id=prediction.id), Progress("waiting for a machine"), POLL_EVERY)

    async def poll(self, job: Job, call: Call) -> Job | Result:
        import httpx

        task = str(job.handle.get("id", ""))
        try:
            prediction = await self._client(call).predictions.async_get(task)
        except Told as told:
            raise _unread(told.answer, task) from None
        except httpx.HTTPError as error:
            raise wire.silent(ACCOUNT) from error
        return told_of(prediction, job.handle)

    async def cancel(self, job: Job, call: Call) -> bool | Charge:
        prediction = await self._client(call).predictions.async_cancel(str(job.handle.get("id", "")))
        if prediction.status != CANCELED:
            # One that was done already is kept.
            return False
        # Community models are paid by the second.
        return True if prediction.started_at is None else "unsure"

    def explain(self, error: Exception, request: Request | None) -> EaselError | None:
        import httpx

        # Errors that come before a single byte of the request was sent.
        if isinstance(error, (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout, httpx.ProxyError)):
            return ProviderDown(f"{ACCOUNT.label} cannot be reached: check the network.", retryable=True)
        if isinstance(error, httpx.TransportError):
            return TimedOut(
                f"The connection to {ACCOUNT.label} broke off after the request was sent, so nobody knows whether the "
                f"picture was made. It was not sent again. Run again to buy it."
            )
        return None

    def estimate(self, request: Request) -> Decimal | None:
        return order_of(request).price

    def _client(self, call: Call) -> Client:
        """A client for this address and key, kept because building its TLS settings takes a while."""
        from .client import new_client

        known = (call.address, call.key.reveal())
        if known not in self._clients:
            self._clients[known] = new_client(call)
            if len(self._clients) > _CLIENTS_KEPT:
                self._clients.popitem(last=False)
        self._clients.move_to_end(known)
        return self._clients[known]

    async def _send(self, client: Client, call: Call, data: bytes, media_type: str) -> str:
        """A file small enough as a data URI, any other as an upload."""
        if len(data) <= _INLINE_BYTES:
            return data_uri(data, media_type)
        owner = (call.address, call.key.reveal())
        return await self._uploads.link(data, owner, partial(_upload, client, data, media_type))


async def _begin(client: Client, order: Order, inputs: dict[str, Any]) -> Prediction:
    name, _, version = order.model.partition(":")
    if version:
        return await client.predictions.async_create(version=version, input=inputs)
    return await client.models.predictions.async_create(model=name, input=inputs)


async def _upload(client: Client, data: bytes, media_type: str) -> str:
    import httpx

    named = f"easel.{media_type.partition('/')[2]}"
    try:
        file = await client.files.async_create(io.BytesIO(data), filename=named, content_type=media_type)
    except Told as told:
        raise _not_uploaded(told.answer) from None
    except httpx.HTTPError as error:
        raise ProviderDown(
            f"The picture could not be sent to {ACCOUNT.label}: check the network.", retryable=True
        ) from error
    except ValueError:
        # The client cannot read what it was told of the file.
        raise _not_taken("its answer cannot be read") from None
    if "get" not in file.urls:
        raise _not_taken("it named no link to it")
    return file.urls["get"]


def _not_uploaded(answer: wire.Answer) -> EaselError:
    """An upload costs nothing, so whatever it ran into may be tried again, unless the key or the file is refused."""
    error = refusal(answer, None)
    # What is missing is the way to upload, never the model.
    if isinstance(error, (ProviderDown, ModelRetired)):
        return _not_taken(error.words)
    return error


def _not_taken(words: str) -> ProviderDown:
    return ProviderDown(f"{ACCOUNT.label} could not take the picture.", retryable=True, words=words)


def _unread(answer: wire.Answer, task: str) -> EaselError:
    """What a look that failed means for a job that goes on."""
    if answer.status in (401, 402, 429):
        return refusal(answer, None)
    if answer.status == 404 and answer.is_json:
        # A page that something on the way shows says nothing of the job.
        return ResultLost(
            f"{ACCOUNT.label} does not know this job any more: it forgets one after a while. Run again to buy it.",
            request_id=task,
        )
    return wire.silent(ACCOUNT)
