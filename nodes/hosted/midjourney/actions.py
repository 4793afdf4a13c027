"""The rows of ``actions.toml``: what can be asked of a finished task, and which versions have it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, field_validator

from ..engine.toml import read_toml
from .parameters import VERSIONS, listed

Shows = Literal["grid", "picture"]
"""A grid of four, or one picture."""


class Action(BaseModel):
    """One action."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str
    label: str
    of: Shows
    gives: Shows
    button: str
    codes: Mapping[str, str] = {}
    versions: tuple[str, ...]
    unsure: tuple[str, ...] = ()

    @field_validator("versions", mode="before")
    @classmethod
    def _spelled_out(cls, versions: Any) -> Any:
        return VERSIONS if versions == "all" else versions

    def is_button(self, custom_id: str, asked: str) -> bool:
        """Whether the button of that id does this."""
        return re.match(self.button.format(re.escape(self.codes.get(asked, asked))), custom_id) is not None

    def problem(self, version: str, shows: Shows, asked: str) -> str | None:
        """Why it cannot be asked of a task of that version that shows that; None where it can."""
        label = self.label.format(asked)
        if shows != self.of:
            if self.of == "picture":
                return f"{label} is for one picture, and this task is a grid of four: put Midjourney Upscale before it"
            return f"{label} is for a grid of four, and this task is one picture"
        if version in (*self.versions, *self.unsure):
            return None
        return f"version {version} has no {label}: {listed(self.versions)} have it"


ACTIONS: Mapping[str, Action] = {
    name: Action(name=name, **row) for name, row in read_toml(Path(__file__).with_name("actions.toml")).items()
}
"""Every action by name."""
