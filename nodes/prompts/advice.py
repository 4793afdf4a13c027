"""What goes wrong with a prompt in a family of models, before it is paid for. The lists are in ``advice.toml``."""

from __future__ import annotations

import functools
import re
from collections.abc import Iterable, Iterator
from typing import Any

from . import vocabulary
from .brief import Brief
from .data import read
from .dialects import Rendered, is_balanced
from .families import Family
from .style_types import DEFAULT, TAKEN_BY

_QUOTED = re.compile(r'"([^"\n]{1,200})"|“([^”\n]{1,200})”')
_NEGATED = re.compile(r"\b(?:no|not|without|never|don't|doesn't|isn't|aren't)\s+\w+", re.IGNORECASE)
_WEIGHT = re.compile(r"\([^()]+:\s*\d+(?:\.\d+)?\)")
_FLAG = re.compile(r"(?:^|\s)--[a-z]\w*", re.IGNORECASE)
_MULTI = re.compile(r"\S::")
_FEW_LETTERS = 3


def advise(brief: Brief, family: Family, rendered: Rendered) -> list[str]:
    """One sentence for each thing that this family will not do as it was meant; an empty list is good news."""
    text = rendered.prompt
    checks = (_length, _letters, _media, _conflicts, _empty_words, _negations, _syntax, _beside)
    return [said for check in checks for said in check(brief, family, rendered, text)]


def _length(brief: Brief, family: Family, rendered: Rendered, text: str) -> Iterator[str]:
    words = len(text.split())
    if family.most_letters and len(text) > family.most_letters:
        yield (
            f"Too long: {family.name} takes {family.most_letters} letters at most and these are {len(text)}; "
            "it will be refused or cut."
        )
    elif words > family.usual_words:
        yield (
            f"Long: what stands beyond about {family.usual_words} words tends to be lost on {family.name}, and these are {words}. "
            "Say the most important first and leave out what does not show."
        )


def _letters(brief: Brief, family: Family, rendered: Rendered, text: str) -> Iterator[str]:
    found = [first or second for first, second in _QUOTED.findall(brief.written)]
    found += [brief.lettering.strip()] if brief.lettering.strip() else []
    words = sum(len(one.split()) for one in found)
    if words > family.lettering:
        better = (
            "check every letter"
            if family.name in ("GPT Image", "Ideogram")
            else "Ideogram and GPT Image write text most reliably"
        )
        yield (
            f"Text in the picture: with {family.name} about {family.lettering} words come out right and these are {words}; "
            f"{better}."
        )
    elif found and family.lettering <= _FEW_LETTERS:
        yield f"Text in the picture is often misspelt by {family.name}; Ideogram and GPT Image write text most reliably."


def _media(brief: Brief, family: Family, rendered: Rendered, text: str) -> Iterator[str]:
    named = {medium: found for medium, words in _lists()["media"].items() if (found := _found(words, brief.written))}
    if brief.medium:
        named = {brief.medium.medium: [brief.choices["style"]], **_without(named, brief.medium.medium)}
    if len(named) > 1:
        told = [f"{found[0]} ({medium})" for medium, found in named.items()]
        yield f"Conflicting styles: {' and '.join(told)}. Keep one, or say how they are mixed."
    taken = [term.name for part in ("camera", "lens") if (term := brief.chosen(part))]
    if taken and brief.medium and brief.medium.medium != "photograph":
        yield (
            f"Conflicting styles: {' and '.join(taken)} makes it a photograph, and {brief.choices['style']} is a "
            f"{brief.medium.medium}."
        )


def _conflicts(brief: Brief, family: Family, rendered: Rendered, text: str) -> Iterator[str]:
    chosen = [term.name.lower() for part in vocabulary.PARTS if (term := brief.chosen(part))]
    for pair in _lists()["conflicts"]:
        one, other = (
            [word for word in pair[side] if word.lower() in chosen] or _found(pair[side], brief.written)
            for side in ("one", "other")
        )
        if one and other:
            yield f"Contradiction: {one[0]} and {other[0]}; {pair['says']}."


def _empty_words(brief: Brief, family: Family, rendered: Rendered, text: str) -> Iterator[str]:
    for name in family.ignores:
        row = _lists()["quality"][name]
        if found := _found(row["words"], text):
            yield f"No use to {family.name}: {', '.join(found)}; {row['says']}."


def _negations(brief: Brief, family: Family, rendered: Rendered, text: str) -> Iterator[str]:
    instead = {
        "nowhere": "say what should be there instead",
        "parameter": "write it into avoid, without the no",
        "field": "write it into avoid, without the no",
    }.get(family.avoid)
    if instead and (found := _NEGATED.search(_QUOTED.sub(" ", brief.written))):
        yield f"{family.name} may draw what is only named: in place of “{found[0]}”, {instead}."


def _syntax(brief: Brief, family: Family, rendered: Rendered, text: str) -> Iterator[str]:
    if family.form != "tags" and (found := _WEIGHT.search(brief.written)):
        yield f"Weights such as {found[0]} mean nothing to {family.name}; only Stable Diffusion reads them."
    if family.form == "tags" and brief.subject_weight != 1 and not is_balanced(brief.subject):
        yield "The subject has no weight: a bracket in it is not closed. Write \\( and \\) for brackets that mean themselves."
    if found := _FLAG.search(brief.written):
        yield (
            f"{found[0].strip()} stands among the words: write it into parameters."
            if family.form == "phrases"
            else f"Parameters such as {found[0].strip()} mean nothing to {family.name}; only Midjourney reads them."
        )
    if family.form != "phrases" and brief.parameters.strip():
        yield f"“{brief.parameters.strip()}” is left out: only Midjourney takes parameters, not {family.name}."
    if family.form != "phrases" and (found := _MULTI.search(brief.written)):
        yield f"The :: means nothing to {family.name}; only Midjourney reads it."


def _beside(brief: Brief, family: Family, rendered: Rendered, text: str) -> Iterator[str]:
    """What is not in the prompt but beside it, or nowhere."""
    if family.avoid == "nowhere" and brief.avoid.strip():
        yield f"{family.name} has no negative prompt, so that what you want to avoid is left out: say what should be there instead."
    if family.form == "tags" and not brief.avoid.strip():
        yield f"{family.name} profits from a negative prompt: connect Negative Prompt to avoid."
    if family.name == "Ideogram" and rendered.negative:
        yield "Only Ideogram 1, 2 and 3 have a negative prompt; for 4 and later leave it unconnected."
    if family.name == "Ideogram" and rendered.style_type != DEFAULT:
        takers = TAKEN_BY.get(rendered.style_type, "Ideogram 2 and 3")
        yield f"The style type {rendered.style_type} is for {takers}; leave it unconnected for other models."


def _found(words: Iterable[str], text: str) -> list[str]:
    return [word for word in words if _whole(word).search(text)]


def _without(table: dict[str, list[str]], name: str) -> dict[str, list[str]]:
    return {key: value for key, value in table.items() if key != name}


@functools.cache
def _whole(word: str) -> re.Pattern[str]:
    return re.compile(rf"(?<!\w){re.escape(word)}(?!\w)", re.IGNORECASE)


@functools.lru_cache(maxsize=1)
def _lists() -> dict[str, Any]:
    return read("advice.toml")
