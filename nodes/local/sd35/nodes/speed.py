"""Faster pictures, a little different."""

from __future__ import annotations

from typing import Any

from comfy_api.latest import io

from ...errors import WishRefused
from .load import CATEGORY


class EaselSd35Speed(io.ComfyNode):
    """Trades exactness for speed, in ways that are all off unless chosen."""

    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id="EaselSd35Speed",
            display_name="SD 3.5 Speed",
            category=CATEGORY,
            description="Makes Stable Diffusion 3.5 faster in ways that change the picture a little. All are off until you choose "
            "one; the help page says what each gains and costs.",
            inputs=[
                io.Model.Input("model", tooltip="From Load SD 3.5, straight or through LoRA and other model nodes."),
                io.Float.Input(
                    "guidance_from",
                    default=0.0,
                    min=0.0,
                    max=1.0,
                    step=0.05,
                    tooltip="From which part of the run on cfg and the negative prompt work: 0 is the beginning. Outside of the "
                    "window a step takes half the time.",
                ),
                io.Float.Input(
                    "guidance_until",
                    default=1.0,
                    min=0.0,
                    max=1.0,
                    step=0.05,
                    tooltip="Up to which part of the run cfg and the negative prompt work: 1 is the end.",
                ),
                io.Float.Input(
                    "block_cache",
                    default=0.0,
                    min=0.0,
                    max=1.0,
                    step=0.01,
                    tooltip="Skips most of a step where it would change little: 0 is off, about 0.1 careful, higher is faster and "
                    "further from the exact picture.",
                ),
                io.Boolean.Input(
                    "compile",
                    default=False,
                    tooltip="Lets torch.compile rewrite the model for your graphics card: the first step takes a minute or more, "
                    "later ones are faster. Where that is not possible, everything runs as it did.",
                ),
            ],
            outputs=[
                io.Model.Output("faster", display_name="model", tooltip="The model, for everything that takes one."),
                io.String.Output("report", display_name="report", tooltip="What was switched on."),
            ],
        )

    @classmethod
    def execute(
        cls, model: Any, guidance_from: float, guidance_until: float, block_cache: float, **switches: bool
    ) -> io.NodeOutput:
        from ..core.speed import hurried
        from ..speed import Speed

        if guidance_from > guidance_until:
            raise WishRefused(
                f"guidance_from ({guidance_from:g}) must not be larger than guidance_until ({guidance_until:g})."
            )
        faster, report = hurried(model, Speed(guidance_from, guidance_until, block_cache, switches["compile"]))
        return io.NodeOutput(faster, report, ui={"text": [report]})
