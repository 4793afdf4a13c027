"""Pictures changed by words."""

from __future__ import annotations

from typing import Any

from comfy_api.latest import io

from ...schema import choices_of, hidden, picture_outputs
from ...sockets import all_pictures
from .settings import late_settings, model_settings
from .shared import CATEGORY, FluxNode, model_inputs, prompt_input, size_inputs, sized

_SOCKETS = 4


class EaselFluxEdit(FluxNode):
    """A picture changed by words, or made from several, by FLUX."""

    operation = "edit"

    @classmethod
    def define_schema(cls) -> io.Schema:
        references: list[io.Input] = [
            io.Image.Input(
                f"image_{number}",
                optional=True,
                tooltip="More pictures to draw from: a product, a face, a style. A batch counts as several.",
            )
            for number in range(2, _SOCKETS + 1)
        ]
        return io.Schema(
            node_id="EaselFluxEdit",
            display_name="FLUX Edit",
            category=CATEGORY,
            description="Changes a picture by words, or makes one from several, with FLUX.2, FLUX 3 or Kontext.",
            inputs=[
                io.Image.Input("image", tooltip="The picture to change. A batch is sent whole, as several pictures."),
                prompt_input("What should be different, or what to make of the pictures."),
                *model_inputs("edit"),
                *size_inputs("edit", may_follow=True),
                *model_settings("edit"),
                *references,
                *late_settings("edit", "count"),
            ],
            outputs=picture_outputs(),
            hidden=hidden(),
        )

    @classmethod
    async def execute(
        cls,
        image: Any,
        on_refusal: str = "",
        second_model: str = "",
        key_profile: str = "default",
        **fields: Any,
    ) -> io.NodeOutput:
        references = [fields.pop(f"image_{number}", None) for number in range(2, _SOCKETS + 1)]
        images = await all_pictures(image, *references)
        choices = choices_of(on_refusal, second_model, key_profile=key_profile)
        return await cls.make(choices, images=images, **sized(**fields))
