"""Simple scenes in words: "two green squares and a yellow triangle on a blue background"."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

from .colours import COLOURS, SYNONYMS, named

SHAPES: dict[str, str] = {
    **dict.fromkeys(("circle", "ball", "disc", "disk", "dot", "sphere", "sun", "moon"), "circle"),
    **dict.fromkeys(("square", "box", "cube"), "square"),
    **dict.fromkeys(("rectangle", "bar"), "rectangle"),
    **dict.fromkeys(("triangle", "pyramid"), "triangle"),
    **dict.fromkeys(("ellipse", "oval"), "ellipse"),
    **dict.fromkeys(("diamond", "rhombus"), "diamond"),
    "star": "star",
    "heart": "heart",
    "ring": "ring",
    "hexagon": "hexagon",
}
USUAL_COLOUR = {"sun": "yellow", "moon": "beige", "star": "yellow", "heart": "red"}
NUMBERS = {
    **dict.fromkeys(("a", "an", "one", "the", "single"), 1),
    **dict.fromkeys(("two", "pair of"), 2),
    "three": 3,
    "four": 4,
    "five": 5,
    "six": 6,
    "seven": 7,
    "eight": 8,
    "nine": 9,
    "ten": 10,
    "eleven": 11,
    "twelve": 12,
    "a dozen": 12,
}
SIZES = {
    **dict.fromkeys(("tiny", "little", "small"), 0.6),
    **dict.fromkeys(("big", "large", "huge", "giant"), 1.3),
}
MOST_THINGS = 24


@dataclass(frozen=True)
class Thing:
    """So many shapes of one kind. `scale` is 1 for an ordinary one; `colour` None: the painter chooses."""

    shape: str
    colour: str | None
    count: int = 1
    scale: float = 1.0


@dataclass(frozen=True)
class Scene:
    """What to paint; `background` None lets the painter choose."""

    background: str | None
    things: tuple[Thing, ...]


def _any_of(words: Iterable[str]) -> str:
    return "|".join(sorted(map(re.escape, words), key=len, reverse=True))


_COLOUR = _any_of((*COLOURS, *SYNONYMS))
_SHADE = r"(?:(?:light|dark|bright|pale|deep|solid|plain|vivid)\s+)?"
_THING = re.compile(
    rf"\b(?:(?P<count>{_any_of(NUMBERS)}|\d{{1,2}})\s+)?(?:(?P<size>{_any_of(SIZES)})\s+)?"
    rf"{_SHADE}(?:(?P<colour>{_COLOUR})\s+)?(?P<shape>{_any_of(SHAPES)})(?P<many>e?s)?\b",
    re.IGNORECASE,
)
_BACKGROUND = re.compile(
    rf"\b(?:on|over|against)\s+(?:an?\s+|the\s+)?{_SHADE}(?P<on>{_COLOUR})\b"
    rf"(?:\s+(?:background|backdrop|canvas|ground|sky|wall|field))?(?!\s+(?:{_any_of(SHAPES)})s?\b)"
    rf"|\b(?P<before>{_COLOUR})\s+(?:background|backdrop|canvas)\b",
    re.IGNORECASE,
)


def parse(prompt: str) -> Scene | None:
    """The scene a prompt describes, or None when it names neither a shape nor a background."""
    ground = _BACKGROUND.search(prompt)
    background = named(ground["on"] or ground["before"]) if ground else None
    things: list[Thing] = []
    left = MOST_THINGS
    for found in _THING.finditer(prompt):
        count = min(_count(found["count"], found["many"]), left)
        left -= count
        if count:
            things.append(_thing(found, count))
    return Scene(background, tuple(things)) if things or background else None


def _count(word: str | None, many: str | None) -> int:
    if word is None:
        return 3 if many else 1
    return int(word) if word.isdigit() else NUMBERS[word.lower()]


def _thing(found: re.Match[str], count: int) -> Thing:
    word = found["shape"].lower()
    colour = named(found["colour"]) if found["colour"] else USUAL_COLOUR.get(word)
    return Thing(SHAPES[word], colour, count, SIZES.get((found["size"] or "").lower(), 1.0))
