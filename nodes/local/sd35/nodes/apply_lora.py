"""LoRAs for a Stable Diffusion 3.5 model."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from comfy_api.latest import io

from .. import files
from .load import CATEGORY
from .lora_stack import is_there, lora_inputs, stamp
from .sockets import Loras

if TYPE_CHECKING:
    from ..stacks import LoraStack


class EaselSd35ApplyLora(io.ComfyNode):
    """Adds LoRAs of any format, and says how much of each belongs to the model."""

    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id="EaselSd35ApplyLora",
            display_name="SD 3.5 Apply LoRA",
            category=CATEGORY,
            description="Adds a LoRA of any format to a Stable Diffusion 3.5 model, says how much of it matched, and refuses "
            "one of another model. For several, connect a stack, or put one behind another.",
            inputs=[
                io.Model.Input("model", tooltip="From Load SD 3.5, or from another Apply LoRA."),
                *lora_inputs(files.NONE),
                io.Clip.Input(
                    "clip", optional=True, tooltip="From Load SD 3.5, for a LoRA that changes the text encoders too."
                ),
                Loras.Input(
                    "loras",
                    optional=True,
                    tooltip="From SD 3.5 LoRA Stack: these are added first, each with its own strength.",
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
        return True if lora_name == files.NONE else is_there(lora_name)

    @classmethod
    def fingerprint_inputs(cls, lora_name: str | None = None, **_choices: Any) -> str:
        """Opens the file again once it is another one."""
        return stamp(lora_name)

    @classmethod
    def execute(
        cls,
        model: Any,
        lora_name: str,
        strength: float,
        clip_strength: float,
        clip: Any = None,
        loras: LoraStack = (),
    ) -> io.NodeOutput:
        from ..stacks import Lora, with_loras

        own = () if lora_name == files.NONE else (Lora(files.other("loras", lora_name), strength, clip_strength),)
        patched, spoken, reports = with_loras(model, clip, (*loras, *own))
        report = "\n".join(reports) or "No LoRA."
        return io.NodeOutput(patched, spoken, report, ui={"text": [report]})
