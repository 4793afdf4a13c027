"""Ideogram's nodes, in menu order: what the editor shows, and one call each."""

from __future__ import annotations

from comfy_api.latest import io

from .change import EaselIdeogramEdit, EaselIdeogramRemix
from .generate import EaselIdeogramDesign, EaselIdeogramGenerate
from .rework import EaselIdeogramReframe, EaselIdeogramReplaceBackground, EaselIdeogramUpscale
from .words import EaselIdeogramDescribe

NODES: list[type[io.ComfyNode]] = [
    EaselIdeogramGenerate,
    EaselIdeogramDesign,
    EaselIdeogramEdit,
    EaselIdeogramRemix,
    EaselIdeogramReframe,
    EaselIdeogramReplaceBackground,
    EaselIdeogramUpscale,
    EaselIdeogramDescribe,
]
