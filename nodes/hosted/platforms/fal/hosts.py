"""fal's other hosts: files, prices and schemas are not where the queue is."""

from __future__ import annotations

_QUEUE_HOST = "queue.fal.run"


def beside(address: str, host: str) -> str | None:
    """The base URL of ``host`` where the queue is at ``address``; None for an operator's own server, which may have none.

    A stand-in lies under the host name of what it stands for, so this holds for stand-ins too.
    """
    return address.removesuffix(_QUEUE_HOST) + host if address.endswith(f"/{_QUEUE_HOST}") else None
