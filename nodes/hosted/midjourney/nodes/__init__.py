"""Midjourney's nodes, in menu order: what the editor shows, and one call each."""

from __future__ import annotations

from comfy_api.latest import io

from .follow import (
    EaselMidjourneyPan,
    EaselMidjourneyReroll,
    EaselMidjourneyUpscale,
    EaselMidjourneyVary,
    EaselMidjourneyVaryRegion,
    EaselMidjourneyZoomOut,
)
from .from_pictures import EaselMidjourneyBlend, EaselMidjourneyDescribe
from .imagine import EaselMidjourneyImagine

NODES: list[type[io.ComfyNode]] = [
    EaselMidjourneyImagine,
    EaselMidjourneyUpscale,
    EaselMidjourneyVary,
    EaselMidjourneyVaryRegion,
    EaselMidjourneyReroll,
    EaselMidjourneyZoomOut,
    EaselMidjourneyPan,
    EaselMidjourneyBlend,
    EaselMidjourneyDescribe,
]
