"""FLUX at Replicate: what its predictions are asked."""

from __future__ import annotations

from ..platforms.orders import Order
from ..platforms.replicate.ordering import order_of
from . import prices
from .bodies import body_of
from .request import FluxRequest


@order_of.register
def _order_of(request: FluxRequest) -> Order:
    return Order(request.path, body_of(request), prices.estimate(request), count=request.count or 1)
