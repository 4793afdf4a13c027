"""What the nodes of the family are joined by, and what they offer."""

from __future__ import annotations

AUTOMATIC = "automatic"
"""Leaves it to the model."""
TRAINED_ON = ("blur", "canny", "depth")
"""What the published ones were trained on, in the order of the number that their files hold."""

LORAS = "EASEL_SD35_LORAS"
"""The socket of a ``LoraStack``."""
CONTROLS = "EASEL_SD35_CONTROLS"
"""The socket of a ``ControlStack``."""
