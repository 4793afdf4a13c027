"""In whose name something is bought."""

from __future__ import annotations

from dataclasses import dataclass

from .keys import DEFAULT_PROFILE


@dataclass(frozen=True)
class Order:
    """In whose name a request is bought: the run it belongs to, the workflow's digest, the key's profile."""

    run: str = ""
    workflow: str = ""
    profile: str = DEFAULT_PROFILE
    asked_model: str = ""
    """What the user chose, where the request is for another model in its place."""
