"""The members of the family, told apart by the shapes of their weights."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ..errors import ModelRefused
from .headers import Header
from .layouts import shapes_in_diffusers

Shapes = Mapping[str, tuple[int, ...]]
HEAD = 64
"""Width of an attention head in every member."""


@dataclass(frozen=True)
class Variant:
    """One member: its name, and how it is sampled unless somebody says otherwise."""

    name: str
    steps: int
    cfg: float
    sampler: str
    scheduler: str
    largest_area: int


# Steps, cfg and sampler are those of Stability's reference code; its schedule is the host's "normal".
MEDIUM = Variant("Stable Diffusion 3.5 Medium", 50, 5.0, "dpmpp_2m", "normal", 1440 * 1440)
LARGE = Variant("Stable Diffusion 3.5 Large", 40, 4.5, "dpmpp_2m", "normal", 1024 * 1024)
LARGE_TURBO = Variant("Stable Diffusion 3.5 Large Turbo", 4, 1.0, "euler", "normal", 1024 * 1024)
SD3_MEDIUM = Variant("Stable Diffusion 3 Medium", 28, 5.0, "dpmpp_2m", "normal", 1024 * 1024)
OTHER = Variant("A model of Stable Diffusion 3.5's kind", 20, 4.0, "euler", "normal", 1024 * 1024)

# By number of blocks, and whether there is a second attention over the picture.
_PUBLISHED = {(24, True): MEDIUM, (38, False): LARGE, (24, False): SD3_MEDIUM}


def config_of(header: Header) -> dict[str, Any]:
    """What diffusers' ``SD3Transformer2DModel`` must be built with, from shapes alone. Raises ``ModelRefused``."""
    shapes = shapes_in_diffusers(header.shapes)
    try:
        return _config(shapes)
    except (KeyError, ValueError, IndexError) as error:
        raise ModelRefused(
            f"is a Stable Diffusion 3.5 model with parts missing ({error}). Download it again."
        ) from error


def _config(shapes: Shapes) -> dict[str, Any]:
    blocks = {int(found[1]) for found in (re.match(r"transformer_blocks\.(\d+)\.", name) for name in shapes) if found}
    width, channels, patch, _ = shapes["pos_embed.proj.weight"]
    caption, joint = shapes["context_embedder.weight"]
    return {
        "num_layers": max(blocks) + 1,
        "num_attention_heads": width // HEAD,
        "attention_head_dim": HEAD,
        "patch_size": patch,
        "in_channels": channels,
        "out_channels": shapes["proj_out.weight"][0] // patch**2,
        "sample_size": 128,
        "joint_attention_dim": joint,
        "caption_projection_dim": caption,
        "pooled_projection_dim": shapes["time_text_embed.text_embedder.linear_1.weight"][1],
        "pos_embed_max_size": math.isqrt(shapes["pos_embed.pos_embed"][1]),
        "dual_attention_layers": tuple(
            i for i in sorted(blocks) if f"transformer_blocks.{i}.attn2.to_q.weight" in shapes
        ),
        "qk_norm": "rms_norm" if "transformer_blocks.0.attn.norm_q.weight" in shapes else None,
    }


def variant_of(config: Mapping[str, Any], *hints: str) -> Variant:
    """Which member it is. Large and Large Turbo have the same shapes: the file's own words or its name must tell (``hints``)."""
    found = _PUBLISHED.get((config["num_layers"], bool(config["dual_attention_layers"])), OTHER)
    if found is LARGE and any("turbo" in hint.lower() for hint in hints):
        return LARGE_TURBO
    return found
