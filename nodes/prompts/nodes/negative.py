"""Ready-made lists of what should not be there."""

from __future__ import annotations

from comfy_api.latest import io

from ...widgets import advanced
from ..negatives import FORMS, negative, preset_names
from ..vocabulary import NONE
from .shared import CATEGORY

_NOTHING = "Nothing is excluded."


class EaselNegativePrompt(io.ComfyNode):
    """What should not be in a picture."""

    @classmethod
    def define_schema(cls) -> io.Schema:
        presets = preset_names()
        return io.Schema(
            node_id="EaselNegativePrompt",
            display_name="Negative Prompt",
            category=CATEGORY,
            description="Joins ready-made lists of what should not be there with your own words, each word once. Costs nothing.",
            inputs=[
                _preset("preset", "A list to begin with.", presets, presets[0]),
                _preset("second_preset", "A second list, added to the first.", presets),
                _preset("third_preset", "A third list.", presets),
                io.String.Input(
                    "words", multiline=True, default="", tooltip="Your own words, with commas or on lines of their own."
                ),
                io.String.Input(
                    "keep",
                    default="",
                    tooltip="Words of the lists that may be there after all, with commas between: text, if there should be some.",
                ),
                advanced(
                    io.Combo.Input(
                        "form",
                        options=list(FORMS),
                        tooltip="list for a negative prompt, Prompt Builder's avoid and Midjourney's no; the other two to be put "
                        "behind a prompt of your own.",
                    )
                ),
            ],
            outputs=[
                io.String.Output(
                    "negative_prompt", display_name="negative prompt", tooltip="The words, in the form that you chose."
                ),
            ],
            is_output_node=True,
        )

    @classmethod
    async def execute(
        cls, preset: str, second_preset: str, third_preset: str, words: str, keep: str, form: str = "list"
    ) -> io.NodeOutput:
        text = negative((preset, second_preset, third_preset), words, keep, form)
        return io.NodeOutput(text, ui={"text": [text or _NOTHING]})


def _preset(name: str, tooltip: str, presets: list[str], default: str = NONE) -> io.Input:
    return io.Combo.Input(name, options=[NONE, *presets], default=default, tooltip=tooltip)
