"""What is known of a picture before it is saved: from its purchase, or from the graph; and what of it is private."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from .credentials import Ingredient

_PIXELS = "pixels:"
PRIVATE = ("prompt", "negative", "revised_prompt", "parameters")
"""What a manifest line tells only to who has the passphrase, where workflows are encrypted."""


@dataclass(frozen=True)
class Known:
    """How one picture came to be. ``facts`` are manifest fields; none of them holds a secret."""

    facts: Mapping[str, Any] = field(default_factory=dict)
    record: Mapping[str, Any] | None = None
    """The purchase, where it was bought."""
    ingredients: tuple[Ingredient, ...] = ()
    delivered: bytes | None = None
    """The file as the provider gave it, where that is asked for and still kept."""

    @property
    def prompt(self) -> str:
        return str(self.facts.get("prompt") or "")


def from_purchase(record: Mapping[str, Any]) -> dict[str, Any]:
    """A purchase as manifest fields."""
    return {
        **record,
        "prompt": record["parameters"].get("prompt", ""),
        "bought_at": dt.datetime.fromtimestamp(record["bought_at"], dt.timezone.utc).isoformat(timespec="seconds"),
    }


def inputs_of(record: Mapping[str, Any]) -> list[str]:
    """Digests of the pictures that a purchase began with, masks left out."""
    found: list[str] = []
    for name, value in record["parameters"].items():
        for one in value if isinstance(value, list) else [value]:
            if isinstance(one, str) and one.startswith(_PIXELS) and "mask" not in name:
                found.append(one.removeprefix(_PIXELS))
    return list(dict.fromkeys(found))


def cost_of(record: Mapping[str, Any] | None) -> float:
    """What one picture of the purchase cost, in US dollars."""
    if record is None:
        return 0.0
    return float(record["cost_usd"] or 0.0) / max(1, record["pictures"])


def cleaned(value: Any, redact: Callable[[str], str]) -> Any:
    """Plain JSON values with every text passed through ``redact``, in letters that every file can hold.

    What is no JSON becomes text first.
    """
    if isinstance(value, str):
        # Half a letter (a lone surrogate) gets into prompts through cut texts, and no file takes it.
        return redact(value.encode(errors="replace").decode())
    if isinstance(value, Mapping):
        return {cleaned(str(name), redact): cleaned(one, redact) for name, one in value.items()}
    if isinstance(value, (list, tuple)):
        return [cleaned(one, redact) for one in value]
    if value is None or isinstance(value, (bool, int, float)):
        return value
    return cleaned(str(value), redact)


def as_json(value: Any) -> str:
    """The one way in which graphs are written, so that equal ones give equal files."""
    return json.dumps(value, sort_keys=True, ensure_ascii=False, separators=(",", ":"))
