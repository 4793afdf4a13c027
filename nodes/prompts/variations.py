"""One prompt and lists of words, made into many prompts."""

from __future__ import annotations

import itertools
import math
import random
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from .choices import EVERY, MOST, PAIRS, RANDOM, WAYS
from .data import PromptProblem

_LINE = re.compile(r"\s*([^:|{}]+?)\s*:\s*(.*)")
_PLACE = re.compile(r"__(?P<name>\w(?:[\w -]*?\w)??)__|\{(?P<inline>[^{}]*\|[^{}]*)\}")
_PARAMETER = re.compile(r"\s--[a-z]", re.IGNORECASE)
_UNSAFE = re.compile(r'[\\/:*?"<>|\x00-\x1f]+')
_LONGEST_LABEL = 80
_LONGEST_PRODUCT = 40
_COUNTABLE = 1_000_000_000


@dataclass(frozen=True)
class Variation:
    """A prompt, and a short name that may be a file's."""

    prompt: str
    label: str


def read_lists(text: str) -> dict[str, list[str]]:
    """Lists from lines such as ``colour: red, green``; with ``|`` between the words where these hold commas.

    Raises :class:`PromptProblem` naming the line that is wrong.
    """
    lists: dict[str, list[str]] = {}
    for number, line in enumerate(text.splitlines(), 1):
        if not line.strip() or line.lstrip().startswith("#"):
            continue
        found = _LINE.fullmatch(line)
        if not found:
            raise PromptProblem(f"Line {number} of the lists has no name: write it as colour: red, green, blue.")
        name, words = found[1], [word.strip() for word in re.split(r"\|" if "|" in found[2] else ",", found[2])]
        if name in lists:
            raise PromptProblem(
                f"Line {number} of the lists: there are two lists called {name}. Give one another name."
            )
        if not all(words):
            raise PromptProblem(f"Line {number} of the lists: {name} has an empty word. Take out the comma too many.")
        if nested := next((word for word in words if _PLACE.search(word)), None):
            raise PromptProblem(
                f"Line {number} of the lists: {nested!r} stands for a list itself; only the base may do that."
            )
        lists[name] = words
    return lists


def vary(base: str, lists: Mapping[str, Sequence[str]], way: str, limit: int, picks: int, seed: int) -> list[Variation]:
    """The prompts: every combination (the last list changes fastest), the lists in step, or ``picks`` drawn with ``seed``.

    A list that the base does not name is put behind it. Raises :class:`PromptProblem` for an empty base, an unknown name,
    lists of different lengths in pairs, and for more than ``limit`` prompts, saying how many there would be.
    """
    template = _Template.of(base, lists)
    rows = list(_rows(template.lists, way, limit, picks, seed))
    return list(_labelled([(template.filled(row), row) for row in rows]))


@dataclass(frozen=True)
class _Template:
    """The base cut at its places; each place is the number of a list."""

    texts: tuple[str, ...]
    places: tuple[int, ...]
    lists: tuple[Sequence[str], ...]

    @classmethod
    def of(cls, base: str, lists: Mapping[str, Sequence[str]]) -> _Template:
        if not base.strip():
            raise PromptProblem("The base is empty: write the prompt that is to be varied.")
        found = list(_PLACE.finditer(base))
        used = {match[0]: _words(match, lists) for match in found}
        behind = [name for name in lists if f"__{name}__" not in used]
        if behind and _PARAMETER.search(base):
            raise PromptProblem(
                f"The base ends in parameters and does not say where {behind[0]} goes: write __{behind[0]}__ there."
            )
        starts, ends = [0, *(match.end() for match in found)], [*(match.start() for match in found), len(base)]
        *texts, last = [base[start:end] for start, end in zip(starts, ends, strict=True)]
        last = last.rstrip(" ,\n") if behind else last
        comma = " " if last.endswith((".", "!", "?")) else ", "
        between = [last + comma, *(", " for _ in behind[1:]), ""] if behind else [last]
        places = [list(used).index(match[0]) for match in found] + [len(used) + number for number in range(len(behind))]
        return cls((*texts, *between), tuple(places), (*used.values(), *(lists[name] for name in behind)))

    def filled(self, row: Sequence[str]) -> str:
        words = [*(row[place] for place in self.places), ""]
        return "".join(itertools.chain.from_iterable(zip(self.texts, words, strict=True))).strip()


def _words(match: re.Match[str], lists: Mapping[str, Sequence[str]]) -> Sequence[str]:
    if match["inline"] is not None:
        return match["inline"].split("|")
    if (words := lists.get(match["name"])) is None:
        there = f"There are: {', '.join(lists)}." if lists else "There are no lists yet."
        raise PromptProblem(f"The base asks for __{match['name']}__, and no list has that name. {there}")
    return words


def _rows(lists: Sequence[Sequence[str]], way: str, limit: int, picks: int, seed: int) -> Iterator[tuple[str, ...]]:
    total = math.prod(map(len, lists))
    if way == RANDOM:
        _check(min(picks, total), limit)
        return (_row(lists, index) for index in _drawn(total, min(picks, total), seed))
    if way == PAIRS:
        return _in_step(lists, limit)
    if way != EVERY:
        raise PromptProblem(f"There is no way {way!r} to combine. There are: {', '.join(WAYS)}.")
    _check(total, limit, " × ".join(str(len(words)) for words in lists))
    return itertools.product(*lists)


def _in_step(lists: Sequence[Sequence[str]], limit: int) -> Iterator[tuple[str, ...]]:
    lengths = {len(words) for words in lists}
    if len(lengths) > 1:
        told = ", ".join(f"{words[0]}… has {len(words)}" for words in lists)
        raise PromptProblem(f"In pairs, all lists must be equally long: {told}.")
    _check(next(iter(lengths), 1), limit)
    return zip(*lists, strict=True) if lists else iter([()])


def _check(count: int, limit: int, told: str = "") -> None:
    if count > limit:
        how = f" ({told})" if "×" in told and len(told) <= _LONGEST_PRODUCT else ""
        number = f"{count:,}" if count <= _COUNTABLE else f"more than {_COUNTABLE:,}"
        raise PromptProblem(
            f"These would be {number} prompts{how}, and the limit is {limit:,}. Shorten the lists, draw random picks, or raise "
            f"the limit (up to {MOST:,})."
        )


def _drawn(total: int, count: int, seed: int) -> list[int]:
    """Different numbers below ``total``, the same for the same seed; ``total`` may be too large for a range."""
    draw, drawn = random.Random(seed), dict[int, None]()
    if count * 2 > total:
        return draw.sample(range(total), count)
    while len(drawn) < count:
        drawn[draw.randrange(total)] = None
    return list(drawn)


def _row(lists: Sequence[Sequence[str]], index: int) -> tuple[str, ...]:
    """The combination of that number, counted as every combination is."""
    row: list[str] = []
    for words in reversed(lists):
        index, place = divmod(index, len(words))
        row.append(words[place])
    return tuple(reversed(row))


def _labelled(rows: Sequence[tuple[str, Sequence[str]]]) -> Iterator[Variation]:
    given: dict[str, int] = {}
    for number, (prompt, words) in enumerate(rows, 1):
        label = safe_label(", ".join(word for word in words if word)) or str(number)
        given[label] = given.get(label, 0) + 1
        yield Variation(prompt, label if given[label] == 1 else f"{label} ({given[label]})")


def safe_label(text: str) -> str:
    """A short text without what file names cannot hold."""
    return _UNSAFE.sub(" ", " ".join(text.split()))[:_LONGEST_LABEL].strip(" .")
