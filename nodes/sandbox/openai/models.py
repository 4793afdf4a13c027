"""OpenAI's models as rows: what lives where, what its answers count and cost (US dollars)."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

Size = tuple[int, int]
Tokens = Mapping[str, Mapping[Size, int]]
SIZES_2: tuple[Size, ...] = (
    (1024, 768),
    (1024, 1024),
    (1536, 1024),
    (1920, 1080),
    (2560, 1440),
    (3840, 2160),
)
SIZES_1: tuple[Size, ...] = ((1024, 1024), (1536, 1024))


def _table(sizes: tuple[Size, ...], **rows: tuple[int, ...]) -> Tokens:
    return {quality: dict(zip(sizes, tokens, strict=True)) for quality, tokens in rows.items()}


# Output tokens per picture, derived from OpenAI's published prices per picture (November 2026).
TOKENS_25 = _table(
    SIZES_2,
    low=(134, 196, 158, 147, 205, 371),
    medium=(301, 439, 343, 343, 478, 865),
    high=(1204, 1756, 1372, 1320, 1843, 3336),
    xhigh=(2140, 3122, 2459, 2347, 3276, 5930),
    max=(4815, 7024, 5488, 5280, 7370, 13342),
)
TOKENS_2 = _table(
    SIZES_2,
    low=(167, 196, 158, 147, 205, 371),
    medium=(1233, 1756, 1372, 1320, 1843, 3336),
    high=(4833, 7024, 5488, 5280, 7370, 13342),
)
TOKENS_15 = _table(SIZES_1, low=(281, 406), medium=(1063, 1563), high=(4156, 6250))
TOKENS_MINI = _table(SIZES_1, low=(625, 750), medium=(1375, 1875), high=(4500, 6500))
PARTIAL_TOKENS = 100
AUTO_QUALITY = "medium"


@dataclass(frozen=True)
class ImageModel:
    """A GPT image model. Prices are dollars per million tokens."""

    generation: float
    tokens: Tokens
    text_in: float = 5.0
    image_in: float = 8.0
    image_out: float = 30.0

    def output_tokens(self, size: Size, quality: str) -> int:
        """Tokens of one picture: the table's, or those of the listed size with the nearest pixel count."""
        row = self.tokens[quality]
        area = size[0] * size[1]
        nearest = min(row, key=lambda listed: abs(math.log(listed[0] * listed[1] / area)))
        return row[nearest]

    def usd(self, text: int, image: int, output: int) -> float:
        """The price of so many tokens."""
        return (text * self.text_in + image * self.image_in + output * self.image_out) / 1e6


@dataclass(frozen=True)
class LegacyModel:
    """A DALL·E model, priced per picture by quality and size."""

    most_n: int
    longest_prompt: int
    prices: Mapping[str, Mapping[Size, float]]


_2 = ImageModel(2.0, TOKENS_2)
_25 = ImageModel(2.5, TOKENS_25)
_26 = ImageModel(2.6, TOKENS_25)
_15 = ImageModel(1.5, TOKENS_15, image_out=32.0)

GPT_IMAGE: Mapping[str, ImageModel] = {
    "gpt-image-2.6-flare": _26,
    "gpt-image-2.6-sunburst": _26,
    "gpt-image-2.5-flare": _25,
    "gpt-image-2.5-flare-2026-09-08": _25,
    "gpt-image-2.5-sunburst": _25,
    "gpt-image-2.5-sunburst-2026-09-08": _25,
    "gpt-image-2": _2,
    "gpt-image-2-2026-04-21": _2,
    "gpt-image-1.5": _15,
    "chatgpt-image-latest": _15,
    "gpt-image-1-mini": ImageModel(1.0, TOKENS_MINI, text_in=2.0, image_in=2.5, image_out=8.0),
}

DALLE: Mapping[str, LegacyModel] = {
    "dall-e-3": LegacyModel(
        1,
        4000,
        {
            "standard": {(1024, 1024): 0.04, (1792, 1024): 0.08, (1024, 1792): 0.08},
            "hd": {(1024, 1024): 0.08, (1792, 1024): 0.12, (1024, 1792): 0.12},
        },
    ),
    "dall-e-2": LegacyModel(10, 1000, {"standard": {(256, 256): 0.016, (512, 512): 0.018, (1024, 1024): 0.02}}),
}

RETIRED = frozenset({"dall-e-2", "dall-e-3", "gpt-image-1"})

CHAT: Mapping[str, tuple[float, float]] = {
    "gpt-4o": (2.5, 10.0),
    "gpt-4o-mini": (0.15, 0.6),
    "gpt-4.1-mini": (0.4, 1.6),
    "gpt-5-mini": (0.25, 2.0),
    "gpt-5.6-luna": (0.2, 1.2),
}
"""Dollars per million tokens, in and out."""


def text_tokens(text: str) -> int:
    """About one token for four characters."""
    return math.ceil(len(text) / 4)


def picture_tokens(size: Size, *, high_fidelity: bool = False) -> int:
    """Input tokens of a picture: 65, and 129 for each 512-pixel tile once its shorter side is 512 at most.

    High fidelity adds 4096 for a square picture and 6144 for any other.
    """
    scale = min(1.0, 512 / min(size))
    tiles = math.ceil(size[0] * scale / 512) * math.ceil(size[1] * scale / 512)
    extra = (4096 if size[0] == size[1] else 6144) if high_fidelity else 0
    return 65 + 129 * tiles + extra
