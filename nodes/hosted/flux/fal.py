"""FLUX at fal: what its queue is asked."""

from __future__ import annotations

from ..platforms.fal.ordering import order_of
from ..platforms.orders import Order
from . import prices
from .bodies import body_of
from .request import FluxRequest


@order_of.register
def _order_of(request: FluxRequest) -> Order:
    return Order(request.path, body_of(request), prices.estimate(request), count=request.count or 1)
