"""How a family's request becomes an order at Replicate: each family registers a writer for its own requests."""

from __future__ import annotations

import functools

from ...engine.request import Request
from ..orders import Order


@functools.singledispatch
def order_of(request: Request) -> Order:
    """The order that ``request`` means; its model is ``owner/name``, or ``owner/name:version`` for community models."""
    raise TypeError(f"Replicate is not asked for {type(request).__name__}")
