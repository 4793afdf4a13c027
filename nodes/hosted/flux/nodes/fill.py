"""Pictures painted anew inside a mask, or continued beyond their edges."""

from __future__ import annotations

from typing import Any

from comfy_api.latest import io

from ...schema import choices_of, hidden, picture_outputs
from ...sockets import one_mask, one_picture
from ..requests import MOST_MARGIN, FluxExpand, FluxFill
from .shared import CATEGORY, FluxNode, fields_of, model_inputs, model_settings, prompt_input

_SIDES = ("left", "top", "right", "bottom")


class EaselFluxFill(FluxNode):
    """The masked part of a picture, painted anew by FLUX."""

    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id="EaselFluxFill",
            display_name="FLUX Fill",
            category=CATEGORY,
            description="Paints the masked part of a picture anew with FLUX.1 Fill pro, paid with your own key.",
            inputs=[
                io.Image.Input("image", tooltip="The picture to change; one, not a batch."),
                io.Mask.Input("mask", tooltip="Where to paint anew (1 = change here); of the same size."),
                prompt_input("What should be there. Empty lets the model carry on with what is around."),
                *model_inputs("fill"),
                *model_settings("fill"),
            ],
            outputs=picture_outputs(),
            hidden=hidden(),
        )

    @classmethod
    async def execute(
        cls, image: Any, mask: Any, on_refusal: str = "", key_profile: str = "default", **fields: Any
    ) -> io.NodeOutput:
        request = FluxFill.build(
            image=await one_picture("image", image), mask=await one_mask("mask", mask), **fields_of(**fields)
        )
        return await cls.pictures_of(request, choices_of(on_refusal, key_profile=key_profile))


class EaselFluxExpand(FluxNode):
    """A picture continued beyond its edges by FLUX."""

    @classmethod
    def define_schema(cls) -> io.Schema:
        sides: list[io.Input] = [
            io.Int.Input(side, default=0, min=0, max=MOST_MARGIN, step=8, tooltip="Pixels to add on this side.")
            for side in _SIDES
        ]
        return io.Schema(
            node_id="EaselFluxExpand",
            display_name="FLUX Expand",
            category=CATEGORY,
            description="Continues a picture beyond its edges with FLUX.1 Expand pro, paid with your own key.",
            inputs=[
                io.Image.Input("image", tooltip="The picture to continue; one, not a batch."),
                *sides,
                prompt_input("What should be beyond the edges. Empty lets the model carry on."),
                *model_inputs("expand"),
                *model_settings("expand"),
            ],
            outputs=picture_outputs(),
            hidden=hidden(),
        )

    @classmethod
    async def execute(
        cls, image: Any, on_refusal: str = "", key_profile: str = "default", **fields: Any
    ) -> io.NodeOutput:
        request = FluxExpand.build(image=await one_picture("image", image), **fields_of(**fields))
        return await cls.pictures_of(request, choices_of(on_refusal, key_profile=key_profile))
