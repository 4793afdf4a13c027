"""The node that opens a Segment Anything model."""

from __future__ import annotations

import asyncio
from typing import Any

from comfy_api.latest import io

from .... import host
from ...handle import Handle
from ..sam import files

CATEGORY = "Easel/Masks"
Sam = io.Custom("EASEL_SAM")
FOLDER = "sams"
# What other packs call their folders of such models.
_ALSO = ("sam", "SAM", "sam2", "segment_anything")


class EaselLoadSegmentAnything(io.ComfyNode):
    """Opens a model of the family; weights only."""

    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id="EaselLoadSegmentAnything",
            display_name="Load Segment Anything",
            category=CATEGORY,
            description="Opens a Segment Anything model from models/sams: vit_b, vit_l or vit_h, or a Hugging Face folder of SAM, "
            "SAM-HQ or SAM 2. Files that could run a program are refused.",
            inputs=[
                io.Combo.Input(
                    "model_name",
                    options=_names(),
                    tooltip="A file in models/sams. vit_b is small and quick, vit_h the most exact. Press R after adding a file.",
                ),
            ],
            outputs=[
                Sam.Output("sam", display_name="sam", tooltip="The model, for Segment and Segment Everything."),
            ],
        )

    @classmethod
    def validate_inputs(cls, model_name: str | None) -> bool | str:
        """Says that a file is missing before anything in the graph is bought."""
        if model_name is None or host.model_path(FOLDER, model_name):
            return True
        return str(_missing(model_name))

    @classmethod
    def fingerprint_inputs(cls, model_name: str | None) -> str:
        """Opens the file again once it is another one."""
        path = host.model_path(FOLDER, model_name) if model_name else None
        if path is None:
            return ""
        now = path.stat()
        return f"{now.st_mtime_ns} {now.st_size}"

    @classmethod
    async def execute(cls, model_name: str, **_inputs: Any) -> io.NodeOutput:
        from ..sam.model import SegmentAnything

        path = host.model_path(FOLDER, model_name)
        if path is None:
            raise _missing(model_name)
        family = await asyncio.to_thread(files.open_model, path)
        return io.NodeOutput(SegmentAnything(family, Handle(family.module, *host.devices()), host.on_device))


def _names() -> list[str]:
    """The files there are; where there are none, those to download, so that the error can say where from."""
    host.model_folders(FOLDER, *_ALSO)
    found = [name for name in host.model_files(FOLDER) if name.endswith(files.ENDINGS)]
    return found or list(files.PUBLISHED)


def _missing(name: str) -> files.ModelMissing:
    return files.missing(name, host.model_folders(FOLDER, *_ALSO)[0])
