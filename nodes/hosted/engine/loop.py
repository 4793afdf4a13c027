"""The engine's own event loop on its own thread, and how a caller on another loop waits for work there."""

from __future__ import annotations

import asyncio
import concurrent.futures
import threading
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

T = TypeVar("T")

_FIRST_LOOK = 0.005
_LOOK_EVERY = 0.1


class LoopThread:
    """A daemon thread that runs one event loop for as long as the process lives."""

    def __init__(self, name: str) -> None:
        self.loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)
        self._thread.start()

    def submit(self, work: Coroutine[Any, Any, T]) -> concurrent.futures.Future[T]:
        """Start ``work`` on the loop, from any thread."""
        return asyncio.run_coroutine_threadsafe(work, self.loop)

    def stop(self, last: Callable[[], Coroutine[Any, Any, None]]) -> None:
        """End the loop and its thread: work under way is cancelled, then ``last`` is run."""
        self.submit(self._cancel_all()).result(timeout=10)
        self.submit(last()).result(timeout=10)
        self.loop.call_soon_threadsafe(self.loop.stop)
        self._thread.join(timeout=10)
        self.loop.close()

    def _run(self) -> None:
        asyncio.set_event_loop(self.loop)
        self.loop.run_forever()

    async def _cancel_all(self) -> None:
        others = [task for task in asyncio.all_tasks() if task is not asyncio.current_task()]
        for task in others:
            task.cancel()
        await asyncio.gather(*others, return_exceptions=True)


async def look_until_done(work: concurrent.futures.Future[T], look: Callable[[], None]) -> T:
    """Wait for ``work`` of another loop, calling ``look`` at least every tenth of a second.

    ``look`` may raise to stop waiting; the work goes on. Nothing is bound to the caller's loop, so a caller that is
    cancelled leaves nothing behind, and a CancelledError of the work never reaches the caller as one.
    """
    pause = _FIRST_LOOK
    while not work.done():
        look()
        await asyncio.sleep(pause)
        pause = min(_LOOK_EVERY, pause * 2)
    # Asyncio makes a CancelledError of the other kind, that of futures, too.
    if work.cancelled() or isinstance(work.exception(), asyncio.CancelledError):
        raise RuntimeError("the engine was stopped while it worked on this")
    return work.result()
