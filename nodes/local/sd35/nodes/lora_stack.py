"""Several LoRAs on one wire."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from comfy_api.latest import io

from ...errors import ModelMissing
from .. import files
from .load import CATEGORY
from .sockets import Loras

if TYPE_CHECKING:
    from ..stacks import LoraStack


class EaselSd35LoraStack(io.ComfyNode):
    """Puts a LoRA on top of others; nothing is opened yet."""

    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id="EaselSd35LoraStack",
            display_name="SD 3.5 LoRA Stack",
            category=CATEGORY,
            description="A LoRA with its strength, for SD 3.5 Apply LoRA and the nodes that draw in one box. For several, put one "
            "behind another.",
            inputs=[
                *lora_inputs(),
                Loras.Input("loras", optional=True, tooltip="Other LoRAs to use as well: another stack."),
            ],
            outputs=[
                Loras.Output("stack", display_name="loras", tooltip="All of them, in this order."),
            ],
        )

    @classmethod
    def validate_inputs(cls, lora_name: str | None) -> bool | str:
        """Says that a file is missing before anything in the graph is bought."""
        return is_there(lora_name)

    @classmethod
    def fingerprint_inputs(cls, lora_name: str | None = None, **_choices: Any) -> str:
        """Opens the file again once it is another one."""
        return stamp(lora_name)

    @classmethod
    def execute(cls, lora_name: str, strength: float, clip_strength: float, loras: LoraStack = ()) -> io.NodeOutput:
        from ..stacks import Lora

        return io.NodeOutput((*loras, Lora(files.other("loras", lora_name), strength, clip_strength)))


def lora_inputs(*others: str) -> list[io.Input]:
    """Which LoRA, or one of ``others``, and how strongly it works."""
    return [
        io.Combo.Input(
            "lora_name",
            options=[*(files.others("loras") or [files.NO_LORA]), *others],
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
        io.Float.Input(
            "clip_strength",
            default=1.0,
            min=-10.0,
            max=10.0,
            step=0.05,
            tooltip="How strongly it works on the text encoders, where the LoRA changes these.",
        ),
    ]


def is_there(lora_name: str | None) -> bool | str:
    """For ``validate_inputs``: whether that LoRA is there, or the sentence that says where it belongs."""
    try:
        if lora_name is not None:
            files.other("loras", lora_name)
    except ModelMissing as error:
        return str(error)
    return True


def stamp(lora_name: str | None) -> str:
    """For ``fingerprint_inputs``: another text once the file is another one."""
    try:
        return files.stamp(files.other("loras", lora_name)) if lora_name else ""
    except ModelMissing:
        return ""
