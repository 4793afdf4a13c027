"""Pictures for ControlNets."""

from __future__ import annotations

from typing import Any

from comfy_api.latest import io

from ....widgets import advanced
from .. import depth
from ..preparation import BLUR, HIGH, LOW, blurred, depths, edges, fitted
from .load import CATEGORY

_IS_DEPTH = "the image is a depth picture"
_LARGEST = 6144


class EaselSd35PrepareControl(io.ComfyNode):
    """Edges, a blur or depths, as the published ControlNets were trained on them."""

    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id="EaselSd35PrepareControl",
            display_name="SD 3.5 Prepare Control",
            category=CATEGORY,
            description="Turns pictures into what a ControlNet of Stable Diffusion 3.5 follows: edges for canny, a blur for blur, "
            "depths for depth.",
            inputs=[
                io.Image.Input("image", tooltip="One picture or a whole batch."),
                io.Combo.Input(
                    "kind",
                    options=["canny", "blur", "depth"],
                    tooltip="What the ControlNet was trained on: its report says it.",
                ),
                _threshold(
                    "low_threshold", LOW, "Canny: fainter edges than this are left out. Lower it for more details."
                ),
                _threshold("high_threshold", HIGH, "Canny: stronger edges than this are always drawn."),
                io.Float.Input(
                    "blur",
                    default=BLUR,
                    min=0.1,
                    max=25.0,
                    step=0.1,
                    tooltip="Blur: how far it reaches, in percent of the width. 5 is what the net was trained on.",
                ),
                io.Combo.Input(
                    "depth_model",
                    options=[_IS_DEPTH, *depth.models()],
                    tooltip="Depth: the image is a picture of depth already, or a model in models/depth_anything reads it.",
                ),
                advanced(
                    io.Combo.Input(
                        "near",
                        options=["white", "black"],
                        tooltip="Depth: what is near in a picture of depth that you connect. What comes out has it white.",
                    )
                ),
                advanced(_side("width")),
                advanced(_side("height")),
            ],
            outputs=[
                io.Image.Output(
                    "prepared",
                    display_name="image",
                    tooltip="For SD 3.5 ControlNet Stack, or ComfyUI's own Apply ControlNet.",
                ),
            ],
        )

    @classmethod
    def execute(
        cls,
        image: Any,
        kind: str,
        low_threshold: float,
        high_threshold: float,
        blur: float,
        depth_model: str,
        near: str,
        width: int,
        height: int,
    ) -> io.NodeOutput:
        image = fitted(image, width or image.shape[2], height or image.shape[1])
        if kind == "canny":
            return io.NodeOutput(edges(image, low_threshold, high_threshold))
        if kind == "blur":
            return io.NodeOutput(blurred(image, blur))
        if depth_model == _IS_DEPTH:
            return io.NodeOutput(depths(image, near == "white"))
        return io.NodeOutput(depth.read(depth_model, image))


def _threshold(name: str, usual: float, tooltip: str) -> io.Input:
    return io.Float.Input(name, default=usual, min=0.01, max=0.99, step=0.01, tooltip=tooltip)


def _side(name: str) -> io.Input:
    return io.Int.Input(
        name,
        default=0,
        min=0,
        max=_LARGEST,
        step=16,
        tooltip="The size that will be drawn, in pixels; 0 is the image's own. What does not fit is cut off evenly.",
    )
