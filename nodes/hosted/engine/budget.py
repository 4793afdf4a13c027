"""The user's own limits, checked before anything leaves this machine."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from decimal import Decimal
from typing import Literal

from .errors import BudgetExceeded
from .money import dollars, to_usd
from .settings import Budget

Period = Literal["run", "day", "month"]
PERIODS: tuple[Period, ...] = ("run", "day", "month")
_WHERE = "Raise it in the Easel panel, under Spending, or with {variable}"


def day_began(now: float) -> float:
    """Midnight, local time, of the day of ``now``; both in seconds since 1970."""
    local = dt.datetime.fromtimestamp(now).astimezone()
    return local.replace(hour=0, minute=0, second=0, microsecond=0).timestamp()


def month_began(now: float) -> float:
    """Midnight, local time, of the first day of the month of ``now``; both in seconds since 1970."""
    return dt.datetime.fromtimestamp(now).replace(day=1, hour=0, minute=0, second=0, microsecond=0).timestamp()


def began(period: Period, now: float) -> float:
    """When the ``period`` that ``now`` belongs to began; a run's money is told by the run, not by a time."""
    return {"run": lambda _now: 0.0, "day": day_began, "month": month_began}[period](now)


def variable_of(period: Period) -> str:
    """The environment variable that sets this limit."""
    return f"EASEL_BUDGET__{period.upper()}"


def check(limits: Budget, asked: int | None, *, spent: Callable[[Period], int], what: str) -> None:
    """Raises :class:`BudgetExceeded` where ``asked`` (micro-dollars) would pass a limit.

    What is ``spent`` counts finished purchases and the estimates of those under way; it is asked only where a limit is
    set. With a limit set, a request whose price nobody knows is refused: a limit that can be passed unseen is none.
    """
    for period in PERIODS:
        limit: Decimal | None = getattr(limits, period)
        if limit is None:
            continue
        hint = _WHERE.format(variable=variable_of(period))
        if asked is None:
            raise BudgetExceeded(
                f"A limit of {dollars(limit)} a {period} is set, and nobody knows the price of this: {what}. {hint}, or "
                f"take a model with a known price."
            )
        before = spent(period)
        if to_usd(before + asked) > limit:
            raise BudgetExceeded(_over(period, limit, to_usd(before), to_usd(asked), hint))


def _over(name: str, limit: Decimal, spent: Decimal, asked: Decimal, hint: str) -> str:
    return (
        f"This would pass the limit of {dollars(limit)} a {name}: {dollars(spent)} is spent or under way, and "
        f"{dollars(asked)} more is asked. {hint}, or run less. Nothing was sent."
    )
