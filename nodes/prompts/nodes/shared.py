"""What the nodes of this room share."""

from __future__ import annotations

from comfy_api.latest import io

CATEGORY = "Easel/Prompts"
Choice = io.Custom("STRING,COMBO")
"""A text that may also be linked to a list of choices, such as another node's model."""

_LARGEST_SEED = 2**64 - 1


def seed_input(tooltip: str) -> io.Input:
    # The editor would change a seed after each run on its own, and each change buys other pictures.
    return io.Int.Input("seed", default=0, min=0, max=_LARGEST_SEED, control_after_generate=False, tooltip=tooltip)
