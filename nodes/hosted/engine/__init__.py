"""Buying in general: knows nothing of ComfyUI and of no provider."""
