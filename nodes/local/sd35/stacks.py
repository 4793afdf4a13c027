"""LoRAs and ControlNets in a row, as one socket carries them: what the granular nodes do one by one."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .loading import add_lora
from .preparation import fitted

if TYPE_CHECKING:
    from torch import Tensor


@dataclass(frozen=True)
class Lora:
    """One LoRA, and how strongly it works on the model and on the text encoders."""

    path: Path
    strength: float
    clip_strength: float


@dataclass(frozen=True, eq=False)
class Control:
    """One ControlNet (the host's CONTROL_NET) with its prepared pictures (B, H, W, 3).

    It works from the part ``start`` to the part ``end`` of the steps, 0 to 1.
    """

    net: Any
    picture: Tensor
    strength: float
    start: float
    end: float


LoraStack = tuple[Lora, ...]
ControlStack = tuple[Control, ...]


def with_loras(model: Any, clip: Any, stack: Sequence[Lora]) -> tuple[Any, Any, list[str]]:
    """The model and the text encoders (None where there are none) with every LoRA, and for each what matched.

    Raises ``ModelRefused`` naming the file that is none of this model's.
    """
    reports = []
    for lora in stack:
        model, clip, report = add_lora(model, clip, lora.path, lora.strength, lora.clip_strength)
        reports.append(report)
    return model, clip, reports


def with_controls(
    positive: Any, negative: Any, stack: Sequence[Control], vae: Any, width: int, height: int
) -> tuple[Any, Any]:
    """Both CONDITIONINGs with every ControlNet, as the host's Apply ControlNet adds them.

    The pictures are brought to ``width`` x ``height`` pixels, the size that is drawn, here: the host would pick single pixels.
    """
    from .core.control import apply

    for control in stack:
        picture = fitted(control.picture, width, height)
        positive, negative = apply(
            positive, negative, control.net, picture, vae, control.strength, control.start, control.end
        )
    return positive, negative


def cut_out(stack: Sequence[Control], box: tuple[int, int, int, int], width: int, height: int) -> ControlStack:
    """The same ControlNets for a part of a picture of ``width`` x ``height``: ``box`` is left, top, right, bottom."""
    left, top, right, bottom = box
    return tuple(
        replace(control, picture=fitted(control.picture, width, height)[:, top:bottom, left:right]) for control in stack
    )
