"""The room's door to ComfyUI: the only modules of it that import ``comfy``."""
