"""FLUX's nodes, in menu order: what the editor shows, and one call each."""

from __future__ import annotations

from comfy_api.latest import io

from .draw import EaselFluxControl, EaselFluxRedux, EaselFluxReimagine
from .edit import EaselFluxEdit
from .fill import EaselFluxErase, EaselFluxExpand, EaselFluxFill
from .generate import EaselFluxGenerate

NODES: list[type[io.ComfyNode]] = [
    EaselFluxGenerate,
    EaselFluxEdit,
    EaselFluxFill,
    EaselFluxExpand,
    EaselFluxErase,
    EaselFluxControl,
    EaselFluxRedux,
    EaselFluxReimagine,
]
