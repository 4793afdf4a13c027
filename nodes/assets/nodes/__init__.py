"""The asset nodes, in menu order: what the editor shows, and one call each."""

from __future__ import annotations

from comfy_api.latest import io

from .compare import EaselCompare
from .contact_sheet import EaselContactSheet
from .load_from_manifest import EaselLoadFromManifest
from .quality_check import EaselQualityCheck
from .save_assets import EaselSaveAssets
from .save_pictures import EaselSavePictures
from .spending import EaselSpending

NODES: list[type[io.ComfyNode]] = [
    EaselSavePictures,
    EaselSaveAssets,
    EaselLoadFromManifest,
    EaselQualityCheck,
    EaselContactSheet,
    EaselCompare,
    EaselSpending,
]
