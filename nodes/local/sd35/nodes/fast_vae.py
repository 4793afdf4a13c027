"""A VAE that computes with smaller numbers, in the layout that convolutions like."""

from __future__ import annotations

from typing import Any

from comfy_api.latest import io

from .load import CATEGORY


class EaselSd35FastVae(io.ComfyNode):
    """A second VAE beside the given one, faster and a little different."""

    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id="EaselSd35FastVae",
            display_name="SD 3.5 Fast VAE",
            category=CATEGORY,
            description="Makes the VAE faster: it computes with half as many digits, and keeps its numbers in the order that "
            "graphics cards and processors like. The picture changes by less than one level in most pixels.",
            inputs=[
                io.Vae.Input("vae", tooltip="From Load SD 3.5."),
                io.Boolean.Input(
                    "half_precision",
                    default=False,
                    tooltip="Compute in bfloat16: less memory, and faster on processors and graphics cards that know it. On most "
                    "graphics cards ComfyUI does so anyway.",
                ),
                io.Boolean.Input(
                    "channels_last",
                    default=False,
                    tooltip="Keep the numbers of a pixel side by side: the same picture but for rounding, often faster.",
                ),
            ],
            outputs=[
                io.Vae.Output(
                    "faster", display_name="vae", tooltip="The VAE, for VAE Decode, VAE Encode and the like."
                ),
            ],
        )

    @classmethod
    def execute(cls, vae: Any, half_precision: bool, channels_last: bool) -> io.NodeOutput:
        from ..core.vae import hurried_vae

        return io.NodeOutput(hurried_vae(vae, half_precision, channels_last))
