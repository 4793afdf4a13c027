"""fal's endpoints as rows: what each one does, and what it costs (US dollars)."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

Size = tuple[int, int]

MEGAPIXEL = 1024 * 1024
RESOLUTIONS: Mapping[str, float] = {
    "512sq": 0.25,
    "768sq": 0.5625,
    "1k": 1,
    "1K": 1,
    "2k": 4,
    "2K": 4,
    "4k": 16,
    "4K": 16,
}
"""Names for picture sizes, in megapixels."""


@dataclass(frozen=True)
class Model:
    """One endpoint. `does` is generate, edit, fill, control, variation, reframe, upscale, cutout or caption."""

    does: str
    usd: float
    """The price of a picture or of a megapixel."""
    unit: str = "image"
    """image or megapixels, as fal's price list says."""
    more: float | None = None
    """The price of each further megapixel, where it is not that of the first."""
    by: str = ""
    """The input that chooses a price from `tiers`."""
    tiers: Mapping[str, float] = field(default_factory=dict)
    ratio_megapixels: float = 1.0
    """How large a picture is made of an aspect ratio, where no resolution is asked."""
    scale: str = ""
    """The input that holds the factor of an upscaler."""

    def price(self, size: Size, asked: Mapping[str, Any]) -> float:
        """What one picture costs; `asked` is the body with its defaults."""
        usd = self.tiers.get(str(asked.get(self.by)), self.usd)
        if self.unit != "megapixels":
            return usd
        count = max(1, math.ceil(size[0] * size[1] / MEGAPIXEL))
        return usd + (usd if self.more is None else self.more) * (count - 1)


def _area(does: str, usd: float, more: float | None = None) -> Model:
    return Model(does, usd, "megapixels", more)


_FLUX_3 = {"512sq": 0.041, "768sq": 0.041, "1k": 0.048, "2k": 0.10, "4k": 0.607}
_IDEOGRAM_3 = {"TURBO": 0.03, "BALANCED": 0.06, "QUALITY": 0.09}
_GPT_IMAGE = {"low": 0.009, "medium": 0.034, "high": 0.133}
_BANANA = {"4K": 0.30}


def _tiers(does: str, by: str, usd: str, tiers: Mapping[str, float]) -> Model:
    return Model(does, tiers[usd], by=by, tiers=tiers)


MODELS: Mapping[str, Model] = {
    "fal-ai/flux-pro/v1.1": _area("generate", 0.04),
    "fal-ai/flux-pro/v1.1-ultra": Model("generate", 0.06, ratio_megapixels=4),
    "fal-ai/flux-pro/v1.1/redux": _area("variation", 0.05),
    "fal-ai/flux-pro/v1.1-ultra/redux": Model("variation", 0.06, ratio_megapixels=4),
    "fal-ai/flux-pro/v1/redux": _area("variation", 0.05),
    "fal-ai/flux-pro/v1/fill": _area("fill", 0.05),
    "fal-ai/flux-pro/kontext": Model("edit", 0.04),
    "fal-ai/flux-pro/kontext/multi": Model("edit", 0.04),
    "fal-ai/flux-pro/kontext/text-to-image": Model("generate", 0.04),
    "fal-ai/flux-pro/kontext/max": Model("edit", 0.08),
    "fal-ai/flux-pro/kontext/max/multi": Model("edit", 0.08),
    "fal-ai/flux-pro/kontext/max/text-to-image": Model("generate", 0.08),
    "fal-ai/flux-kontext/dev": _area("edit", 0.025),
    "fal-ai/flux/dev": _area("generate", 0.025),
    "fal-ai/flux/dev/image-to-image": _area("edit", 0.03),
    "fal-ai/flux/krea": _area("generate", 0.025),
    "fal-ai/flux/schnell": _area("generate", 0.003),
    "fal-ai/flux/schnell/redux": _area("variation", 0.003),
    "fal-ai/flux-lora-canny": _area("control", 0.035),
    "fal-ai/flux-lora-depth": _area("control", 0.035),
    "fal-ai/flux-lora-fill": _area("fill", 0.035),
    "fal-ai/flux-control-lora-canny": _area("control", 0.04),
    "fal-ai/flux-control-lora-canny/image-to-image": _area("control", 0.04),
    "fal-ai/flux-control-lora-depth": _area("control", 0.04),
    "fal-ai/flux-control-lora-depth/image-to-image": _area("control", 0.04),
    "fal-ai/flux-2": _area("generate", 0.012),
    "fal-ai/flux-2/edit": _area("edit", 0.012),
    "fal-ai/flux-2/turbo": _area("generate", 0.008),
    "fal-ai/flux-2/turbo/edit": _area("edit", 0.008),
    "fal-ai/flux-2/flash": _area("generate", 0.005),
    "fal-ai/flux-2/flash/edit": _area("edit", 0.005),
    "fal-ai/flux-2/klein/9b": _area("generate", 0.01),
    "fal-ai/flux-2/klein/9b/edit": _area("edit", 0.01),
    "fal-ai/flux-2/klein/4b": _area("generate", 0.01),
    "fal-ai/flux-2/klein/4b/edit": _area("edit", 0.01),
    "fal-ai/flux-2-pro": _area("generate", 0.03, 0.015),
    "fal-ai/flux-2-pro/edit": _area("edit", 0.03, 0.015),
    "fal-ai/flux-2-flex": _area("generate", 0.05),
    "fal-ai/flux-2-flex/edit": _area("edit", 0.05),
    "fal-ai/flux-2-max": _area("generate", 0.07, 0.03),
    "fal-ai/flux-2-max/edit": _area("edit", 0.07, 0.03),
    "blackforestlabs/flux-3/text-to-image": _tiers("generate", "resolution", "1k", _FLUX_3),
    "blackforestlabs/flux-3/edit-image": _tiers("edit", "resolution", "1k", _FLUX_3),
    "fal-ai/ideogram/v2": Model("generate", 0.08),
    "fal-ai/ideogram/v2/turbo": Model("generate", 0.05),
    "fal-ai/ideogram/v2/edit": Model("fill", 0.08),
    "fal-ai/ideogram/v2/remix": Model("edit", 0.08),
    "fal-ai/ideogram/v3": _tiers("generate", "rendering_speed", "BALANCED", _IDEOGRAM_3),
    "fal-ai/ideogram/v3/edit": _tiers("fill", "rendering_speed", "BALANCED", _IDEOGRAM_3),
    "fal-ai/ideogram/v3/remix": _tiers("edit", "rendering_speed", "BALANCED", _IDEOGRAM_3),
    "fal-ai/ideogram/v3/reframe": _tiers("reframe", "rendering_speed", "BALANCED", _IDEOGRAM_3),
    "fal-ai/ideogram/v3/replace-background": _tiers("edit", "rendering_speed", "BALANCED", _IDEOGRAM_3),
    "fal-ai/ideogram/character": Model("generate", 0.15),
    "fal-ai/ideogram/character/edit": Model("fill", 0.15),
    "fal-ai/ideogram/character/remix": Model("edit", 0.15),
    "fal-ai/ideogram/upscale": Model("upscale", 0.06),
    "fal-ai/gpt-image-1.5": _tiers("generate", "quality", "high", _GPT_IMAGE),
    "fal-ai/gpt-image-1.5/edit": _tiers("edit", "quality", "high", _GPT_IMAGE),
    "fal-ai/nano-banana-pro": Model("generate", 0.15, by="resolution", tiers=_BANANA),
    "fal-ai/nano-banana-pro/edit": Model("edit", 0.15, by="resolution", tiers=_BANANA),
    "fal-ai/stable-diffusion-v35-large": _area("generate", 0.065),
    "fal-ai/esrgan": Model("upscale", 0.002, scale="scale"),
    "fal-ai/aura-sr": Model("upscale", 0.002, scale="upscale_factor"),
    "fal-ai/clarity-upscaler": Model("upscale", 0.03, "megapixels", scale="upscale_factor"),
    "fal-ai/recraft/upscale/crisp": Model("upscale", 0.004),
    "fal-ai/birefnet/v2": Model("cutout", 0.001),
    "fal-ai/bria/background/remove": Model("cutout", 0.018),
    "fal-ai/imageutils/rembg": Model("cutout", 0.001),
    "fal-ai/florence-2-large/caption": Model("caption", 0.001),
}
"""Every path that is alive; prices that fal prints nowhere are near those of its like."""

APPS: frozenset[str] = frozenset("/".join(path.split("/")[:2]) for path in MODELS)
"""Owner and app of every path: what the queue's own addresses hold."""
