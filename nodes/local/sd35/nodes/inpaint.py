"""A part of a picture drawn anew, on this machine."""

from __future__ import annotations

from typing import Any

from comfy_api.latest import io

from ....widgets import advanced
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

_FARTHEST = 512


class EaselSd35Inpaint(io.ComfyNode):
    """What lies under a mask, cut out with its surroundings, painted at the model's best size, and put back."""

    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id="EaselSd35Inpaint",
            display_name="SD 3.5 Inpaint",
            category=CATEGORY,
            description="Paints what a mask marks with Stable Diffusion 3.5, at the model's best size, and leaves every other "
            "pixel exactly as it is. Runs on this machine; costs nothing.",
            inputs=[
                *model_inputs(),
                io.Image.Input("image", tooltip="The pictures to change: one or a whole batch, of any size."),
                io.Mask.Input(
                    "mask", tooltip="Where to paint (1 = paint here): one mask for all pictures, or one for each."
                ),
                *words_inputs("a yellow star on a blue background"),
                denoise_input(
                    0.9, "How much is painted anew: 0 leaves the picture as it is, 1 keeps nothing of what is there."
                ),
                *steps_inputs(),
                *_edge_inputs(),
                *cut_inputs(),
                advanced(
                    io.Boolean.Input(
                        "differential",
                        default=False,
                        tooltip="For soft masks: how grey a pixel is says from which step on it is painted, not how much of it. "
                        "ComfyUI calls it differential diffusion.",
                    )
                ),
                *stack_inputs("what each of them follows is cut as the picture is."),
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
        mask: Any,
        denoise: float,
        grow: int,
        feather: int,
        context: int,
        resolution: int,
        differential: bool,
        **inputs: Any,
    ) -> io.NodeOutput:
        from ..inpainting import Brush, inpaint

        brush = Brush(denoise, grow, feather, context, resolution, differential)
        return output_of(inpaint(model, clip, vae, wish_of(inputs), image, mask, brush))


def _edge_inputs() -> list[io.Input]:
    return [
        io.Int.Input(
            "grow",
            default=0,
            min=-_FARTHEST,
            max=_FARTHEST,
            tooltip="By how many pixels the mask grows before it is painted; below 0 it shrinks. What the grown mask leaves out "
            "stays exactly as it is.",
        ),
        io.Int.Input(
            "feather",
            default=8,
            min=0,
            max=_FARTHEST,
            tooltip="Over how many pixels the new fades into the old: inside the mask, never beyond it.",
        ),
    ]


def cut_inputs() -> list[io.Input]:
    """How much round the mask is cut out, and at which size it is painted."""
    return [
        io.Int.Input(
            "context",
            default=50,
            min=0,
            max=1000,
            tooltip="How much of the picture round the mask the model sees, in percent of the mask's longer side; at least 32 "
            "pixels. More fits better, less gives more detail.",
        ),
        advanced(
            io.Int.Input(
                "resolution",
                default=0,
                min=0,
                max=4096,
                step=16,
                tooltip="At what size the cut is painted: as many pixels as a square of this side. 0 follows the model: 1024, or "
                "the cut's own size where the model can do that.",
            )
        ),
    ]
