"""The account at Midjourney: a gateway of the operator's."""

from __future__ import annotations

from ..engine.account import Account

ACCOUNT = Account(
    name="midjourney",
    label="Midjourney gateway",
    # Nobody's: there is no public API, so a gateway must be named. The stand-in lies under this name.
    address="https://your-midjourney-gateway.example/mj",
    key_variable="MIDJOURNEY_API_KEY",
    address_variable="MIDJOURNEY_BASE_URL",
    concurrency=12,
    # In relax mode a grid may take its time.
    patience=1800.0,
    needs_key=False,
)
