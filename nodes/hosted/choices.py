"""What the user decides about a purchase beside the request itself."""

from __future__ import annotations

from dataclasses import dataclass

RAISE, BLOCK, SECOND = "stop with an error", "block this branch", "try the second model"
ON_REFUSAL = [RAISE, BLOCK, SECOND]
REPLACE = "use the model that replaces it"
IF_RETIRED = [REPLACE, RAISE]


@dataclass(frozen=True)
class Choices:
    """The choices of one node."""

    on_refusal: str = RAISE
    second_model: str = ""
    if_retired: str = RAISE
    profile: str = "default"
