"""The nodes that enlarge and cut out, in menu order: what the editor shows, and one call each."""

from __future__ import annotations

from comfy_api.latest import io

from .remove_background import EaselRemoveBackground
from .upscale import EaselUpscale

NODES: list[type[io.ComfyNode]] = [EaselUpscale, EaselRemoveBackground]
