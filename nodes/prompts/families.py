"""The families of models that a prompt can be written for, from ``families.toml``."""

from __future__ import annotations

import functools
from dataclasses import dataclass

from .data import PromptProblem, read


@dataclass(frozen=True)
class Family:
    """How a family of models wants to be spoken to; the fields are explained in ``families.toml``."""

    name: str
    form: str
    avoid: str
    usual_words: int
    lettering: int
    ignores: tuple[str, ...]
    most_letters: int | None = None
    style_types: str = ""


def family_names() -> list[str]:
    """The families, in the order in which they are offered."""
    return list(_families())


def family(name: str) -> Family:
    """The family of that name. Raises :class:`PromptProblem` naming those there are."""
    if (found := _families().get(name)) is None:
        raise PromptProblem(f"No family of models is called {name!r}. There are: {', '.join(_families())}.")
    return found


@functools.lru_cache(maxsize=1)
def _families() -> dict[str, Family]:
    rows = read("families.toml")
    return {name: Family(name, **row | {"ignores": tuple(row["ignores"])}) for name, row in rows.items()}
