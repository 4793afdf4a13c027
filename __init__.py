"""Easel: pictures from hosted providers with your own keys, and from Stable Diffusion 3.5 on your own machine."""

import logging

WEB_DIRECTORY = "./js"


async def comfy_entrypoint():
    """What ComfyUI calls to get the pack's nodes."""
    try:
        from .nodes.extension import EaselExtension
    except Exception:
        # The host prints only the message of an exception, never where it came from.
        logging.exception("Easel failed to load")
        raise
    return EaselExtension()
