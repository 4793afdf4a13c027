"""A LoRA for a Stable Diffusion 3.5 model."""

from __future__ import annotations

from typing import Any

from comfy_api.latest import io

from .. import files
from ..errors import ModelMissing
from ..loading import add_lora
from .load import CATEGORY


class EaselSd35ApplyLora(io.ComfyNode):
    """Adds a LoRA of any format, and says how much of it belongs to the model."""

    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id="EaselSd35ApplyLora",
            display_name="SD 3.5 Apply LoRA",
            category=CATEGORY,
            description="Adds a LoRA of any format to a Stable Diffusion 3.5 model, says how much of it matched, and refuses "
            "one of another model. For several, put one behind another.",
            inputs=[
                io.Model.Input("model", tooltip="From Load SD 3.5, or from another Apply LoRA."),
                io.Combo.Input(
                    "lora_name",
                    options=files.others("loras") or [files.NO_LORA],
                    tooltip="A file in models/loras: diffusers, peft, kohya, OneTrainer or LyCORIS. Press R after adding one.",
                ),
                io.Float.Input(
                    "strength",
                    default=1.0,
                    min=-10.0,
                    max=10.0,
                    step=0.05,
                    tooltip="How strongly it works; 0 does nothing, below 0 the opposite.",
                ),
                io.Clip.Input(
                    "clip", optional=True, tooltip="From Load SD 3.5, for a LoRA that changes the text encoders too."
                ),
                io.Float.Input(
                    "clip_strength",
                    default=1.0,
                    min=-10.0,
                    max=10.0,
                    step=0.05,
                    tooltip="How strongly it works on the text encoders, where clip is connected.",
                ),
            ],
            outputs=[
                io.Model.Output("patched", display_name="model", tooltip="The model with the LoRA."),
                io.Clip.Output("patched_clip", display_name="clip", tooltip="The text encoders with the LoRA."),
                io.String.Output("report", display_name="report", tooltip="How many of the LoRA's layers matched."),
            ],
        )

    @classmethod
    def validate_inputs(cls, lora_name: str | None) -> bool | str:
        """Says that a file is missing before anything in the graph is bought."""
        try:
            if lora_name is not None:
                files.other("loras", lora_name)
        except ModelMissing as error:
            return str(error)
        return True

    @classmethod
    def execute(
        cls, model: Any, lora_name: str, strength: float, clip_strength: float, clip: Any = None
    ) -> io.NodeOutput:
        patched, spoken, report = add_lora(model, clip, files.other("loras", lora_name), strength, clip_strength)
        return io.NodeOutput(patched, spoken, report, ui={"text": [report]})
