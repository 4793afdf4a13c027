"""The marketplaces whose models can be run by name."""

from __future__ import annotations

from ..platforms.fal.provider import Fal
from ..platforms.replicate.provider import Replicate

PROVIDERS = (Replicate, Fal)
