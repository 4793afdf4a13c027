"""What ComfyUI gets: the node classes, and Easel's own routes."""

from __future__ import annotations

from comfy_api.latest import ComfyExtension, io
from typing_extensions import override

from . import host, node_classes
from .hosted import routes


class EaselExtension(ComfyExtension):
    @override
    async def get_node_list(self) -> list[type[io.ComfyNode]]:
        # The host calls no on_load before 0.14; routes added here are in time on every version.
        if (table := host.routes()) is not None:
            routes.add_to(table)
        return node_classes()
