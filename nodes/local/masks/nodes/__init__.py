"""The mask nodes, in menu order: what the editor shows, and one call each."""

from __future__ import annotations

from comfy_api.latest import io

from .canvas import EaselOutpaintCanvas
from .load_sam import EaselLoadSegmentAnything
from .refine import EaselRefineMask
from .segment import EaselSegment
from .segment_everything import EaselSegmentEverything

NODES: list[type[io.ComfyNode]] = [
    EaselLoadSegmentAnything,
    EaselSegment,
    EaselSegmentEverything,
    EaselRefineMask,
    EaselOutpaintCanvas,
]
