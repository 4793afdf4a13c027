"""How a provider is reached and paid."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Account:
    """How a provider is reached and paid: its name, label, address and the usual name of its key."""

    name: str
    label: str
    address: str
    key_variable: str
    address_variable: str = ""
    free_call: str = ""
    """A path below the address that only a good key may GET, and that costs nothing; empty where there is none."""
    key_header: str = "Authorization"
    key_scheme: str = "Bearer "
    concurrency: int = 16
    """How many requests may be in flight before the provider is known to throttle."""
    patience: float = 900.0
    """Seconds after which a job that is not done is reported as timed out (and can be resumed)."""
    needs_key: bool = True
    """False where an operator's own server may be open: it is then asked without a key, if none is set."""
