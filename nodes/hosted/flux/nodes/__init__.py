"""FLUX's nodes, in menu order: what the editor shows, and one call each."""

from __future__ import annotations

from comfy_api.latest import io

from .edit import EaselFluxEdit
from .fill import EaselFluxExpand, EaselFluxFill
from .generate import EaselFluxGenerate

NODES: list[type[io.ComfyNode]] = [EaselFluxGenerate, EaselFluxEdit, EaselFluxFill, EaselFluxExpand]
