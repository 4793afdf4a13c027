"""The prompt nodes, in menu order: what the editor shows, and one call each."""

from __future__ import annotations

from comfy_api.latest import io

from .builder import EaselPromptBuilder
from .choose_model import EaselChooseModel
from .from_file import EaselPromptsFromFile
from .negative import EaselNegativePrompt
from .variations import EaselPromptVariations

NODES: list[type[io.ComfyNode]] = [
    EaselPromptBuilder,
    EaselNegativePrompt,
    EaselPromptVariations,
    EaselPromptsFromFile,
    EaselChooseModel,
]
