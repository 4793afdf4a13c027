"""OpenAI's nodes, in menu order: what the editor shows, and one call each."""

from __future__ import annotations

from comfy_api.latest import io

from .dalle import EaselDallE2Edit, EaselDallE2Generate, EaselDallE2Variations, EaselDallE3
from .gpt_image import EaselGptImageEdit, EaselGptImageGenerate
from .words import EaselDescribeImage, EaselModerate

NODES: list[type[io.ComfyNode]] = [
    EaselGptImageGenerate,
    EaselGptImageEdit,
    EaselDallE3,
    EaselDallE2Generate,
    EaselDallE2Edit,
    EaselDallE2Variations,
    EaselDescribeImage,
    EaselModerate,
]
