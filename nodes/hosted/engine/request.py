"""A request: what is asked of a provider, frozen and checked before any money moves."""

from __future__ import annotations

import datetime as dt
import hashlib
import json
import secrets
from typing import Any, ClassVar

from pydantic import BaseModel, ConfigDict, ValidationError
from typing_extensions import Self

from .errors import InputRefused

RANDOM_SEED = -1
"""A seed of -1 asks for one to be drawn."""


class Request(BaseModel):
    """Base of every provider's typed requests.

    A subclass names its ``operation`` and its ``provider`` (or tells that from its fields), declares each parameter
    with range and default, and sets ``max_seed`` where the provider takes a ``seed`` field. A parameter that is None
    is not sent and does not count in the fingerprint, so a parameter added later leaves old fingerprints as they are.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False, defer_build=True)

    operation: ClassVar[str]
    max_seed: ClassVar[int | None] = None

    model: str
    take: int = 0
    """Asks for another picture of the same request, where the provider has no seed."""

    @property
    def provider(self) -> str:
        """The name of the account this is bought from."""
        raise NotImplementedError(f"{type(self).__name__} names no provider")

    @classmethod
    def build(cls, **values: Any) -> Self:
        """Validate ``values``; raises :class:`InputRefused` naming the first wrong input and what is allowed."""
        try:
            return cls(**values)
        except ValidationError as error:
            raise _refusal(error, values) from None

    def with_seed(self) -> Self:
        """This request with a seed drawn for it, where it asks for a random one."""
        if self.max_seed is None or getattr(self, "seed", None) != RANDOM_SEED:
            return self
        return self.model_copy(update={"seed": secrets.randbelow(self.max_seed + 1)})

    def parameters(self) -> dict[str, Any]:
        """Every set parameter as plain JSON values; pictures and masks as their digests."""
        return self.model_dump(mode="json", exclude_none=True)

    def fingerprint(self, *scope: str) -> str:
        """SHA-256 (hex) of the canonical request within ``scope`` (the place it is bought from)."""
        canonical = {
            "scope": scope,
            "provider": self.provider,
            "operation": self.operation,
            "parameters": self.parameters(),
        }
        text = json.dumps(canonical, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
        return hashlib.sha256(text.encode()).hexdigest()

    def retired_since(self, today: dt.date) -> dt.date | None:
        """The day on which the provider switched this model off; None while it lives, or where nobody knows."""
        return None

    def successor(self) -> Request | None:
        """The request that replaces this one once its model is retired; None where nothing does."""
        return None

    def with_model(self, model: str) -> Request:
        """The same wish for another model. Raises :class:`InputRefused` where that model cannot take it."""
        return self.build(**{**{name: getattr(self, name) for name in type(self).model_fields}, "model": model})

    @property
    def elsewhere(self) -> tuple[Request, ...]:
        """The same wish at other accounts: what was bought there before is as good, and free."""
        return ()

    @property
    def without_key(self) -> str:
        """What to say where there is no key; empty for the account's own words."""
        return ""

    @property
    def summary(self) -> str:
        """What was asked, short enough for an error message."""
        prompt = " ".join(str(getattr(self, "prompt", "")).split())
        if len(prompt) > 60:
            prompt = prompt[:57] + "..."
        return f"{self.operation} with {self.model}" + (f': "{prompt}"' if prompt else "")


def _refusal(error: ValidationError, values: dict[str, Any]) -> InputRefused:
    first = error.errors(include_url=False)[0]
    name = str(first["loc"][0]) if first["loc"] else ""
    reason = first["msg"].removeprefix("Value error, ")
    if not name:
        return InputRefused(f"{reason[:1].upper()}{reason[1:]}".rstrip(".") + ".")
    shown = _shown(values.get(name))
    what = f"{name} = {shown}" if shown else name
    return InputRefused(f"The input {what} cannot be used: {reason.rstrip('.')}.", input_name=name)


def _shown(value: Any) -> str:
    """A value short enough to quote; nothing for pictures and long texts."""
    if isinstance(value, (int, float, bool)) or (isinstance(value, str) and len(value) <= 40):
        return repr(value)
    return ""
