"""What OpenAI's nodes share."""

from __future__ import annotations

from comfy_api.latest import io

from ..models import IMAGE_MODELS

CATEGORY = "Easel/OpenAI"


def gpt_models() -> list[str]:
    """The GPT Image models that OpenAI still offers, or offered when this release was made; the default first."""
    names = [
        name for name, row in IMAGE_MODELS.items() if name.startswith(("gpt-", "chatgpt-")) and name != "gpt-image-1"
    ]
    return sorted(names, key=lambda name: name != "gpt-image-2.5-flare")


def prompt_input(tooltip: str) -> io.Input:
    return io.String.Input("prompt", multiline=True, dynamic_prompts=True, tooltip=tooltip)
