"""The requests as orders at the marketplaces: which of their models, and its inputs."""

from __future__ import annotations

from ..platforms.fal.ordering import order_of as order_at_fal
from ..platforms.orders import Order
from ..platforms.replicate.ordering import order_of as order_at_replicate
from . import prices
from .requests import EnhanceRequest


def order(request: EnhanceRequest) -> Order:
    """The model of the request's row, with the picture where its link goes."""
    row = request.row
    inputs = {row.picture: request.image, **row.fields(request.asked())}
    return Order(row.path, inputs, prices.estimate(request))


for _order_of in (order_at_replicate, order_at_fal):
    _order_of.register(EnhanceRequest, order)
