"""Where this pack's ComfyUI keeps Easel's state, found without starting it."""

from __future__ import annotations

from pathlib import Path

from .problem import Problem

_NAME = "__easel"


def state_folder(told: Path | None, pack: Path) -> Path:
    """The folder that was named, or ``user/__easel`` of the ComfyUI in whose custom_nodes the pack lies.

    Raises :class:`Problem` where neither is there.
    """
    if told is not None:
        if not told.is_dir():
            raise Problem(f"There is no folder {told}.")
        return told
    found = usual_folder(pack)
    if found is None:
        raise Problem("This pack lies in no ComfyUI's custom_nodes: say --state FOLDER (ComfyUI's user/__easel).")
    if not found.is_dir():
        raise Problem(f"Nothing was bought yet: there is no folder {found}. For another ComfyUI say --state FOLDER.")
    return found


def usual_folder(pack: Path) -> Path | None:
    """Where it should be; None where the pack is not installed in a ComfyUI."""
    if pack.parent.name != "custom_nodes":
        return None
    return pack.parent.parent / "user" / _NAME
