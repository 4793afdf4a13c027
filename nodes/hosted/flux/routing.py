"""Which route a request takes where the user leaves that open: one with a key, then the cheapest, then a fixed order."""

from __future__ import annotations

from collections.abc import Callable, Collection
from decimal import Decimal
from typing import TypeVar

from ..engine.errors import InputRefused
from ..engine.money import dollars
from . import prices
from .models import ROUTES, Operation, listed, routes_of
from .request import FluxRequest

R = TypeVar("R", bound=FluxRequest)

KEY_VARIABLES = {"bfl": "BFL_API_KEY", "replicate": "REPLICATE_API_TOKEN", "fal": "FAL_KEY"}
"""Where each route's key is usually set; the accounts say it too, but bring their clients along."""


def best_of(build: Callable[[str], R], operation: Operation, model: str, with_key: Collection[str]) -> R:
    """The request as ``build`` makes it for the best route: one of ``with_key``, then the one with the least price.

    Without any key it can only find what was bought before, and says which keys are wanted where nothing was. Raises
    :class:`InputRefused` where no route serves what is asked.
    """
    made: dict[str, R] = {}
    refusals: dict[str, InputRefused] = {}
    for route in routes_of(operation, model):
        try:
            made[route] = build(route)
        except InputRefused as refusal:
            refusals[route] = refusal
    if not made:
        # A model that no route has is refused like any other wrong value.
        raise next((refusals[route] for route in refusals if route in with_key), None) or _first(refusals, build)
    known = [route for route in made if route in with_key]
    priced = {route: prices.estimate(made[route]) for route in known or made}
    best = min(priced, key=lambda route: (priced[route] is None, priced[route] or Decimal(0)))
    others = tuple(route for route in ROUTES if route in (with_key or ROUTES) and route != best)
    # A key that comes or a price that changes must not buy anew what another route has delivered before.
    same = tuple(request for route, request in made.items() if route != best)
    told = {"choice": _why(best, priced, refusals, made)} if known else _no_key(model, made)
    return made[best].model_copy(update={"other_routes": others, "same_wish": same, **told})


def _no_key(model: str, made: Collection[str]) -> dict[str, str]:
    """What a request says that no key can pay for."""
    routes = listed([ROUTES[route] for route in made])
    return {
        "choice": f"Route: there is no key for {routes}, so only what was bought before can be had.",
        "keys_wanted": f"{model} with these settings is served by {routes}, and Easel has no key for "
        f"{'it' if len(made) == 1 else 'any of them'}: set {listed([KEY_VARIABLES[one] for one in made], 'or')}, or save "
        f"one in Easel's key settings. To try this workflow without a key, start ComfyUI with EASEL_SANDBOX=1.",
    }


def _first(refusals: dict[str, InputRefused], build: Callable[[str], R]) -> Exception:
    if refusals:
        return next(iter(refusals.values()))
    try:
        build(next(iter(ROUTES)))
    except InputRefused as refusal:
        return refusal
    raise RuntimeError("a model that no route serves was built")


def _why(best: str, priced: dict[str, Decimal | None], refusals: dict[str, InputRefused], made: dict[str, R]) -> str:
    """Why this route, in one line."""
    costs = [f"{ROUTES[route]} {'(price unknown)' if usd is None else dollars(usd)}" for route, usd in priced.items()]
    reasons = []
    if len(priced) > 1:
        reasons.append("the best of " + ", ".join(costs))
    else:
        reasons.append("the only one with a key" if len(made) > 1 else "the only one that serves this")
    if refusals:
        cannot = listed([ROUTES[route] for route in refusals])
        reasons.append(f"{cannot} cannot do this")
    return f"Route: {ROUTES[best]}, {'; '.join(reasons)}."
