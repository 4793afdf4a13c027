"""What can be chosen about what is segmented, as the nodes offer it."""

from __future__ import annotations

BEST, LARGEST, SMALLEST, ALL = "best", "largest", "smallest", "all three"
KEEP = [BEST, LARGEST, SMALLEST, ALL]
"""What of the three answers to a click, such as the button, the shirt and the person. ``BEST`` is the one with the highest
score, and the model's one answer to anything clearer than a single click."""

LARGEST_FIRST, BEST_FIRST, LEFT_TO_RIGHT, TOP_TO_BOTTOM = (
    "largest first",
    "best first",
    "left to right",
    "top to bottom",
)
ORDERS = [LARGEST_FIRST, BEST_FIRST, LEFT_TO_RIGHT, TOP_TO_BOTTOM]
