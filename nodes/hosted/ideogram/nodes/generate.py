"""Pictures and layouts from words."""

from __future__ import annotations

import asyncio
import json
from typing import Any

from comfy_api.latest import io

from .... import pictures
from ...schema import advanced, blocked, choices_of, hidden, picture_outputs, report_output
from .inputs import model_inputs, prompt_input, purchase_inputs, setting_inputs, shape_inputs
from .shared import CATEGORY, IdeogramNode, choices_in, fields_of

_OPAQUE, _TRANSPARENT = "opaque", "transparent"
_FACTORS = ["x1", "x2", "x4"]
_FONTS = {"h1": "the headline", "h2": "lines below the headline", "body": "running text", "small": "small print"}


class EaselIdeogramGenerate(IdeogramNode):
    """Pictures from words, by Ideogram."""

    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id="EaselIdeogramGenerate",
            display_name="Ideogram Generate",
            category=CATEGORY,
            description="Makes pictures from words with an Ideogram model, strong at lettering, logos and posters; paid with "
            "your own key.",
            inputs=[
                prompt_input(
                    "What the picture should show. Put words that should be written there in quotation marks."
                ),
                *model_inputs("generate"),
                *shape_inputs("generate", '"auto" lets the newer models choose by the prompt.'),
                io.Combo.Input(
                    "background",
                    options=[_OPAQUE, _TRANSPARENT],
                    default=_OPAQUE,
                    tooltip="transparent cuts the subject out, with ideogram-3 and ideogram-v3; the alpha output has its shape.",
                ),
                *setting_inputs("generate"),
                advanced(
                    io.Combo.Input(
                        "upscale_factor",
                        options=_FACTORS,
                        default=_FACTORS[0],
                        tooltip="How much a picture with a transparent background is enlarged at once; more costs more.",
                    )
                ),
                *purchase_inputs("generate"),
            ],
            outputs=picture_outputs(),
            hidden=hidden(),
        )

    @classmethod
    async def execute(
        cls, background: str = _OPAQUE, upscale_factor: str = _FACTORS[0], **inputs: Any
    ) -> io.NodeOutput:
        from ..requests import IdeogramGenerate, IdeogramTransparent

        choices = choices_of(**choices_in(inputs))
        fields = await fields_of(inputs)
        enlarged = {} if upscale_factor == _FACTORS[0] else {"upscale_factor": upscale_factor}
        if background == _TRANSPARENT:
            return await cls.pictures_of(IdeogramTransparent.build(**fields, **enlarged), choices)
        return await cls.pictures_of(IdeogramGenerate.build(**fields, **enlarged), choices)


class EaselIdeogramDesign(IdeogramNode):
    """Layouts from words, by Ideogram: the picture and its lettering apart."""

    @classmethod
    def define_schema(cls) -> io.Schema:
        fonts: list[io.Input] = [
            advanced(
                io.String.Input(
                    f"font_{name}",
                    default="",
                    tooltip=f"The font of {what}, by its name at Ideogram. Empty lets it choose.",
                )
            )
            for name, what in _FONTS.items()
        ]
        return io.Schema(
            node_id="EaselIdeogramDesign",
            display_name="Ideogram Design",
            category=CATEGORY,
            description="Makes a poster, card or advertisement from words, and gives its lettering as text that can still be "
            "changed, apart from the picture; paid with your own key.",
            inputs=[
                prompt_input("What the design is for and what is written on it, in quotation marks."),
                *model_inputs("generate-design"),
                *shape_inputs("generate-design"),
                *setting_inputs("generate-design"),
                *fonts,
                *purchase_inputs("generate-design"),
            ],
            outputs=[
                *picture_outputs()[:-1],
                io.String.Output(
                    "text_html",
                    display_name="text html",
                    is_output_list=True,
                    tooltip="The lettering of each design as HTML, to lay over the picture.",
                ),
                io.String.Output(
                    "layers",
                    display_name="layers",
                    is_output_list=True,
                    tooltip="Every text and picture layer of each design as JSON: words, font, colour, place.",
                ),
                report_output(),
            ],
            hidden=hidden(),
        )

    @classmethod
    async def execute(cls, **inputs: Any) -> io.NodeOutput:
        from ..requests import IdeogramDesign

        choices = choices_of(**choices_in(inputs))
        bought = await cls.bought(IdeogramDesign.build(**await fields_of(inputs)), choices)
        if bought.is_blocked:
            return blocked(bought.report, len(cls.GET_SCHEMA().outputs))
        images, alphas = await asyncio.to_thread(pictures.to_batches, bought.pictures)
        revised = "\n".join(picture.revised_prompt for picture in bought.delivered if picture.revised_prompt)
        designs = bought.data.get("designs", [])
        html = [design.get("text_html") or "" for design in designs]
        layers = [
            json.dumps({name: design[name] for name in ("text_containers", "image_layers")}) for design in designs
        ]
        return io.NodeOutput(
            images, alphas, revised, html or [""], layers or ["{}"], bought.report, ui={"text": [bought.report]}
        )
