"""How saving and loading fail: one sentence each that an artist can act on."""

from __future__ import annotations

from ..hosted.engine.errors import EaselError


class AssetProblem(EaselError):
    """A picture cannot be saved, or found again, as asked. Nothing was bought, and no file was overwritten."""
