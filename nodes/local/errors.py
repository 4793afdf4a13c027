"""What can be wrong with a model's file, or with what is asked of the model."""

from __future__ import annotations

from ..hosted.engine.errors import EaselError


class ModelMissing(EaselError):
    """The file is not there; says where to put which."""


class ModelRefused(EaselError):
    """The file is not what is expected; says what it is, and which node takes it."""


class WishRefused(EaselError):
    """The model cannot do what is asked; says what it can."""
