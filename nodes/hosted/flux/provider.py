"""The routes to FLUX: each is a provider of its own, with its own key."""

from __future__ import annotations

from .bfl.provider import Bfl

PROVIDERS = (Bfl,)
