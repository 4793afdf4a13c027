"""Who serves the models: remove.bg, and two marketplaces that other families buy from as well."""

from __future__ import annotations

from ..platforms.fal.provider import Fal
from ..platforms.replicate.provider import Replicate
from . import ordering  # noqa: F401  The marketplaces learn from it what our requests mean.
from .removebg.provider import RemoveBg

PROVIDERS = (RemoveBg, Replicate, Fal)
