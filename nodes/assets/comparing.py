"""The same prompts over several models: what each made of them, and what it took."""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ..hosted.engine.errors import InputRefused
from .facts import KnownPicture
from .sheets import Cell, Layout

TABLE = ("model", "pictures", "cost_usd", "cost_per_picture_usd", "seconds_each", "sizes")
"""Columns of the comparison's table; costs in US dollars, empty where nobody knows."""


@dataclass(frozen=True)
class Contender:
    """One model and its pictures, in the order of the prompts."""

    name: str
    pictures: tuple[KnownPicture, ...]

    def of_prompt(self, number: int, prompts: int) -> tuple[KnownPicture, ...]:
        """The pictures of one prompt: as many for each."""
        each = len(self.pictures) // prompts
        return self.pictures[number * each : (number + 1) * each]


def name_of(pictures: Sequence[KnownPicture], given: str, socket: str) -> str:
    """What is given, else the model that the pictures were bought from, else the socket's letter."""
    models = {known.model for known in pictures if known.model}
    return given.strip() or (models.pop() if len(models) == 1 else socket.upper())


def prompts_of(contenders: Sequence[Contender], given: Sequence[str]) -> list[str]:
    """The prompts that are compared: the given ones, else those by which the first bought pictures were made.

    Raises :class:`InputRefused` where a contender has not the same number of pictures for each prompt.
    """
    prompts = list(given)
    if not prompts:
        known = next((one.pictures for one in contenders if all(each.prompt for each in one.pictures)), ())
        prompts = list(dict.fromkeys(each.prompt for each in known)) or [""]
    for contender in contenders:
        if not contender.pictures or len(contender.pictures) % len(prompts):
            raise InputRefused(
                f"{contender.name} has {len(contender.pictures)} pictures for {len(prompts)} prompts: every model must make the "
                "same number for each prompt. Connect the same list of prompts to all of them, and to prompts here.",
                input_name="prompts",
            )
    return prompts


def cells_of(contenders: Sequence[Contender], prompts: Sequence[str]) -> list[Cell]:
    """A row a prompt (and more where it has several pictures a model), a column a model."""
    cells = []
    for number, prompt in enumerate(prompts):
        columns = [contender.of_prompt(number, len(prompts)) for contender in contenders]
        for row in range(max(len(column) for column in columns)):
            for column in columns:
                known = column[row] if row < len(column) else None
                cells.append(Cell(known.picture, (prompt, _facts(known))) if known else Cell(None))
    return cells


def layout_of(contenders: Sequence[Contender], side: int, theme: str, title: str) -> Layout:
    heads = tuple(contender.name for contender in contenders)
    return Layout(len(contenders), side, 4, theme, title, heads)


def table_of(contenders: Sequence[Contender]) -> str:
    """CSV with :data:`TABLE` as its head: a line a model."""
    text = io.StringIO()
    writer = csv.DictWriter(text, TABLE, lineterminator="\n")
    writer.writeheader()
    writer.writerows(_row(contender) for contender in contenders)
    return text.getvalue()


def lines_of(contenders: Sequence[Contender], prompts: Sequence[str]) -> list[dict[str, Any]]:
    """What a manifest says: one object a picture, in the order of the sheet."""
    return [
        {
            "prompt": prompt,
            "contender": contender.name,
            "model": known.model,
            "pixels": known.picture.rgb_digest,
            "width": known.picture.width,
            "height": known.picture.height,
            "cost_usd": known.cost_usd,
            "seed": known.seed,
            "seconds": known.seconds,
            "sandbox": known.sandbox,
        }
        for number, prompt in enumerate(prompts)
        for contender in contenders
        for known in contender.of_prompt(number, len(prompts))
    ]


def _facts(known: KnownPicture) -> str:
    seed = "" if known.seed is None else f"seed {known.seed}"
    size = f"{known.picture.width}x{known.picture.height}"
    return " · ".join(part for part in (known.cost, seed, size, "sandbox" if known.sandbox else "") if part)


def _row(contender: Contender) -> Mapping[str, object]:
    costs = [known.cost_usd for known in contender.pictures if known.cost_usd is not None]
    seconds = [known.seconds for known in contender.pictures if known.seconds is not None]
    sizes = dict.fromkeys(f"{known.picture.width}x{known.picture.height}" for known in contender.pictures)
    return {
        "model": contender.name,
        "pictures": len(contender.pictures),
        "cost_usd": round(sum(costs), 6) if costs else "",
        "cost_per_picture_usd": round(sum(costs) / len(costs), 6) if costs else "",
        "seconds_each": round(sum(seconds) / len(seconds), 1) if seconds else "",
        "sizes": " ".join(sizes),
    }
