"""Sockets that carry several LoRAs or ControlNets at once."""

from __future__ import annotations

from comfy_api.latest import io

from ..choices import CONTROLS, LORAS

Loras = io.Custom(LORAS)
Controls = io.Custom(CONTROLS)
