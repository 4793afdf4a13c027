"""The rows of ``parameters.toml``: which version has which parameter, and what it takes."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, field_validator

from ..engine.toml import read_toml

Kind = Literal["whole", "number", "ratio", "choice", "references", "link", "words", "codes", "switch"]
Direction = Literal["left", "right", "up", "down"]
LEAST_BLENDED, MOST_BLENDED = 2, 5
"""Pictures that Blend takes."""
MOST_ZOOM = 2.0
"""How much wider Zoom Out shows a picture at most."""

_TABLE = read_toml(Path(__file__).with_name("parameters.toml"))
VERSIONS: tuple[str, ...] = tuple(_TABLE["versions"])
"""Every version by its name in the editor, the default first; those for anime begin with ``niji``."""
DEFAULT_VERSION: str = _TABLE["default"]
FILMS: frozenset[str] = frozenset(_TABLE["films"])
"""Parameters that ask for a film."""
WEIGHTS_UNSURE: frozenset[str] = frozenset(_TABLE["weights_unsure"])
IMAGE = "image"
"""What a parameter ``needs`` that means nothing without a picture prompt."""

_LINK = re.compile(r"https?://[^\s:]+(?::\d+)?[^\s]*?(?:::-?\d+(?:\.\d+)?)?")
_CODE = re.compile(r"\d{1,10}(?:::-?\d+(?:\.\d+)?)?|random")
_NUMBER = re.compile(r"\d{1,10}(?:\.\d{1,2})?|\.\d{1,2}")


class Rule(BaseModel):
    """What some versions take."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    versions: tuple[str, ...]
    least: float | None = None
    most: float | None = None
    choices: tuple[str, ...] = ()
    widest: float | None = None
    unsure: bool = False

    @field_validator("versions", mode="before")
    @classmethod
    def _spelled_out(cls, versions: Any) -> Any:
        return VERSIONS if versions == "all" else versions

    def takes(self, value: str) -> bool:
        """Whether these versions take a value that was read."""
        if self.choices:
            return value in self.choices
        if self.widest is not None:
            width, height = map(int, value.split(":"))
            return max(width, height) <= self.widest * min(width, height)
        if self.least is None:
            return True
        return self.least <= float(value) and (self.most is None or float(value) <= self.most)

    @property
    def allowed(self) -> str:
        """What they take, in words."""
        if self.choices:
            return listed(self.choices, "or")
        if self.widest is not None:
            return f"up to {self.widest:g}:1 and 1:{self.widest:g}"
        if self.least == self.most:
            return _plainly(self.least)
        return (
            f"{_plainly(self.least)} or more"
            if self.most is None
            else f"{_plainly(self.least)} to {_plainly(self.most)}"
        )


class Parameter(BaseModel):
    """One parameter."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str
    flags: tuple[str, ...]
    switches: Mapping[str, str] = {}
    kind: Kind
    usual: str | None = None
    needs: str = ""
    not_with: Mapping[str, str] = {}
    written: Literal["flag", "switch", "apart"] = "flag"
    rules: tuple[Rule, ...]

    @property
    def is_list(self) -> bool:
        """Whether several values are one after another, so that two lists can be joined."""
        return self.kind in ("references", "words", "codes")

    @property
    def shown(self) -> str:
        """How a sentence names it: its flag, or its switches."""
        return f"--{self.flags[0]}" if self.flags else listed([f"--{name}" for name in self.switches], "or")

    def rule(self, version: str) -> Rule | None:
        """What ``version`` takes; None where it lacks the parameter."""
        return next((rule for rule in self.rules if version in rule.versions), None)

    def read(self, given: str) -> str:
        """A value as it is written. Raises ValueError, saying what a value looks like, for what cannot be one."""
        value = given.strip() if self.kind == "words" else given.strip().rstrip(",.;")
        return _READERS[self.kind](value)

    def joined(self, *values: str) -> str:
        """Lists as one, nothing twice."""
        separator = ", " if self.kind == "words" else " "
        parts = [part.strip() for value in values for part in value.split(separator.strip() or None)]
        return separator.join(dict.fromkeys(part for part in parts if part))

    def problem(self, version: str, value: str) -> str | None:
        """Why ``version`` does not take ``value``, and which versions do; None where it does."""
        rule = self.rule(version)
        if rule is None:
            have = [name for name in VERSIONS if self.rule(name)]
            return f"version {version} has no {self.shown}: {listed(have)} {'has' if len(have) == 1 else 'have'} it"
        if rule.takes(value):
            return None
        others = [name for name in VERSIONS for other in self.rules if name in other.versions and other.takes(value)]
        hint = f"; {listed(others)} {'takes' if len(others) == 1 else 'take'} {value}" if others else ""
        return f"version {version} takes {rule.allowed}{hint}"

    def text(self, value: str) -> str:
        """The parameter as it stands in a prompt."""
        if self.written == "switch":
            return f"--{value}"
        return f"--{self.flags[0]} {value}".rstrip()


def listed(names: Sequence[str], last: str = "and") -> str:
    """Names as a sentence has them."""
    return f"{', '.join(names[:-1])} {last} {names[-1]}" if len(names) > 1 else "".join(names)


def _plainly(number: float | None) -> str:
    """A number without an exponent."""
    return "" if number is None else f"{number:.2f}".rstrip("0").rstrip(".")


def _whole(value: str) -> str:
    if not re.fullmatch(r"\d{1,10}", value):
        raise ValueError("it takes one whole number")
    return str(int(value))


def _number(value: str) -> str:
    if not _NUMBER.fullmatch(value):
        raise ValueError("it takes one number, with two digits after the point at most")
    return _plainly(float(value))


def _ratio(value: str) -> str:
    if not re.fullmatch(r"[1-9]\d{0,4}:[1-9]\d{0,4}", value):
        raise ValueError("it takes width:height in whole numbers, such as 16:9")
    return value


def _choice(value: str) -> str:
    if len(value.split()) != 1:
        raise ValueError("it takes one word or number")
    value = value.lower()
    return _plainly(float(value)) if _NUMBER.fullmatch(value) else value


def _references(value: str) -> str:
    found = value.replace(",", " ").split()
    wrong = [one for one in found if not (_LINK.fullmatch(one) or _CODE.fullmatch(one.lower()))]
    if wrong or not found:
        raise ValueError("it takes links that begin with https://, style codes, or random, with spaces between them")
    return " ".join(dict.fromkeys(one if "/" in one else one.lower() for one in found))


def _link(value: str) -> str:
    if not _LINK.fullmatch(value):
        raise ValueError("it takes exactly one link that begins with https://")
    return value


def _words(value: str) -> str:
    found = dict.fromkeys(" ".join(one.split()) for one in value.split(","))
    found.pop("", None)
    if not found:
        raise ValueError("it takes words, with commas between them")
    return ", ".join(found)


def _codes(value: str) -> str:
    return " ".join(dict.fromkeys(value.split()))


def _switch(value: str) -> str:
    if value:
        raise ValueError("it takes no value, and the prompt's words go before all parameters")
    return ""


_READERS: Mapping[Kind, Any] = {
    "whole": _whole,
    "number": _number,
    "ratio": _ratio,
    "choice": _choice,
    "references": _references,
    "link": _link,
    "words": _words,
    "codes": _codes,
    "switch": _switch,
}

PARAMETERS: Mapping[str, Parameter] = {name: Parameter(name=name, **row) for name, row in _TABLE["parameters"].items()}
"""Every parameter by the name of its input, in the order in which they are written."""

SPELLINGS: Mapping[str, tuple[Parameter, str | None]] = {
    **{flag: (parameter, None) for parameter in PARAMETERS.values() for flag in parameter.flags},
    **{switch: (parameter, value) for parameter in PARAMETERS.values() for switch, value in parameter.switches.items()},
}
"""Every spelling of a parameter, and the value that it stands for where it takes none."""
