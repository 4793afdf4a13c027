"""The routes to FLUX: each is a provider of its own, with its own key."""

from __future__ import annotations

from ..platforms.fal.provider import Fal
from ..platforms.replicate.provider import Replicate

# Imported for what they register: how FLUX is ordered there.
from . import fal, replicate  # noqa: F401
from .bfl.provider import Bfl

PROVIDERS = (Bfl, Replicate, Fal)
