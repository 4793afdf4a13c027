"""Reads the data files that stand beside the code."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib


def read_toml(path: Path) -> dict[str, Any]:
    """The tables of a TOML file."""
    with path.open("rb") as file:
        tables: dict[str, Any] = tomllib.load(file)
    return tables
