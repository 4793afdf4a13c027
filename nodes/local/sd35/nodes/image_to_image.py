"""Pictures drawn anew, on this machine."""

from __future__ import annotations

from typing import Any

from comfy_api.latest import io

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


class EaselSd35ImageToImage(io.ComfyNode):
    """Pictures and words to pictures in one node: the same as VAE Encode, CLIP Text Encode, KSampler and VAE Decode."""

    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id="EaselSd35ImageToImage",
            display_name="SD 3.5 Image to Image",
            category=CATEGORY,
            description="Draws pictures anew with Stable Diffusion 3.5, after words: a little or entirely, as denoise says. "
            "Runs on this machine; costs nothing.",
            inputs=[
                *model_inputs(),
                io.Image.Input(
                    "image",
                    tooltip="The pictures to draw anew: one or a whole batch, in the size you want; sides are rounded to a "
                    "multiple of 16.",
                ),
                *words_inputs("a yellow circle on a green background"),
                denoise_input(0.6, "How much is drawn anew: 0 leaves the picture as it is, 1 keeps nothing of it."),
                *steps_inputs(),
                *stack_inputs(),
            ],
            outputs=outputs(),
        )

    @classmethod
    def execute(cls, model: Any, clip: Any, vae: Any, image: Any, denoise: float, **inputs: Any) -> io.NodeOutput:
        from ..drawing import redraw

        return output_of(redraw(model, clip, vae, wish_of(inputs), image, denoise))
