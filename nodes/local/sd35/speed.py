"""What may be traded for speed; nothing unless it is asked for."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Speed:
    """How a model is hurried."""

    guidance_from: float = 0.0
    """Parts of the run, 0 to 1, between which the negative words are asked for."""
    guidance_until: float = 1.0
    threshold: float = 0.0
    """By how much the first block's work may change before the others run again; 0 runs them always."""
    compiled: bool = False
