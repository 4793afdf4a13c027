"""What the editor shows of Stable Diffusion 3.5."""

from __future__ import annotations

from .apply_lora import EaselSd35ApplyLora
from .control_stack import EaselSd35ControlNetStack
from .fast_vae import EaselSd35FastVae
from .image_to_image import EaselSd35ImageToImage
from .inpaint import EaselSd35Inpaint
from .load import EaselLoadSd35
from .load_control import EaselSd35LoadControlNet
from .lora_stack import EaselSd35LoraStack
from .outpaint import EaselSd35Outpaint
from .prepare_control import EaselSd35PrepareControl
from .speed import EaselSd35Speed
from .text_to_image import EaselSd35TextToImage

NODES = [
    EaselLoadSd35,
    EaselSd35ApplyLora,
    EaselSd35LoraStack,
    EaselSd35LoadControlNet,
    EaselSd35PrepareControl,
    EaselSd35ControlNetStack,
    EaselSd35Speed,
    EaselSd35FastVae,
    EaselSd35TextToImage,
    EaselSd35ImageToImage,
    EaselSd35Inpaint,
    EaselSd35Outpaint,
]
