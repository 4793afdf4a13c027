"""Several ControlNets on one wire."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from comfy_api.latest import io

from ....widgets import advanced
from .load import CATEGORY
from .sockets import Controls

if TYPE_CHECKING:
    from ..stacks import ControlStack


class EaselSd35ControlNetStack(io.ComfyNode):
    """Puts a ControlNet with its picture on top of others; nothing is computed yet."""

    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id="EaselSd35ControlNetStack",
            display_name="SD 3.5 ControlNet Stack",
            category=CATEGORY,
            description="A ControlNet with its picture, for the nodes that draw in one box. For several, put one behind another. "
            "Beside KSampler, use ComfyUI's own Apply ControlNet instead: it does the same.",
            inputs=[
                io.ControlNet.Input("control_net", tooltip="From SD 3.5 Load ControlNet."),
                io.Image.Input(
                    "image",
                    tooltip="What it follows, from SD 3.5 Prepare Control. It is brought to the size that is drawn; what does not "
                    "fit the proportions is cut off evenly.",
                ),
                io.Float.Input(
                    "strength",
                    default=0.7,
                    min=0.0,
                    max=10.0,
                    step=0.05,
                    tooltip="How strictly the picture is followed; 0 switches it off.",
                ),
                advanced(_part("start", 0.0, "From which part of the steps on it works: 0 is the first.")),
                advanced(_part("end", 1.0, "Up to which part of the steps it works: 1 is the last.")),
                Controls.Input("controls", optional=True, tooltip="Other ControlNets to use as well: another stack."),
            ],
            outputs=[
                Controls.Output(
                    "stack", display_name="controls", tooltip="All of them, for a one-box node or another stack."
                ),
            ],
        )

    @classmethod
    def execute(
        cls,
        control_net: Any,
        image: Any,
        strength: float,
        start: float,
        end: float,
        controls: ControlStack = (),
    ) -> io.NodeOutput:
        from ..stacks import Control

        return io.NodeOutput((*controls, Control(control_net, image, strength, start, end)))


def _part(name: str, usual: float, tooltip: str) -> io.Input:
    return io.Float.Input(name, default=usual, min=0.0, max=1.0, step=0.01, tooltip=tooltip)
