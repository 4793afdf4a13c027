"""What can be chosen about saving, as the nodes offer it."""

from __future__ import annotations

from dataclasses import dataclass

PICTURE_TYPES = {"png": "image/png", "jpeg": "image/jpeg", "webp": "image/webp"}
"""Formats of Save Pictures with their media types."""
ASSET_TYPES = {**PICTURE_TYPES, "avif": "image/avif"}
"""Formats of Save Assets with their media types."""

KEEP, LEAVE_OUT, ENCRYPT = "keep in the picture", "leave out of the picture", "encrypt"
WORKFLOW_CHOICES = [KEEP, LEAVE_OUT, ENCRYPT]

WHERE_POSSIBLE, ALWAYS, NEVER = "where set up", "always", "never"
CREDENTIALS_CHOICES = [WHERE_POSSIBLE, ALWAYS, NEVER]

AUTOMATIC, MADE, CHANGED, UNSAID = (
    "automatic",
    "made by AI",
    "made by AI from other pictures",
    "say nothing",
)
SOURCE_CHOICES = [AUTOMATIC, MADE, CHANGED, UNSAID]

OUTPUT = "output"
"""The name of ComfyUI's own output folder among the destinations."""

COUNTER = "counter"
NAME_FIELDS = (
    "date",
    "time",
    "year",
    "month",
    "day",
    "title",
    "prompt",
    "model",
    "provider",
    "operation",
    "seed",
    "take",
    "width",
    "height",
    "format",
    "batch",
    COUNTER,
    "purchase",
    "pixels",
)
"""What may stand in braces in a file's name."""


@dataclass(frozen=True)
class Theme:
    """Colours of a sheet, 8-bit RGB."""

    paper: tuple[int, int, int]
    ink: tuple[int, int, int]
    faint: tuple[int, int, int]


THEMES = {
    "dark": Theme((24, 24, 27), (244, 244, 245), (161, 161, 170)),
    "light": Theme((255, 255, 255), (24, 24, 27), (113, 113, 122)),
}
