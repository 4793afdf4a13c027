"""BFL's models as rows: what the schemas cannot say of them, and what they cost (US dollars)."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

Size = tuple[int, int]

MEGAPIXEL = 1024 * 1024
RESOLUTIONS: Mapping[str, float] = {"768sq": 0.5625, "1k": 1, "1.5k": 2.25, "2k": 4, "4k": 16}
"""FLUX 3's names for picture sizes, in megapixels."""
_FLUX_3 = {"768sq": 0.041, "1k": 0.048, "1.5k": 0.07, "2k": 0.10, "4k": 0.607}


@dataclass(frozen=True)
class Model:
    """One endpoint. Prices are dollars: a picture, or the first, each further and each input megapixel."""

    operation: str = "generate"
    picture: float = 0.0
    megapixel: tuple[float, float, float] | None = None
    step: int = 0
    """Width and height must be multiples of this, and have at most four megapixels; 0 leaves them to the schema."""
    usual: Size = (1024, 1024)
    """The size that is made when none is asked."""
    ratio_megapixels: float = 0.0
    """How large a picture is made when an aspect ratio is asked; 0 where there is none."""
    usual_ratio: str = "16:9"
    active: int = 24
    """Tasks that may be under way at once."""
    always_png: bool = False

    def usd(self, size: Size, inputs: list[Size], resolution: str) -> float:
        """The price of one picture."""
        if self.megapixel is None:
            return _FLUX_3[resolution] if self.always_png else self.picture
        first, more, sent = self.megapixel
        return first + more * (_megapixels(size) - 1) + sent * sum(map(_megapixels, inputs))


def _megapixels(size: Size) -> int:
    return max(1, math.ceil(size[0] * size[1] / MEGAPIXEL))


def _flux_2(first: float, more: float, sent: float) -> Model:
    return Model(megapixel=(first, more, sent), step=16)


MODELS: Mapping[str, Model] = {
    "flux-pro-1.1": Model(picture=0.04, usual=(1024, 768)),
    "flux-dev": Model(picture=0.025, usual=(1024, 768)),
    "flux-pro-1.1-ultra": Model(picture=0.06, ratio_megapixels=4),
    "flux-2-pro": _flux_2(0.03, 0.015, 0.015),
    "flux-2-pro-preview": _flux_2(0.03, 0.015, 0.015),
    "flux-2-max": _flux_2(0.07, 0.03, 0.03),
    "flux-2-flex": _flux_2(0.05, 0.05, 0.05),
    "flux-2-klein-4b": _flux_2(0.014, 0.001, 0.001),
    "flux-2-klein-9b": _flux_2(0.015, 0.002, 0.002),
    "flux-2-klein-9b-preview": _flux_2(0.015, 0.002, 0.002),
    "flux-3-image": Model(ratio_megapixels=1, usual_ratio="1:1", always_png=True),
    "flux-kontext-pro": Model("edit", picture=0.04, ratio_megapixels=1),
    "flux-kontext-max": Model("edit", picture=0.08, ratio_megapixels=1, active=6),
    "flux-pro-1.0-fill": Model("fill", picture=0.05),
    "flux-pro-1.0-expand": Model("expand", picture=0.05),
    "flux-tools/outpainting-v1": Model("expand", picture=0.05),
    "flux-tools/erase-v1": Model("erase", picture=0.05),
}
"""BFL publishes no price of the two tools."""
