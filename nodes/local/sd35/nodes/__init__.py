"""What the editor shows of Stable Diffusion 3.5."""

from __future__ import annotations

from .apply_lora import EaselSd35ApplyLora
from .image_to_image import EaselSd35ImageToImage
from .load import EaselLoadSd35
from .text_to_image import EaselSd35TextToImage

NODES = [EaselLoadSd35, EaselSd35ApplyLora, EaselSd35TextToImage, EaselSd35ImageToImage]
