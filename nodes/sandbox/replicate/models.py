"""Replicate's models as rows: what the schemas cannot say of them, and what they cost (US dollars)."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any

from .. import specs
from .checks import DOCUMENT

T4_SECOND = 0.000225
"""A second of the GPU that community models run on."""


@dataclass(frozen=True)
class Model:
    """One model. Its inputs and outputs are in the specification of the same name."""

    does: str = "generate"
    """How a picture of it comes about; see `drawing.py`."""
    usd: float = 0.0
    """For each picture, where nothing else is said."""
    size: str = "input"
    """How its size is found; see `sizes.py`."""
    refuses: str = "plain"
    """Whose words a refusal is told in; see `refusals.py`."""
    gpu_seconds: float = 0.0
    """Run time of a community model, which is billed by it."""
    megapixel: float = 0.0
    """For each megapixel that goes in or comes out, besides `usd` for the run."""
    prices: tuple[str, Mapping[str, float]] | None = None
    """Price of each picture by the value of the input that is named first."""
    always: str = ""
    """The format of its files, where none can be asked."""
    black_mask: bool = False
    """Black is painted over, not white."""

    def price(self, inputs: Mapping[str, Any], pictures: int, megapixels: float) -> float:
        """What a run costs that delivers so many pictures and has so many megapixels going in and coming out."""
        if self.gpu_seconds:
            return self.gpu_seconds * T4_SECOND
        if self.megapixel:
            return self.usd + self.megapixel * megapixels
        if self.prices:
            by, table = self.prices
            return pictures * table[inputs[by]]
        return pictures * self.usd


def _bfl(name: str) -> str:
    return f"black-forest-labs/{name}"


def _sd(usd: float) -> Model:
    return Model(usd=usd, size="ratio", refuses="nsfw")


def _ideogram(usd: float) -> Model:
    return Model("inpaint", usd, size="named", refuses="ideogram", always="png", black_mask=True)


_IDEOGRAM_4_5 = {"very_low": 0.008, "low": 0.03, "medium": 0.06, "high": 0.10}
_FLUX_3 = {"768sq": 0.041, "1k": 0.048, "1.5k": 0.07, "2k": 0.10, "4k": 0.607}

MODELS: Mapping[str, Model] = {
    _bfl("flux-1.1-pro"): Model(usd=0.04, size="ratio", refuses="bfl"),
    _bfl("flux-1.1-pro-ultra"): Model(usd=0.06, size="ultra", refuses="bfl"),
    _bfl("flux-pro"): Model(usd=0.05, size="ratio", refuses="bfl"),
    _bfl("flux-dev"): Model(usd=0.025, size="ratio", refuses="nsfw"),
    _bfl("flux-schnell"): Model(usd=0.003, size="ratio", refuses="nsfw"),
    _bfl("flux-fill-pro"): Model("fill", usd=0.05, refuses="bfl"),
    _bfl("flux-fill-dev"): Model("fill", usd=0.05, size="megapixels", refuses="nsfw"),
    _bfl("flux-canny-pro"): Model("control", usd=0.05, refuses="bfl"),
    _bfl("flux-depth-pro"): Model("control", usd=0.05, refuses="bfl"),
    _bfl("flux-canny-dev"): Model("control", usd=0.025, size="megapixels", refuses="nsfw"),
    _bfl("flux-depth-dev"): Model("control", usd=0.025, size="megapixels", refuses="nsfw"),
    _bfl("flux-redux-dev"): Model("vary", usd=0.025, size="ratio", refuses="nsfw"),
    _bfl("flux-redux-schnell"): Model("vary", usd=0.003, size="ratio", refuses="nsfw"),
    _bfl("flux-kontext-pro"): Model(usd=0.04, size="match", refuses="bfl"),
    _bfl("flux-kontext-max"): Model(usd=0.08, size="match", refuses="bfl"),
    _bfl("flux-kontext-dev"): Model(usd=0.025, size="match", refuses="nsfw"),
    _bfl("flux-2-pro"): Model(usd=0.015, megapixel=0.015, size="match", refuses="bfl"),
    _bfl("flux-2-max"): Model(usd=0.04, megapixel=0.03, size="match", refuses="bfl"),
    _bfl("flux-2-flex"): Model(megapixel=0.05, size="match", refuses="bfl"),
    _bfl("flux-3-image"): Model(prices=("resolution", _FLUX_3), size="match", refuses="bfl", always="png"),
    "stability-ai/stable-diffusion-3.5-large": _sd(0.065),
    "stability-ai/stable-diffusion-3.5-large-turbo": _sd(0.04),
    "stability-ai/stable-diffusion-3.5-medium": _sd(0.035),
    "stability-ai/stable-diffusion-3": _sd(0.035),
    "ideogram-ai/ideogram-v2": _ideogram(0.08),
    "ideogram-ai/ideogram-v2-turbo": _ideogram(0.05),
    "ideogram-ai/ideogram-v3-turbo": _ideogram(0.03),
    "ideogram-ai/ideogram-v3-balanced": _ideogram(0.06),
    "ideogram-ai/ideogram-v3-quality": _ideogram(0.09),
    "ideogram-ai/ideogram-4-5": Model(
        size="named", refuses="ideogram", always="png", prices=("quality", _IDEOGRAM_4_5), black_mask=True
    ),
    "recraft-ai/recraft-v3": Model(usd=0.04, size="named", always="webp"),
    "nightmareai/real-esrgan": Model("upscale", gpu_seconds=1.8, always="png"),
    "tencentarc/gfpgan": Model("upscale", gpu_seconds=2.5, always="png"),
    "philz1337x/clarity-upscaler": Model("upscale", gpu_seconds=14.0),
    "lucataco/remove-bg": Model("cut out", gpu_seconds=2.0, always="png"),
    "851-labs/background-remover": Model("cut out", gpu_seconds=1.6),
    "men1scus/birefnet": Model("cut out", gpu_seconds=2.2, always="png"),
    "cjwbw/rembg": Model("cut out", gpu_seconds=1.2, always="png"),
    "easel-sandbox/captioner": Model("describe", gpu_seconds=1.0),
    "easel-sandbox/storyteller": Model("tell", gpu_seconds=1.0),
    "easel-sandbox/layers": Model("take apart", gpu_seconds=1.0, always="png"),
}
"""Where Replicate's own price is not known, the maker's stands; the last three exist in the sandbox only."""


@cache
def _told() -> Mapping[str, Any]:
    found: Mapping[str, Any] = json.loads((specs.FOLDER / f"{DOCUMENT}.json").read_text("utf-8"))["models"]
    return found


def is_official(name: str) -> bool:
    """Whether Replicate itself keeps a model running, so that it needs no version."""
    return bool(_told()[name]["official"])


def output(name: str) -> Mapping[str, Any]:
    """The schema of what a model puts out."""
    found: Mapping[str, Any] = _told()[name]["output"]
    return found


def versions(name: str) -> tuple[str, ...]:
    """The version ids of a model, the latest first; where none is published, a digest of its name."""
    row = _told()[name]
    latest = row["version"] or hashlib.sha256(name.encode()).hexdigest()
    return (latest, *row.get("older", ()))


def of_version(reference: str) -> str | None:
    """The model that `owner/name`, `owner/name:version` or a bare version stands for.

    None where there is none, and for a community model without its version.
    """
    name, _, version = reference.rpartition(":")
    if not name and "/" in version:
        return version if version in MODELS and is_official(version) else None
    return next((one for one in MODELS if version in versions(one) and name in ("", one)), None)
