"""Pictures changed by words, and new ones made after them."""

from __future__ import annotations

from typing import Any

from comfy_api.latest import io

from ...schema import choices_of, hidden, picture_outputs
from .inputs import model_inputs, prompt_input, purchase_inputs, setting_inputs, shape_inputs
from .shared import CATEGORY, IdeogramNode, choices_in, fields_of


class EaselIdeogramEdit(IdeogramNode):
    """A picture changed by words, by Ideogram."""

    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id="EaselIdeogramEdit",
            display_name="Ideogram Edit",
            category=CATEGORY,
            description="Changes a picture by words with an Ideogram model, all of it or only inside a mask.",
            inputs=[
                io.Image.Input("image", tooltip="The picture to change; one, not a batch."),
                prompt_input("What should be different, or what should be inside the mask."),
                io.Mask.Input(
                    "mask",
                    optional=True,
                    tooltip="Where to change the picture (1 = change here); of the same size. 4.5 and 4.6 do without one, "
                    "and ideogram-v1-edit takes none.",
                ),
                io.Image.Input(
                    "references",
                    optional=True,
                    tooltip="Further pictures to take something from, such as a product or a logo: up to 4 with 4.5, 3 with 4.6, "
                    "9 with ideogram-v1-edit.",
                ),
                *model_inputs("edit"),
                *setting_inputs("edit"),
                *purchase_inputs("edit"),
            ],
            outputs=picture_outputs(),
            hidden=hidden(),
        )

    @classmethod
    async def execute(cls, **inputs: Any) -> io.NodeOutput:
        from ..requests import IdeogramEdit

        choices = choices_of(**choices_in(inputs))
        return await cls.pictures_of(IdeogramEdit.build(**await fields_of(inputs)), choices)


class EaselIdeogramRemix(IdeogramNode):
    """A new picture after another one, by Ideogram."""

    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id="EaselIdeogramRemix",
            display_name="Ideogram Remix",
            category=CATEGORY,
            description="Makes a new picture after another one and words: the same motif in another look, or another motif in "
            "the same layout.",
            inputs=[
                io.Image.Input("image", tooltip="The picture to start from; one, not a batch."),
                prompt_input("What the new picture should show."),
                *model_inputs("remix"),
                io.Int.Input(
                    "image_weight",
                    default=0,
                    min=0,
                    max=100,
                    tooltip="How closely the result follows the picture, from 1 to 100. 0 leaves it to the model.",
                ),
                *shape_inputs("remix", '"auto" keeps the shape of the picture.'),
                *setting_inputs("remix"),
                *purchase_inputs("remix"),
            ],
            outputs=picture_outputs(),
            hidden=hidden(),
        )

    @classmethod
    async def execute(cls, image_weight: int = 0, **inputs: Any) -> io.NodeOutput:
        from ..requests import IdeogramRemix

        choices = choices_of(**choices_in(inputs))
        request = IdeogramRemix.build(image_weight=image_weight or None, **await fields_of(inputs))
        return await cls.pictures_of(request, choices)
