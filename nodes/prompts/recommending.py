"""Which model for what: those that can do it, best first, and why."""

from __future__ import annotations

import datetime as dt
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from decimal import Decimal

from .choices import ANYWHERE, HOSTED, LICENCES, OWN_MACHINE
from .data import PromptProblem
from .models import Model, as_of, models, retired

TOP = 3
_USE_WEIGHT, _SPARE_TEXT, _EACH_CONTROL = 10, 2, Decimal("0.5")
_PRICE_WEIGHT: Mapping[str, int] = {"drafts": 150}
_USUAL_PRICE_WEIGHT = 40
_OWN_CARD = 4
"""Points that a model loses for needing a graphics card, where it does not matter where it runs."""


@dataclass(frozen=True)
class Need:
    """What somebody is looking for; ``use`` and ``control`` are keys of the table, ``budget`` is in US dollars in all."""

    use: str
    text: int = 0
    control: str | None = None
    place: str = ANYWHERE
    licence: str = LICENCES[0]
    quality: str = "standard"
    pictures: int = 1
    budget: Decimal | None = None


@dataclass(frozen=True)
class Choice:
    """A model that fits, with its points, the reason and the price of all pictures in US dollars."""

    model: Model
    points: Decimal
    why: str
    cost: Decimal


@dataclass(frozen=True)
class Recommendation:
    """What fits, best first, and how many models each wish has ruled out."""

    choices: tuple[Choice, ...]
    left_out: Mapping[str, int]


def recommend(need: Need) -> Recommendation:
    """Every model that can do it, best first. Raises :class:`PromptProblem` where none can, saying which wishes rule them out."""
    gone = {one.name for one in retired()}
    fitting: list[Choice] = []
    left_out: Counter[str] = Counter()
    for model in models():
        if model.name in gone:
            continue
        reasons = [reason for reason, rules_out in _WISHES.items() if rules_out(model, need)]
        left_out.update(reasons[:1])
        if not reasons:
            fitting.append(_choice(model, need))
    if not fitting:
        told = ", ".join(f"{count} {reason}" for reason, count in left_out.most_common())
        raise PromptProblem(f"No model does all of this: {told}. Give up one wish, or raise the budget.")
    return Recommendation(tuple(sorted(fitting, key=lambda choice: -choice.points)), left_out)


def explained(found: Recommendation, need: Need, asked: str, today: dt.date, had_in_mind: str = "") -> str:
    """The recommendation as Markdown: the first three, what was left out, and what is retired."""
    first = found.choices[0]
    count = "1 picture" if need.pictures == 1 else f"{need.pictures} pictures"
    lines = [
        f"**{first.model.name}** ({first.model.family}, made with {first.model.node}) for {asked}: {first.why}.",
        "",
        f"| | Model | Why | Licence | Where | {count}, {need.quality} |",
        "|---|---|---|---|---|---|",
        *(
            f"| {rank} | {one.model.name} | {one.why} | {one.model.licence} | {_where(one.model, need)} | {_price(one)} |"
            for rank, one in enumerate(found.choices[:TOP], 1)
        ),
        "",
        *_remarks(found, need, today, had_in_mind),
        *_switched_off(today),
        f"Prices of {as_of()} for about 1024x1024; what the provider reports in the end is what counts.",
    ]
    return "\n".join(lines)


def shortly(found: Recommendation, need: Need, today: dt.date, had_in_mind: str = "") -> str:
    """The same in a few plain lines."""
    ranked = (f"{rank}. {one.model.name}: {_price(one)}; {one.why}" for rank, one in enumerate(found.choices[:TOP], 1))
    return "\n".join([*ranked, *_remarks(found, need, today, had_in_mind)])


def _remarks(found: Recommendation, need: Need, today: dt.date, had_in_mind: str) -> list[str]:
    left = [f"Left out: {', '.join(f'{count} {reason}' for reason, count in found.left_out.items())}."]
    return (left if found.left_out else []) + _about(had_in_mind, found, need, today)


def _switched_off(today: dt.date) -> list[str]:
    """One sentence for each model that has replaced others."""
    by_successor: dict[str, list[str]] = {}
    for one in retired():
        when = f"{'since' if one.retires <= today else 'from'} {one.retires}"
        by_successor.setdefault(one.successor, []).append(f"{one.name} ({when})")
    return [f"Switched off: {', '.join(names)}; {new} replaces them." for new, names in by_successor.items()]


def _about(name: str, found: Recommendation, need: Need, today: dt.date) -> list[str]:
    """What to say of the model that somebody had in mind."""
    if not name:
        return []
    if gone := next((one for one in retired() if one.name == name), None):
        return [gone.told(today)]
    if rank := next((rank for rank, one in enumerate(found.choices, 1) if one.model.name == name), 0):
        one = found.choices[rank - 1]
        return [f"{name} is number {rank} of {len(found.choices)}: {one.why}; {_price(one)}."]
    model = next(model for model in models() if model.name == name)
    reasons = [reason for reason, rules_out in _WISHES.items() if rules_out(model, need)]
    return [f"{name} is left out: {', '.join(reasons)}."]


def _choice(model: Model, need: Need) -> Choice:
    points, why = model.use(need.use)
    cost = model.cost(need.pictures, need.quality, _place(model, need))
    each = cost / need.pictures
    score = Decimal(points * _USE_WEIGHT)
    score += _SPARE_TEXT * max(0, model.text - need.text) if need.text else 0
    score += _EACH_CONTROL * len(model.takes)
    score -= each * _PRICE_WEIGHT.get(need.use, _USUAL_PRICE_WEIGHT)
    if need.place == ANYWHERE and HOSTED not in model.places:
        score -= _OWN_CARD
    return Choice(model, score, why, cost)


def _place(model: Model, need: Need) -> str:
    return need.place if need.place != ANYWHERE else model.places[0]


def _where(model: Model, need: Need) -> str:
    return f"your machine, {model.needs}" if _place(model, need) == OWN_MACHINE else "hosted"


def _price(one: Choice) -> str:
    if not one.cost:
        return "nothing but power"
    fraction = f"{one.cost:.4f}".rstrip("0")
    shown = f"${one.cost:,.2f}" if one.cost >= 1 or len(fraction) <= len("0.00") else f"${fraction}"
    return f"about {shown} ({one.model.unsure})" if one.model.unsure else shown


_WISHES: dict[str, Callable[[Model, Need], bool]] = {
    "not where you want to run it": lambda model, need: need.place != ANYWHERE and need.place not in model.places,
    "without open weights": lambda model, need: need.licence == LICENCES[2] and not model.open,
    "whose results may not be sold": lambda model, need: (
        need.licence == LICENCES[1] and _place(model, need) not in model.sold
    ),
    "without that control": lambda model, need: need.control is not None and need.control not in model.takes,
    "whose lettering is too unsure": lambda model, need: model.text < need.text,
    "beyond the budget": lambda model, need: (
        need.budget is not None and model.cost(need.pictures, need.quality, _place(model, need)) > need.budget
    ),
}
"""Why a model can be left out, in the order in which it is said."""
