"""What the model knows, and how people say it."""

from __future__ import annotations

import random
from collections.abc import Iterable
from dataclasses import astuple, dataclass, replace

COLOURS = {
    "red": (220, 30, 35),
    "orange": (255, 140, 0),
    "yellow": (250, 225, 30),
    "green": (25, 150, 50),
    "cyan": (40, 210, 220),
    "blue": (30, 60, 210),
    "purple": (130, 40, 160),
    "pink": (255, 130, 185),
    "white": (248, 248, 248),
    "black": (12, 12, 12),
}
SHAPES = ("circle", "square", "triangle", "star", "ring", "cross")
SIZES = ("small", "large")
PLACES = ("left", "right", "center", "top", "bottom")
COLOUR_NAMES = tuple(COLOURS)
UNSAID = -1
"""In place of a number: the prompt leaves it open."""

CHOICES = (len(SHAPES), len(COLOURS), len(COLOURS), len(SIZES), len(PLACES))
"""How many values each part of a :class:`Description` can have."""

TEMPLATES = (
    "a {size} {colour} {shape} {place} on a {background} background",
    "a {size} {colour} {shape} on a {background} background {place}",
    "{size} {colour} {shape} {place}, {background} background",
    "{colour} {size} {shape} on {background}, {place}",
    "a {background} background with a {size} {colour} {shape} {place}",
    "a {size} {shape} {place} in {colour} against a {background} background",
    "one {size} {colour} {shape} over a {background} background {place}",
    "{place} a {size} {colour} {shape}, the background is {background}",
)
PLACE_WORDS = {
    "left": ("on the left", "at the left side", "to the left", "left"),
    "right": ("on the right", "at the right side", "to the right", "right"),
    "center": ("in the center", "in the middle", "centered", "center"),
    "top": ("at the top", "near the top", "on top", "top"),
    "bottom": ("at the bottom", "near the bottom", "on the bottom", "bottom"),
}
SIZE_WORDS = {"small": ("small", "little", "tiny"), "large": ("large", "big", "huge")}
BEFORE = (
    "a photo of",
    "a picture of",
    "a drawing of",
    "an image of",
    "a painting of",
    "masterpiece, best quality,",
    "simple flat",
    "an illustration of",
)
BEHIND = (
    ", high quality",
    ", masterpiece",
    ", best quality, 8k",
    ", sharp",
    ", simple",
    ", flat colors",
    ", minimal",
    ", vector art",
    ", detailed",
    ", clean",
)
NOTHING_SAID = (
    "",
    "",
    "",
    "",
    "blurry, low quality",
    "low quality",
    "worst quality, bad",
    "blurry",
    "ugly, blurry, noisy",
    "text, watermark",
    "bad art, deformed",
    "a picture",
    "a drawing",
    "best quality",
    "an image",
)
"""Prompts that say nothing of what to draw: as negative prompts they do no harm."""

_OTHER_WORDS = (
    "the of and shape colored color colour coloured outline style filled picture gray brown rectangle cat dog house tree portrait "
    "landscape night day with no not two three very is it this that beautiful abstract art design size position"
)


@dataclass(frozen=True)
class Description:
    """A picture, or what a prompt says of one: places in the tables above, or ``UNSAID``."""

    shape: int
    colour: int
    background: int
    size: int = UNSAID
    place: int = UNSAID

    def numbers(self) -> tuple[int, ...]:
        """In the order of ``CHOICES``."""
        numbers: tuple[int, ...] = astuple(self)
        return numbers


NOTHING = Description(UNSAID, UNSAID, UNSAID)


def _held_out(shape: int, colour: int, background: int) -> bool:
    # Every pair of the three is still seen with other thirds.
    return (colour + 3 * background + 7 * shape) % 10 == 4


_ALL = [
    (shape, colour, background)
    for shape in range(len(SHAPES))
    for colour in range(len(COLOURS))
    for background in range(len(COLOURS))
    if colour != background
]
SEEN = [triple for triple in _ALL if not _held_out(*triple)]
HELD_OUT = [triple for triple in _ALL if _held_out(*triple)]
"""A tenth of shape, colour and background together that no training picture ever showed."""


def random_description(rng: random.Random, partial: float = 0.12) -> tuple[Description, Description]:
    """A picture, and what its prompt says of it; with the chance ``partial`` some of that is left out."""
    shown = Description(*rng.choice(SEEN), rng.choice((UNSAID, 0, 1)), rng.choice((UNSAID, UNSAID, 0, 1, 2, 3, 4)))
    if rng.random() >= partial:
        return shown, shown
    shape, colour, background = (
        UNSAID if rng.random() < 0.45 else part for part in (shown.shape, shown.colour, shown.background)
    )
    return shown, Description(shape, colour, background, shown.size, shown.place)


def prompt_of(said: Description, rng: random.Random, extras: float = 0.25) -> str:
    """Words for a description; ``extras`` is the chance of words around it that mean nothing."""
    text = _sentence(said, rng)
    text = " ".join(text.split()).replace(" ,", ",").strip(" ,")
    if rng.random() < 0.3:
        text = text.removeprefix("a ").removeprefix("one ")
    if rng.random() < extras:
        text = f"{rng.choice(BEFORE)} {text}"
    if rng.random() < extras:
        text += rng.choice(BEHIND)
    if rng.random() < extras * 0.3:
        text += f", {gibberish(rng)}"
    if rng.random() < 0.1:
        text = text.replace("background", "backdrop") if rng.random() < 0.3 else text.title()
    return text


def _sentence(said: Description, rng: random.Random) -> str:
    background = _word(COLOUR_NAMES, said.background)
    if said.shape == UNSAID and said.colour == UNSAID and background:
        return rng.choice((f"{background} background", f"a {background} background", f"{background} picture"))
    words = {
        "shape": _word(SHAPES, said.shape) or rng.choice(("shape", "shape", "thing")),
        "colour": _word(COLOUR_NAMES, said.colour),
        "size": rng.choice(SIZE_WORDS[SIZES[said.size]]) if said.size != UNSAID else "",
        "place": rng.choice(PLACE_WORDS[PLACES[said.place]]) if said.place != UNSAID else "",
        "background": background,
    }
    if not background:
        return "a {size} {colour} {shape} {place}".format(**words)
    template = rng.choice(TEMPLATES)
    if not words["colour"] and " in {colour}" in template:
        template = TEMPLATES[0]
    return template.format(**words)


def _word(words: tuple[str, ...], place: int) -> str:
    return "" if place == UNSAID else words[place]


def random_prompts(count: int, rng: random.Random) -> tuple[list[str], list[tuple[int, ...]]]:
    """Prompts, and what each says (in the order of ``CHOICES``)."""
    prompts, said_in_them = [], []
    for _ in range(count):
        if rng.random() < 0.06:
            prompts.append(rng.choice(NOTHING_SAID) if rng.random() < 0.7 else f"{gibberish(rng)} {gibberish(rng)}")
            said_in_them.append(NOTHING.numbers())
            continue
        _, said = random_description(rng, partial=0.2)
        prompts.append(prompt_of(said, rng, extras=0.35))
        if said.shape == UNSAID and said.colour == UNSAID and said.background != UNSAID:
            # Such a prompt names the background and nothing else.
            said = replace(said, size=UNSAID, place=UNSAID)
        said_in_them.append(said.numbers())
    return prompts, said_in_them


def gibberish(rng: random.Random) -> str:
    return "".join(rng.choice("abcdefghijklmnopqrstuvwxyz") for _ in range(rng.randint(2, 7)))


def all_words() -> list[str]:
    """Every word that is a token of its own, each once."""
    fields = ("size", "colour", "shape", "place", "background")
    texts: list[str] = [*COLOURS, *SHAPES, *SIZES, *PLACES, *BEFORE, *BEHIND, *NOTHING_SAID, _OTHER_WORDS, "background"]
    texts += [template.format(**dict.fromkeys(fields, "")) for template in TEMPLATES]
    for phrases in (*PLACE_WORDS.values(), *SIZE_WORDS.values()):
        texts += phrases
    return list(dict.fromkeys(word for text in texts for word in _letters(text.lower()).split()))


def _letters(characters: Iterable[str]) -> str:
    return "".join(character if character.isalpha() else " " for character in characters)
