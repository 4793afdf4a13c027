"""Dollars and whole micro-dollars."""

from __future__ import annotations

from decimal import ROUND_HALF_UP, Decimal

_MICROS = Decimal(1_000_000)


def to_micros(usd: Decimal) -> int:
    """US dollars as whole micro-dollars, rounded half up."""
    return int((usd * _MICROS).to_integral_value(ROUND_HALF_UP))


def to_usd(micros: int) -> Decimal:
    return Decimal(micros) / _MICROS


def dollars(usd: Decimal) -> str:
    """For people: ``$1.20``, and as many digits as a small sum needs: ``$0.0053``."""
    if usd == 0 or usd >= 1:
        return f"${usd:.2f}"
    text = f"{usd:.4f}".rstrip("0")
    cents = text + "0" * (4 - len(text))
    return f"${cents}" if Decimal(text) else "less than $0.0001"
