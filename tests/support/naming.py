"""The models that a node offers, and those that a text for people names."""

from __future__ import annotations

import re
from typing import Any

_MODEL = re.compile(r"[A-Za-z0-9_.-]+[A-Za-z0-9]")


def models_of(schema: Any) -> set[str]:
    """What its model widgets let one choose; none where the model comes on a wire."""
    widgets = [entry for entry in schema.inputs if entry.id in ("model", "second_model")]
    return {name for entry in widgets for name in getattr(entry, "options", None) or ()}


def named(text: str, models: set[str]) -> set[str]:
    """Those of ``models`` that the text names in full."""
    return models & set(_MODEL.findall(text))
