"""Ideogram's endpoints as rows: what each does, and what it costs (US dollars a picture)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

Size = tuple[int, int]

LEGACY_PRICES: Mapping[str, float] = {
    "V_1": 0.06,
    "V_1_TURBO": 0.02,
    "V_2": 0.08,
    "V_2_TURBO": 0.05,
    "V_2A": 0.04,
    "V_2A_TURBO": 0.025,
    "V_3": 0.06,
    "AUTO": 0.08,
}
SPEED_3 = {"flash": 0.03, "turbo": 0.03, "balanced": 0.06, "default": 0.06, "quality": 0.09}
SPEED_4 = {"turbo": 0.03, "default": 0.06, "quality": 0.10}
CHARACTER = {"flash": 0.10, "turbo": 0.10, "balanced": 0.15, "default": 0.15, "quality": 0.20}
QUALITY = {"very_low": 0.008, "low": 0.03, "medium": 0.06, "high": 0.10}
EDIT_QUALITY = {**QUALITY, "high": 0.22}
TRANSPARENT_MORE = 0.01
DESIGN_MORE = 0.03


@dataclass(frozen=True)
class Endpoint:
    """One path. `prices` are by speed or by quality; `usd` is one price for all; legacy prices go by its model."""

    operation: str = "generate"
    usd: float = 0.0
    prices: Mapping[str, float] = field(default_factory=dict)
    usual: Size = (1024, 1024)
    """The size that is made when none is asked."""
    transparent: bool = False
    design: bool = False
    both_colours: bool = False
    """Whether a mask must have black and white."""
    only_jobs: bool = False
    """Whether it answers with a job even when not asked to."""

    def each(self, model: str, *, speed: str, quality: str, character: bool) -> float:
        """The price of one picture."""
        if self.usd:
            return self.usd
        if not self.prices:
            return LEGACY_PRICES[model]
        table = CHARACTER if character else self.prices
        more = TRANSPARENT_MORE if self.transparent else DESIGN_MORE if self.design else 0.0
        return table[quality if quality in table else speed] + more


_TWO_K = (2048, 2048)
_V3 = "v1/ideogram-v3"

ENDPOINTS: Mapping[str, Endpoint] = {
    "generate": Endpoint(),
    "edit": Endpoint("edit"),
    "remix": Endpoint("remix"),
    "reframe": Endpoint("reframe"),
    "upscale": Endpoint("upscale", usd=0.06),
    "describe": Endpoint("describe", usd=0.01),
    f"{_V3}/generate": Endpoint(prices=SPEED_3),
    f"{_V3}/generate-transparent": Endpoint(prices=SPEED_3, transparent=True),
    f"{_V3}/generate-design": Endpoint(prices=SPEED_3, design=True),
    f"{_V3}/edit": Endpoint("edit", prices=SPEED_3),
    f"{_V3}/inpaint": Endpoint("edit", prices=SPEED_3),
    f"{_V3}/remix": Endpoint("remix", prices=SPEED_3),
    f"{_V3}/reframe": Endpoint("reframe", prices=SPEED_3),
    f"{_V3}/replace-background": Endpoint("replace-background", prices=SPEED_3),
    "v1/edit": Endpoint("edit", usd=0.06),
    "v2/image/generate/ideogram-4-5": Endpoint(prices=QUALITY, usual=_TWO_K, both_colours=True),
    "v2/image/generate/ideogram-4-6": Endpoint(prices=QUALITY, usual=_TWO_K, both_colours=True),
    "v2/image/generate/ideogram-4": Endpoint(prices=SPEED_4, usual=_TWO_K),
    "v2/image/generate/ideogram-3": Endpoint(prices=SPEED_3),
    "v2/image/generate/ideogram-3-transparent": Endpoint(prices=SPEED_3, transparent=True),
    "v2/image/generate/ideogram-2": Endpoint(usd=0.08),
    "v2/image/precise-edit/ideogram-4-5": Endpoint("edit", prices=EDIT_QUALITY, both_colours=True),
    "v2/image/inpaint/ideogram-3": Endpoint("edit", prices=SPEED_3),
    "v2/image/remix/ideogram-3": Endpoint("remix", prices=SPEED_3),
    "v2/image/remix/ideogram-4": Endpoint("remix", prices=SPEED_4),
    "v2/image/reframe/ideogram-3": Endpoint("reframe", prices=SPEED_3),
    "v2/image/replace-background/ideogram-3": Endpoint("replace-background", prices=SPEED_3, only_jobs=True),
}
