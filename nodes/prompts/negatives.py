"""What should not be in a picture: ready-made lists, joined with own words, in the form that a model takes."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterable

from .data import PromptProblem, read
from .vocabulary import NONE

FORMS: dict[str, Callable[[str], str]] = {
    "list": lambda words: words,
    "Midjourney parameter": lambda words: f"--no {words}",
    "sentence": lambda words: f"Leave out: {words}.",
}
"""How the words are written: for a negative prompt, behind a Midjourney prompt, or in the prompt of any other model."""


def preset_names() -> list[str]:
    return list(_presets())


def negative(presets: Iterable[str], words: str = "", keep: str = "", form: str = "list") -> str:
    """The words of the presets and own ones, each once, without those to ``keep``; empty where nothing is left.

    Raises :class:`PromptProblem` for a preset or a form that there is not.
    """
    if form not in FORMS:
        raise PromptProblem(f"There is no form {form!r}. There are: {', '.join(FORMS)}.")
    listed = [word for name in presets if name != NONE for word in _preset(name)] + _split(words)
    kept = {word.casefold() for word in _split(keep)}
    unique: dict[str, str] = {}
    for word in listed:
        unique.setdefault(word.casefold(), word)
    joined = ", ".join(word for folded, word in unique.items() if folded not in kept)
    return FORMS[form](joined) if joined else ""


def _preset(name: str) -> list[str]:
    if (found := _presets().get(name)) is None:
        raise PromptProblem(f"There is no preset {name!r}. There are: {', '.join(_presets())}.")
    return found


def _split(text: str) -> list[str]:
    """The words between commas and line ends; a comma inside brackets, as in weights, does not part."""
    parts, depth = [""], 0
    for letter in text:
        depth = max(0, depth + (letter == "(") - (letter == ")"))
        if letter in ",\n" and not depth:
            parts.append("")
        else:
            parts[-1] += letter
    return [part.strip() for part in parts if part.strip()]


@functools.lru_cache(maxsize=1)
def _presets() -> dict[str, list[str]]:
    presets: dict[str, list[str]] = read("negatives.toml")["presets"]
    return presets
