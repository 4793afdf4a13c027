"""Pictures painted anew inside a mask, cleared of what is marked, or continued beyond their edges."""

from __future__ import annotations

from typing import Any

from comfy_api.latest import io

from ...schema import DEFAULT, choices_of, given, hidden, picture_outputs
from ...sockets import one_mask, one_picture
from ..models import MOST_MARGIN
from .settings import fields_of, late_settings, model_settings
from .shared import CATEGORY, FluxNode, model_inputs, prompt_input

_SIDES = ("left", "top", "right", "bottom")


class EaselFluxFill(FluxNode):
    """The masked part of a picture, painted anew by FLUX."""

    operation = "fill"

    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id="EaselFluxFill",
            display_name="FLUX Fill",
            category=CATEGORY,
            description="Paints the masked part of a picture anew with FLUX.1 Fill pro or dev, paid with your own key.",
            inputs=[
                io.Image.Input("image", tooltip="The picture to change; one, not a batch."),
                io.Mask.Input("mask", tooltip="Where to paint anew (1 = change here); of the same size."),
                prompt_input("What should be there. Empty lets the model carry on with what is around."),
                *model_inputs("fill"),
                *model_settings("fill", without=["second_model"]),
                *late_settings("fill", "second_model", "count"),
            ],
            outputs=picture_outputs(),
            hidden=hidden(),
        )

    @classmethod
    async def execute(
        cls,
        image: Any,
        mask: Any,
        on_refusal: str = "",
        second_model: str = "",
        key_profile: str = "default",
        **fields: Any,
    ) -> io.NodeOutput:
        files: dict[str, Any] = {"image": await one_picture("image", image), "mask": await one_mask("mask", mask)}
        choices = choices_of(on_refusal, second_model, key_profile=key_profile)
        return await cls.make(choices, **files, **fields_of(**fields))


class EaselFluxExpand(FluxNode):
    """A picture continued beyond its edges by FLUX."""

    operation = "expand"

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
            description="Continues a picture beyond its edges with a FLUX model, paid with your own key.",
            inputs=[
                io.Image.Input("image", tooltip="The picture to continue; one, not a batch."),
                *sides,
                prompt_input("What should be beyond the edges. Empty lets the model carry on."),
                *model_inputs("expand"),
                *model_settings("expand", without=["second_model"]),
                *late_settings("expand", "second_model", "count"),
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
        mode: str = DEFAULT,
        **fields: Any,
    ) -> io.NodeOutput:
        picture = await one_picture("image", image)
        choices = choices_of(on_refusal, second_model, key_profile=key_profile)
        return await cls.make(choices, image=picture, mode=given(mode), **fields_of(**fields))


class EaselFluxErase(FluxNode):
    """What is marked in a picture, taken away by FLUX."""

    operation = "erase"

    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id="EaselFluxErase",
            display_name="FLUX Erase",
            category=CATEGORY,
            description="Takes away what the mask marks, and lets what is around it carry on. No prompt is needed.",
            inputs=[
                io.Image.Input("image", tooltip="The picture to clear; one, not a batch."),
                io.Mask.Input("mask", tooltip="What to take away (1 = away with it); of the same size."),
                *model_inputs("erase"),
                io.Int.Input(
                    "grow",
                    default=10,
                    min=0,
                    max=25,
                    tooltip="Pixels by which the mask is made larger first, so that no rim is left over.",
                ),
                *model_settings("erase"),
            ],
            outputs=picture_outputs(),
            hidden=hidden(),
        )

    @classmethod
    async def execute(
        cls, image: Any, mask: Any, on_refusal: str = "", key_profile: str = "default", **fields: Any
    ) -> io.NodeOutput:
        files: dict[str, Any] = {"image": await one_picture("image", image), "mask": await one_mask("mask", mask)}
        return await cls.make(choices_of(on_refusal, key_profile=key_profile), **files, **fields_of(**fields))
