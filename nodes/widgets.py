"""What every room's nodes do with their inputs in the editor."""

from __future__ import annotations

from comfy_api.latest import io


def advanced(entry: io.Input) -> io.Input:
    """Fold the input away where the editor can (hosts before 0.10 have no such argument, and ignore the mark)."""
    entry.extra_dict["advanced"] = True
    return entry


def late(entry: io.Input) -> io.Input:
    """An input that its node was not released with: the host refuses workflows that lack one which is not optional."""
    entry.optional = True
    return entry
