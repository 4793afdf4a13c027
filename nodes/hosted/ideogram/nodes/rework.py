"""Pictures in another shape, in another place, or larger."""

from __future__ import annotations

from typing import Any

from comfy_api.latest import io

from ...schema import choices_of, hidden, picture_outputs
from .inputs import model_inputs, prompt_input, purchase_inputs, setting_inputs, shape_inputs
from .shared import CATEGORY, IdeogramNode, choices_in, fields_of


class EaselIdeogramReframe(IdeogramNode):
    """A picture continued to another shape, by Ideogram."""

    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id="EaselIdeogramReframe",
            display_name="Ideogram Reframe",
            category=CATEGORY,
            description="Gives a picture another shape and paints what is missing at the edges; paid with your own key.",
            inputs=[
                io.Image.Input("image", tooltip="The picture to continue; one, not a batch."),
                *model_inputs("reframe"),
                *shape_inputs("reframe"),
                *setting_inputs("reframe"),
                *purchase_inputs("reframe"),
            ],
            outputs=picture_outputs(),
            hidden=hidden(),
        )

    @classmethod
    async def execute(cls, **inputs: Any) -> io.NodeOutput:
        from ..requests import IdeogramReframe

        choices = choices_of(**choices_in(inputs))
        return await cls.pictures_of(IdeogramReframe.build(**await fields_of(inputs)), choices)


class EaselIdeogramReplaceBackground(IdeogramNode):
    """Another place behind the same subject, by Ideogram."""

    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id="EaselIdeogramReplaceBackground",
            display_name="Ideogram Replace Background",
            category=CATEGORY,
            description="Keeps what stands in front and paints another background by words; paid with your own key.",
            inputs=[
                io.Image.Input("image", tooltip="The picture whose subject stays; one, not a batch."),
                prompt_input("What the new background should be. The subject is found by itself."),
                *model_inputs("replace-background"),
                *setting_inputs("replace-background"),
                *purchase_inputs("replace-background"),
            ],
            outputs=picture_outputs(),
            hidden=hidden(),
        )

    @classmethod
    async def execute(cls, **inputs: Any) -> io.NodeOutput:
        from ..requests import IdeogramReplaceBackground

        choices = choices_of(**choices_in(inputs))
        return await cls.pictures_of(IdeogramReplaceBackground.build(**await fields_of(inputs)), choices)


class EaselIdeogramUpscale(IdeogramNode):
    """A larger picture with more detail, by Ideogram."""

    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id="EaselIdeogramUpscale",
            display_name="Ideogram Upscale",
            category=CATEGORY,
            description="Makes a picture about twice as large and adds detail; paid with your own key.",
            inputs=[
                io.Image.Input("image", tooltip="The picture to enlarge; one, not a batch."),
                prompt_input("What the picture shows, if the new detail should follow words. May be empty."),
                *model_inputs("upscale"),
                io.Int.Input(
                    "resemblance",
                    default=50,
                    min=1,
                    max=100,
                    tooltip="How closely the larger picture keeps to this one; 100 is closest.",
                ),
                io.Int.Input(
                    "detail", default=50, min=1, max=100, tooltip="How much detail is added; 100 is the most."
                ),
                *setting_inputs("upscale"),
                *purchase_inputs("upscale"),
            ],
            outputs=picture_outputs(),
            hidden=hidden(),
        )

    @classmethod
    async def execute(cls, **inputs: Any) -> io.NodeOutput:
        from ..requests import IdeogramUpscale

        choices = choices_of(**choices_in(inputs))
        return await cls.pictures_of(IdeogramUpscale.build(**await fields_of(inputs)), choices)
