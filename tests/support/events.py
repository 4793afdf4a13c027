"""What ComfyUI tells the editor over its websocket, with the time each message came."""

from __future__ import annotations

import asyncio
import threading
import time
import uuid
from collections.abc import Callable
from types import TracebackType
from typing import Any, NamedTuple

import aiohttp

FEATURES = {"type": "feature_flags", "data": {"supports_preview_metadata": True}}


class Event(NamedTuple):
    """One message: `at` is time.monotonic(); `type` is "binary" for frames that are not JSON."""

    at: float
    type: str
    data: Any


class EventListener:
    """A client of a ComfyServer's websocket: `with EventListener(comfy.url) as events: ...`.

    Pass its `client_id` to `post_prompt`, or the server keeps the messages of that run to itself.
    """

    def __init__(self, url: str) -> None:
        self.client_id = uuid.uuid4().hex
        self.events: list[Event] = []
        self._address = f"{url}/ws?clientId={self.client_id}"
        self._arrived = threading.Condition()
        self._loop = asyncio.new_event_loop()
        self._task: asyncio.Task[None] | None = None
        self._thread = threading.Thread(target=self._listen, name="comfy-events", daemon=True)

    def __enter__(self) -> EventListener:
        self._thread.start()
        self.wait_for(lambda event: event.type == "status", 10)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._task is not None and self._thread.is_alive():
            self._loop.call_soon_threadsafe(self._task.cancel)
        self._thread.join(5)

    def of_type(self, *types: str) -> list[Event]:
        """The messages of these types so far, in order."""
        return [event for event in list(self.events) if event.type in types]

    def wait_for(self, wanted: Callable[[Event], bool], timeout: float = 30) -> Event:
        """The first message, past or to come, that is wanted."""
        seen, deadline = 0, time.monotonic() + timeout
        with self._arrived:
            while True:
                for event in self.events[seen:]:
                    if wanted(event):
                        return event
                seen = len(self.events)
                if not self._arrived.wait(deadline - time.monotonic()):
                    raise TimeoutError(f"It did not come; what came: {[event.type for event in self.events]}")

    def _listen(self) -> None:
        self._task = self._loop.create_task(self._receive())
        try:
            self._loop.run_until_complete(self._task)
        except asyncio.CancelledError:
            pass  # asked for by __exit__
        finally:
            self._loop.close()

    async def _receive(self) -> None:
        async with aiohttp.ClientSession() as session, session.ws_connect(self._address, max_msg_size=0) as socket:
            await socket.send_json(FEATURES)
            async for message in socket:
                at = time.monotonic()
                if message.type is aiohttp.WSMsgType.TEXT:
                    told = message.json()
                    event = Event(at, told["type"], told.get("data"))
                else:
                    event = Event(at, "binary", message.data)
                with self._arrived:
                    self.events.append(event)
                    self._arrived.notify_all()
