"""The kind of picture that some image nodes are told beside the prompt."""

from __future__ import annotations

from .brief import Brief
from .families import Family

DEFAULT = "default"
"""Leaves it to the image node's model."""
TAKEN_BY = {"anime": "Ideogram 2", "render_3d": "Ideogram 2"}
"""Which models take a style type; the others are taken by Ideogram 2 and 3 (Ideogram's reference pages, November 2026)."""


def style_type(brief: Brief, family: Family) -> str:
    """Ideogram's ``style_type`` or DALL-E's ``style`` for the chosen style; ``default`` where it has none."""
    if family.style_types == "ideogram" and brief.medium:
        return brief.medium.style_type
    if family.style_types == "dall-e":
        return "natural" if brief.medium and brief.medium.medium == "photograph" else "vivid"
    return DEFAULT
