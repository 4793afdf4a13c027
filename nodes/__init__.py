"""The catalogue: every family of nodes, in menu order. A new family is one line here.

ComfyUI's start waits for every schema, so a module of nodes imports at its top what its schemas need, and what a run needs
when it runs.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from comfy_api.latest import io

HOSTED = (
    "hosted.openai",
    "hosted.flux",
    "hosted.ideogram",
    "hosted.midjourney",
    "hosted.enhance",
    "hosted.anymodel",
)
"""Families that buy from a provider: each has ``nodes.NODES`` and ``provider.PROVIDERS``."""

LOCAL = ("prompts", "local.sd35", "local.masks", "assets")
"""Families that work on this machine: each has ``nodes.NODES``."""


def node_classes() -> list[type[io.ComfyNode]]:
    """Every node class, in menu order."""
    modules = [import_module(f".{family}.nodes", __name__) for family in HOSTED + LOCAL]
    return [node for module in modules for node in module.NODES]


def new_providers() -> dict[str, Any]:
    """A fresh instance of every provider, by name."""
    modules = [import_module(f".{family}.provider", __name__) for family in HOSTED]
    made = [provider() for module in modules for provider in module.PROVIDERS]
    return {provider.account.name: provider for provider in made}
