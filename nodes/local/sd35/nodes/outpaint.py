"""A picture continued beyond its border, on this machine."""

from __future__ import annotations

from typing import Any

from comfy_api.latest import io

from ....widgets import advanced
from ...masks.choices import BLUR, EDGE, NOISE
from ...masks.nodes.canvas import size_inputs
from .inpaint import cut_inputs
from .load import CATEGORY
from .wishes import (
    denoise_input,
    model_inputs,
    output_of,
    outputs,
    stack_inputs,
    steps_inputs,
    wish_of,
    words_inputs,
)


class EaselSd35Outpaint(io.ComfyNode):
    """A larger canvas round a picture, painted as SD 3.5 Inpaint paints."""

    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id="EaselSd35Outpaint",
            display_name="SD 3.5 Outpaint",
            category=CATEGORY,
            description="Continues pictures beyond their border with Stable Diffusion 3.5 and leaves every pixel of them exactly "
            "as it is. Runs on this machine; costs nothing.",
            inputs=[
                *model_inputs(),
                io.Image.Input(
                    "image",
                    tooltip="The pictures to continue: one or a whole batch, of any size. What is transparent is painted too.",
                ),
                *words_inputs("a red circle on a blue background"),
                *size_inputs(),
                io.Int.Input(
                    "blend",
                    default=0,
                    min=0,
                    max=512,
                    tooltip="Over how many pixels of the picture, along the seam, the old fades into the new. 0 keeps every pixel "
                    "of it exactly.",
                ),
                denoise_input(
                    1.0, "How much of what fill has put into the new parts is painted over: 1 keeps nothing of it."
                ),
                *steps_inputs(),
                advanced(
                    io.Combo.Input(
                        "fill",
                        options=[EDGE, BLUR, NOISE],
                        tooltip="What lies in the new parts before they are painted, where denoise is below 1: the picture's "
                        "border continued, sharp or soft, or its colours scattered.",
                    )
                ),
                *cut_inputs(),
                *stack_inputs("what each of them follows is for the whole new canvas, and is cut as that is."),
            ],
            outputs=outputs(),
        )

    @classmethod
    def execute(
        cls,
        model: Any,
        clip: Any,
        vae: Any,
        image: Any,
        extend_by: str,
        left: int,
        top: int,
        right: int,
        bottom: int,
        aspect_ratio: str,
        width: int,
        height: int,
        anchor: str,
        multiple_of: str,
        blend: int,
        denoise: float,
        fill: str,
        context: int,
        resolution: int,
        **inputs: Any,
    ) -> io.NodeOutput:
        from ...masks.canvas import Wish as Canvas
        from ..inpainting import Brush, outpaint

        canvas = Canvas(
            extend_by, left, top, right, bottom, aspect_ratio, width, height, anchor, multiple_of=multiple_of
        )
        brush = Brush(denoise, context=context, resolution=resolution)
        return output_of(outpaint(model, clip, vae, wish_of(inputs), image, canvas, fill, blend, brush))
