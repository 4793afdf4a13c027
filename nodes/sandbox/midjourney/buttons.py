"""The buttons below a finished task, as Discord shows them, and what pressing one does."""

from __future__ import annotations

import re
import uuid
from dataclasses import dataclass
from typing import Any

from .tasks import Shows, Task

_PRESS = re.compile(r"MJ::(?:JOB::)?(?P<name>\w+)::(?P<number>[\w-]+)")
_ZOOMS = {"50": "2", "75": "1.5"}


@dataclass(frozen=True)
class Press:
    """A button that was pressed: how the task is carried on, and what comes of it."""

    operation: str
    action: str
    what: str
    which: str
    shows: Shows
    opens_window: bool = False
    is_masked: bool = False
    """Whether its window wants a mask."""


def buttons_of(task: Task) -> list[dict[str, Any]]:
    """What is offered for this task."""
    # The same each time it is asked, as the real ones are.
    job = uuid.uuid5(uuid.NAMESPACE_OID, task.id)
    if task.shows == "grid":
        offered = [(f"MJ::JOB::upsample::{number}::{job}", f"U{number}") for number in range(1, 5)]
        offered.append((f"MJ::JOB::reroll::0::{job}::SOLO", ""))
        offered += [(f"MJ::JOB::variation::{number}::{job}", f"V{number}") for number in range(1, 5)]
    else:
        offered = _single(_number(task.wish.version), str(job))
    return [
        {"customId": name, "emoji": "" if label else "🔄", "label": label, "type": 2, "style": 2}
        for name, label in offered
    ]


def pressed(task: Task, custom_id: str) -> Press | None:
    """What the button of that id does; None where this task has no such button."""
    if custom_id not in [button["customId"] for button in buttons_of(task)]:
        return None
    found = _PRESS.match(custom_id)
    if found is None:
        return None
    name, number = found["name"], found["number"]
    if name == "upsample":
        return Press("upscale", "UPSCALE", "pick", number, "picture")
    if name.startswith("upsample_"):
        return Press("upscale", "ACTION", "larger", "4" if name.endswith("4x") else "2", "picture")
    if name.endswith("variation"):
        return Press("vary", "VARIATION", "vary", number, "grid")
    if name == "reroll":
        return Press("reroll", "REROLL", "reroll", "", "grid")
    if name == "Outpaint":
        return Press("zoom", "ACTION", "zoom", _ZOOMS[number], "grid")
    if name == "Inpaint":
        return Press("region", "INPAINT", "region", "", "grid", opens_window=True, is_masked=True)
    if name == "CustomZoom":
        return Press("zoom", "ACTION", "zoom", "", "grid", opens_window=True)
    return Press("pan", "PAN", "pan", name.removeprefix("pan_"), "grid")


def _single(version: float, job: str) -> list[tuple[str, str]]:
    """Of one picture: what there is depends on the version."""
    offered = []
    if 6 <= version < 8:
        family = {6.0: "v6", 6.1: "v6r1"}.get(version, "v7")
        offered += [
            (f"MJ::JOB::upsample_{family}_2x_{way}::1::{job}::SOLO", f"Upscale ({way.title()})")
            for way in ("subtle", "creative")
        ]
    if 5 <= version < 6:
        offered += [(f"MJ::JOB::upsample_v5_{size}::1::{job}::SOLO", f"Upscale ({size})") for size in ("2x", "4x")]
    if version >= 5.2:
        offered += [
            (f"MJ::JOB::{way}_variation::1::{job}::SOLO", f"Vary ({label})")
            for way, label in (("low", "Subtle"), ("high", "Strong"))
        ]
    if version >= 5:
        offered.append((f"MJ::Inpaint::1::{job}::SOLO", "Vary (Region)"))
    if 5 <= version < 8:
        offered += [(f"MJ::Outpaint::{code}::1::{job}::SOLO", f"Zoom Out {factor}x") for code, factor in _ZOOMS.items()]
        offered.append((f"MJ::CustomZoom::{job}", "Custom Zoom"))
        offered += [(f"MJ::JOB::pan_{side}::1::{job}::SOLO", f"Pan {side}") for side in ("left", "right", "up", "down")]
    return offered


def _number(version: str) -> float:
    return float(version.removeprefix("niji "))
