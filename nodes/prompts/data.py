"""Reads the data files of this room."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from ..hosted.engine.toml import read_toml


class PromptProblem(ValueError):
    """What somebody asked of this room cannot be done; says what is wrong and what is allowed."""


def read(name: str) -> dict[str, Any]:
    """The tables of a TOML file that stands beside this module."""
    return read_toml(Path(__file__).with_name(name))
