"""The user's own limits, checked before anything leaves this machine."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal

from .errors import BudgetExceeded
from .money import dollars, to_usd
from .settings import Budget

_WHERE = "Raise it with {variable} or in Easel's settings.json"


def day_began(now: float) -> float:
    """Midnight, local time, of the day of ``now``; both in seconds since 1970."""
    local = dt.datetime.fromtimestamp(now).astimezone()
    return local.replace(hour=0, minute=0, second=0, microsecond=0).timestamp()


def check(limits: Budget, asked: int | None, *, spent_run: int, spent_day: int, what: str) -> None:
    """Raises :class:`BudgetExceeded` where ``asked`` (micro-dollars) would pass a limit.

    What is spent counts finished purchases and the estimates of those under way. With a limit set, a request whose
    price nobody knows is refused: a limit that can be passed unseen is none.
    """
    for name, variable, limit, spent in (
        ("run", "EASEL_BUDGET__RUN", limits.run, spent_run),
        ("day", "EASEL_BUDGET__DAY", limits.day, spent_day),
    ):
        if limit is None:
            continue
        hint = _WHERE.format(variable=variable)
        if asked is None:
            raise BudgetExceeded(
                f"A limit of {dollars(limit)} a {name} is set, and nobody knows the price of this: {what}. {hint}, or "
                f"take a model with a known price."
            )
        if to_usd(spent + asked) > limit:
            raise BudgetExceeded(_over(name, limit, to_usd(spent), to_usd(asked), hint))


def _over(name: str, limit: Decimal, spent: Decimal, asked: Decimal, hint: str) -> str:
    return (
        f"This would pass the limit of {dollars(limit)} a {name}: {dollars(spent)} is spent or under way, and "
        f"{dollars(asked)} more is asked. {hint}, or run less. Nothing was sent."
    )
