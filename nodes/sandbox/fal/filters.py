"""What the content filters object to, and how it shows: a refusal, black pictures, or pictures left out."""

from __future__ import annotations

import re
from dataclasses import dataclass

from ..calls import ApiError
from ..faults import Rule
from .orders import FalOrder
from .schemas import properties
from .wire import model_error

FORBIDDEN = re.compile(r"\bforbidden\b", re.IGNORECASE)
"""The filters always object to a prompt with this word, so that a refusal can be tried out."""
FLAGGED = "The content could not be processed because it was flagged by a content checker."


@dataclass(frozen=True)
class Verdict:
    """Of the pictures of an order: whether all are refused, how many become black, how many are left out."""

    refused: bool = False
    black: int = 0
    missing: int = 0


def verdict(order: FalOrder, fault: Rule) -> Verdict:
    """fal's own safety checker blackens and flags, where it is on; the filters of other houses refuse."""
    held = _held_back(order, fault)
    flags = "has_nsfw_concepts" in properties(order.path, "output")
    if fault.kind == "refuse_input":
        return Verdict(refused=True)
    if flags and "enable_safety_checker" in properties(order.path):
        return Verdict(black=held if order.asked.get("enable_safety_checker") else 0)
    if held == order.count:
        return Verdict(refused=True)
    return Verdict(black=held) if flags else Verdict(missing=held)


def refusal(order: FalOrder) -> ApiError:
    """The 422 of a refused submission."""
    detail = {"loc": ["body", "prompt"], "msg": FLAGGED, "type": "content_policy_violation", "input": order.prompt}
    return model_error(422, [detail])


def _held_back(order: FalOrder, fault: Rule) -> int:
    if fault.kind == "refuse_some":
        return min(order.count, fault.count)
    return order.count if fault.kind == "refuse_output" or FORBIDDEN.search(order.prompt) else 0
