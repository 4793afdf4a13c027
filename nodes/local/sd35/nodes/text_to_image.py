"""Pictures out of words, on this machine."""

from __future__ import annotations

from typing import Any

from comfy_api.latest import io

from .load import CATEGORY
from .wishes import model_inputs, output_of, outputs, stack_inputs, steps_inputs, wish_of, words_inputs

_LARGEST = 6144


class EaselSd35TextToImage(io.ComfyNode):
    """Words to pictures in one node: the same as CLIP Text Encode, Empty Latent, KSampler and VAE Decode."""

    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id="EaselSd35TextToImage",
            display_name="SD 3.5 Text to Image",
            category=CATEGORY,
            description="Draws pictures out of words with Stable Diffusion 3.5. Steps, cfg and sampler follow the model unless you "
            "say otherwise. Runs on this machine; costs nothing.",
            inputs=[
                *model_inputs(),
                *words_inputs("a red circle on a blue background"),
                *(_side("width"), _side("height")),
                io.Int.Input("batch", default=1, min=1, max=64, tooltip="How many pictures to draw at once."),
                *steps_inputs(),
                *stack_inputs(),
            ],
            outputs=outputs(),
        )

    @classmethod
    def execute(
        cls, model: Any, clip: Any, vae: Any, width: int, height: int, batch: int, **inputs: Any
    ) -> io.NodeOutput:
        from ..drawing import draw

        return output_of(draw(model, clip, vae, wish_of(inputs), width, height, batch))


def _side(name: str) -> io.Input:
    return io.Int.Input(
        name,
        default=1024,
        min=0,
        max=_LARGEST,
        step=16,
        tooltip="In pixels, rounded to a multiple of 16; 0 is the model's own best. About 1024x1024 pixels in all are best.",
    )
