"""The rows of ``models.toml``: what each model takes, and on whose wire."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict

from ..engine.toml import read_toml

MAX_SEED = 2**31 - 1


class Option(BaseModel):
    """One thing that can be asked of a model, and the name of its field on the wire."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    field: str
    range: tuple[float, float] | None = None
    choices: tuple[str, ...] = ()
    usual: str | None = None
    """What is sent where nothing is asked; None where the field is then left out."""


class Row(BaseModel):
    """One model as its route serves it; what is not among its options it does not take."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str
    route: str
    path: str
    picture: str
    picture_area: int | None = None
    """The most pixels of a picture that is sent; None where no limit is known."""
    fixed: dict[str, Any] = {}
    options: dict[str, Option] = {}

    def problem(self, name: str, value: Any, others: Mapping[str, Row]) -> str | None:
        """Why this model does not take ``value`` for the input ``name``; None where it does."""
        option = self.options.get(name)
        if option is None:
            takers = [other.name for other in others.values() if name in other.options]
            return f"{self.name} has no such setting; {listed(takers)} {'does' if len(takers) == 1 else 'do'}"
        if option.range is not None and not option.range[0] <= value <= option.range[1]:
            least, most = option.range
            return f"{self.name} takes {least:g} to {most:g}" if least < most else f"{self.name} takes only {least:g}"
        if option.choices and value not in option.choices:
            return f"{self.name} takes {listed(option.choices)}"
        return None

    def picture_problem(self, width: int, height: int) -> str | None:
        """Why this model does not take a picture of that size; None where it does."""
        if self.picture_area is None or width * height <= self.picture_area:
            return None
        return (
            f"a picture of {width}x{height} is too large for {self.name}: at most {self.picture_area:,} pixels, so scale "
            f"it down first"
        )

    def fields(self, asked: Mapping[str, Any]) -> dict[str, Any]:
        """What is sent beside the picture, by the names of the wire; ``asked`` is by the names of the inputs."""
        sent = dict(self.fixed)
        for name, option in self.options.items():
            value = asked.get(name)
            value = option.usual if value is None else value
            if isinstance(value, float) and value.is_integer():
                # Where a field takes whole numbers, some models refuse 4.0.
                value = int(value)
            if value is not None:
                sent[option.field] = value
        return sent


def listed(names: Any) -> str:
    """Names as a sentence has them: "a, b and c"."""
    every = list(names)
    return ", ".join(every[:-1]) + f" and {every[-1]}" if len(every) > 1 else "".join(every)


def _rows(operation: str) -> dict[str, Row]:
    tables = read_toml(Path(__file__).with_name("models.toml"))[operation]
    return {name: Row(name=name, **table) for name, table in tables.items()}


UPSCALERS = _rows("upscale")
"""Every model that enlarges, by name, in the order in which the editor shows them."""
CUTTERS = _rows("remove_background")
"""Every model that removes a background, by name, in the order in which the editor shows them."""
