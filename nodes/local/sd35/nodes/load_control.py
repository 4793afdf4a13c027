"""The node that opens a ControlNet of Stable Diffusion 3.5."""

from __future__ import annotations

from typing import Any

from comfy_api.latest import io

from ....widgets import advanced
from ...errors import ModelMissing
from .. import files
from ..choices import AUTOMATIC, TRAINED_ON
from .load import CATEGORY

_AS_IT_IS = "pictures as they are"
_AS_TRAINED, _AS_THE_HOST = "as the net was trained", "as ComfyUI's own loader"


class EaselSd35LoadControlNet(io.ComfyNode):
    """Opens a ControlNet of the family for every node that takes CONTROL_NET."""

    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id="EaselSd35LoadControlNet",
            display_name="SD 3.5 Load ControlNet",
            category=CATEGORY,
            description="Opens a ControlNet for Stable Diffusion 3.5: a published file or a diffusers folder. What it gives works "
            "with ComfyUI's own Apply ControlNet.",
            inputs=[
                io.Combo.Input(
                    "control_name",
                    options=files.controls(),
                    tooltip="A file or a diffusers folder in models/controlnet. Press R after adding one.",
                ),
                io.Combo.Input(
                    "takes",
                    options=[AUTOMATIC, *TRAINED_ON, _AS_IT_IS],
                    tooltip='What pictures it was trained on. "automatic" reads it from the file, else from its name.',
                ),
                advanced(
                    io.Combo.Input(
                        "rules",
                        options=[_AS_TRAINED, _AS_THE_HOST],
                        tooltip="How a published net is used: exactly as it was trained, or as ComfyUI's own loader does, which "
                        "gives edges twice as strongly and numbers the places in the picture in another way.",
                    )
                ),
            ],
            outputs=[
                io.ControlNet.Output(
                    "control_net",
                    display_name="control_net",
                    tooltip="For SD 3.5 ControlNet Stack, or ComfyUI's own Apply ControlNet.",
                ),
                io.String.Output("report", display_name="report", tooltip="Which model it is for, and what it takes."),
            ],
        )

    @classmethod
    def validate_inputs(cls, control_name: str | None) -> bool | str:
        """Says that a file is missing before anything in the graph is bought."""
        try:
            if control_name is not None:
                files.control(control_name)
        except ModelMissing as error:
            return str(error)
        return True

    @classmethod
    def fingerprint_inputs(cls, control_name: str | None = None, **_choices: Any) -> str:
        """Opens the file again once it is another one."""
        try:
            return files.stamp(files.control(control_name)) if control_name else ""
        except ModelMissing:
            return ""

    @classmethod
    def execute(cls, control_name: str, takes: str, rules: str) -> io.NodeOutput:
        from ..loading import open_control

        kind = {AUTOMATIC: None, _AS_IT_IS: ""}.get(takes, takes)
        net, report = open_control(files.control(control_name), kind, rules == _AS_THE_HOST)
        return io.NodeOutput(net, report, ui={"text": [report]})
