"""How Ideogram is reached and paid."""

from __future__ import annotations

from ..engine.account import Account

ACCOUNT = Account(
    name="ideogram",
    label="Ideogram",
    address="https://api.ideogram.ai",
    key_variable="IDEOGRAM_API_KEY",
    # Ten requests in flight are what a new account may have (reference pages of 2026).
    concurrency=10,
)
LABEL = ACCOUNT.label
