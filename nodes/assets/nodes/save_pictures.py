"""Save Pictures: the plain way to keep pictures, as older graphs know it."""

from __future__ import annotations

import asyncio
from typing import Any

from comfy_api.latest import io

from ... import host
from ...hosted.sockets import all_pictures, with_alphas
from ..choices import PICTURE_TYPES
from .shared import redacting


class EaselSavePictures(io.ComfyNode):
    """Saves pictures, each with a line that says how it came to be."""

    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id="EaselSavePictures",
            display_name="Save Pictures",
            category="Easel/Assets",
            description="Saves pictures into the output folder and writes a manifest line for each: model, prompt, parameters, "
            "cost. Bought pictures are recognised by their pixels; nothing needs to be connected for that.",
            inputs=[
                io.Image.Input("images", tooltip="The pictures to save."),
                io.String.Input(
                    "filename_prefix",
                    default="easel/picture",
                    tooltip="Name of the files; a / makes folders. %year%, %month%, %day%, %width% and %height% are filled in.",
                ),
                io.Combo.Input(
                    "format", options=list(PICTURE_TYPES), tooltip="png loses nothing; jpeg and webp are smaller."
                ),
                io.Int.Input("quality", default=92, min=1, max=100, tooltip="Quality of jpeg and webp in percent."),
                io.Mask.Input(
                    "alpha",
                    optional=True,
                    tooltip="Transparency to save with the pictures (1 = transparent); png or webp.",
                ),
            ],
            hidden=[io.Hidden.prompt, io.Hidden.extra_pnginfo],
            is_output_node=True,
        )

    @classmethod
    async def execute(
        cls, images: Any, filename_prefix: str, format: str, quality: int, alpha: Any = None
    ) -> io.NodeOutput:
        from ...hosted.buying import engine
        from ..known import cleaned
        from ..saving import Style, save
        from ..settings import AssetSettings

        style = Style(filename_prefix, format, quality)
        redact = redacting(AssetSettings.load(host.state_folder()))
        texts = host.file_metadata(cleaned(cls.hidden.prompt, redact), cleaned(cls.hidden.extra_pnginfo, redact))
        opaque = await all_pictures(images)
        records = [cleaned(await engine().record_of_pixels(picture.rgb_digest), redact) for picture in opaque]
        pictures = await with_alphas("alpha", opaque, alpha)
        saved = [
            await asyncio.to_thread(save, picture, record, style, texts)
            for picture, record in zip(pictures, records, strict=True)
        ]
        return io.NodeOutput(
            ui={
                "images": [{"filename": one.filename, "subfolder": one.subfolder, "type": "output"} for one in saved],
                "cost_usd": [one.cost_usd for one in saved],
            }
        )
