"""The words that the builder offers, from ``vocabulary.toml``."""

from __future__ import annotations

import functools
from dataclasses import dataclass
from typing import Any

from .data import PromptProblem, read

NONE = "none"
"""The choice that leaves a part out."""
PARTS = (
    "subject_type",
    "setting",
    "style",
    "lighting",
    "framing",
    "angle",
    "arrangement",
    "depth",
    "mood",
    "camera",
    "lens",
    "finish",
)
"""What can be chosen, in the order in which it is said."""


@dataclass(frozen=True)
class Term:
    """One name of the vocabulary, as a phrase for sentences and as tags."""

    name: str
    group: str
    say: str
    tags: str


@dataclass(frozen=True)
class Medium:
    """What a group of styles means to the models."""

    medium: str
    against: str
    style_type: str
    midjourney: str = ""


def names(part: str) -> list[str]:
    """The names offered for a part, without the one that leaves it out."""
    return list(_terms()[part])


def term(part: str, name: str) -> Term | None:
    """The term of that name; None for ``none``. Raises :class:`PromptProblem` for a name that is not offered."""
    if name == NONE:
        return None
    if (found := _terms()[part].get(name)) is None:
        raise PromptProblem(f"{part} has no choice {name!r}: write it into your own words, or choose from the list.")
    return found


def medium(style: str) -> Medium | None:
    """What the style of that name means to the models; None for ``none``."""
    found = term("style", style)
    return None if found is None else _media()[found.group]


@functools.lru_cache(maxsize=1)
def _tables() -> dict[str, Any]:
    return read("vocabulary.toml")


@functools.lru_cache(maxsize=1)
def _terms() -> dict[str, dict[str, Term]]:
    return {
        part: {
            name: Term(name, group, **_forms(name, value))
            for group, entries in _tables()[part].items()
            for name, value in entries.items()
        }
        for part in PARTS
    }


def _forms(name: str, value: str | dict[str, str]) -> dict[str, str]:
    return {"say": value, "tags": name} if isinstance(value, str) else value


@functools.lru_cache(maxsize=1)
def _media() -> dict[str, Medium]:
    return {group: Medium(**row) for group, row in _tables()["media"].items()}
