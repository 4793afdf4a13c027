"""LoRAs: small files of weights that bend a model towards a style or a subject, each with how strongly."""

from __future__ import annotations

import math

from pydantic import BaseModel, ConfigDict

from ..engine.errors import InputRefused


class Lora(BaseModel):
    """One of them, as fal's models take it."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    path: str
    """Where the provider finds it: an address, or a model's name at Hugging Face."""
    scale: float = 1.0


def read_loras(text: str) -> tuple[Lora, ...] | None:
    """One LoRA a line: its address or name, and after a space its weight (1 where there is none); None for no line.

    Raises :class:`InputRefused` for a line that is something else.
    """
    return tuple(_read(line) for line in text.splitlines() if line.strip()) or None


def _read(line: str) -> Lora:
    path, *weights = line.split()
    try:
        (scale,) = map(float, weights or ["1"])
    except ValueError:
        scale = math.nan
    if not math.isfinite(scale):
        raise InputRefused(
            f'The input loras has a line that cannot be understood: "{line.strip()}". Write an address or a name, a space '
            f"and a weight: https://example.com/style.safetensors 0.8",
            input_name="loras",
        )
    return Lora(path=path, scale=scale)
