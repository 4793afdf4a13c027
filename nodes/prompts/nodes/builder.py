"""A prompt built part by part."""

from __future__ import annotations

from typing import Any

from comfy_api.latest import io

from ...widgets import advanced
from .. import vocabulary
from ..choices import SECTIONS
from ..families import family as family_of
from ..families import family_names
from .shared import CATEGORY, Choice

_ON_THE_NODE = "as the image node says"
_RATIOS = ["1:1", "16:9", "9:16", "3:2", "2:3", "4:3", "3:4", "5:4", "4:5", "21:9", "9:21"]
_TOOLTIPS = {
    "subject_type": "What kind of view of the subject it is.",
    "setting": "Where it is.",
    "style": "What kind of picture it is.",
    "lighting": "What light falls on it.",
    "framing": "How near it is.",
    "angle": "From where it is seen.",
    "arrangement": "Where things lie in the picture: thirds, symmetry, lines.",
    "depth": "What is sharp, and what lies before and behind.",
    "mood": "How it feels.",
    "camera": "For photographs: the camera or film.",
    "lens": "For photographs: the lens, or how long it is exposed.",
    "finish": "How it is graded and finished. Many models ignore words of quality; the node says which.",
}
_EXAMPLES = {
    "setting": "in a glass-walled greenhouse",
    "style": "in the manner of old field guides",
    "lighting": "one bare bulb above the table",
    "composition": "seen through a doorway",
    "mood": "quietly proud",
    "technical": "f/8, 1/500 s",
}


class EaselPromptBuilder(io.ComfyNode):
    """A prompt in the dialect of a family of models."""

    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id="EaselPromptBuilder",
            display_name="Prompt Builder",
            category=CATEGORY,
            description="Builds a prompt from parts that you choose or write, in the words that your model understands best, and "
            "warns of what it will not do. Costs nothing.",
            inputs=[
                io.Combo.Input(
                    "family",
                    options=family_names(),
                    tooltip="Which models the prompt is for: each family wants other words. A link from Choose Model sets it too.",
                ),
                io.String.Input(
                    "subject",
                    multiline=True,
                    default="",
                    tooltip="What the picture shows. What you write is never reworded, here or elsewhere on this node.",
                ),
                _choice("subject_type"),
                *(entry for section in SECTIONS for entry in _section(section)),
                *_text_inputs(),
                *_rare_inputs(),
            ],
            outputs=_outputs(),
            is_output_node=True,
        )

    @classmethod
    async def execute(cls, family: str, subject: str, aspect_ratio: str = _ON_THE_NODE, **inputs: Any) -> io.NodeOutput:
        from ..advice import advise
        from ..brief import Brief
        from ..dialects import render

        brief = Brief(
            subject=subject,
            choices={part: inputs.pop(part, vocabulary.NONE) for part in vocabulary.PARTS},
            words={section: inputs.pop(f"{section}_words", "") for section in SECTIONS},
            aspect_ratio="" if aspect_ratio == _ON_THE_NODE else aspect_ratio,
            **inputs,
        )
        spoken_to = family_of(family)
        made = render(brief, spoken_to)
        warnings = advise(brief, spoken_to, made)
        negative = f"Negative prompt: {made.negative}" if made.negative else ""
        shown = "\n".join(part for part in (made.prompt, negative, *(f"! {said}" for said in warnings)) if part)
        outputs = (made.prompt, made.negative, made.style_type, made.parameters, "\n".join(warnings))
        return io.NodeOutput(*outputs, ui={"text": [shown]})


def _section(name: str) -> list[io.Input]:
    """The choices of a section, and a line for own words."""
    instead = "these choices" if len(SECTIONS[name]) > 1 else "the choice"
    return [
        *(_choice(part) for part in SECTIONS[name]),
        io.String.Input(
            f"{name}_words",
            default="",
            tooltip=f"Your own words, such as: {_EXAMPLES[name]}. They are added to {instead}; for yours alone, choose none.",
        ),
    ]


def _choice(part: str) -> io.Input:
    return io.Combo.Input(
        part, options=[vocabulary.NONE, *vocabulary.names(part)], default=vocabulary.NONE, tooltip=_TOOLTIPS[part]
    )


def _text_inputs() -> list[io.Input]:
    return [
        io.String.Input(
            "details",
            multiline=True,
            default="",
            tooltip="Anything else that should be seen; whole sentences if you like.",
        ),
        io.String.Input(
            "lettering",
            default="",
            tooltip="Words to be read in the picture, without quotation marks. The node warns where a family misspells.",
        ),
        io.String.Input(
            "avoid",
            default="",
            tooltip="What should not be there, with commas between: a negative prompt, --no or a sentence, as the family takes "
            "it. Negative Prompt has ready-made lists.",
        ),
    ]


def _rare_inputs() -> list[io.Input]:
    inputs: list[io.Input] = [
        io.Combo.Input(
            "aspect_ratio",
            options=[_ON_THE_NODE, *_RATIOS],
            default=_ON_THE_NODE,
            tooltip="Midjourney only: --ar. The other families take it on their image node.",
        ),
        io.String.Input(
            "parameters",
            default="",
            tooltip="Midjourney only: put behind the prompt as you write them, such as --stylize 200 --chaos 10.",
        ),
        io.Float.Input(
            "subject_weight",
            default=1.1,
            min=0.1,
            max=2.0,
            step=0.05,
            tooltip="Stable Diffusion only: how much the subject counts. 1 is as much as all else; above 1.5 pictures break.",
        ),
        io.Float.Input(
            "style_weight",
            default=1.0,
            min=0.1,
            max=2.0,
            step=0.05,
            tooltip="Stable Diffusion only: how much the style counts. 1 is as much as all else.",
        ),
    ]
    return [advanced(entry) for entry in inputs]


def _outputs() -> list[io.Output]:
    return [
        io.String.Output("prompt", display_name="prompt", tooltip="The prompt, for the image node."),
        io.String.Output(
            "negative_prompt",
            display_name="negative prompt",
            tooltip="What should not be there, for families that take it beside the prompt; empty for the others.",
        ),
        Choice.Output(
            "style_type",
            display_name="style type",
            tooltip="For Ideogram's style_type and DALL-E's style; link it there. default for the other families.",
        ),
        io.String.Output(
            "used_parameters",
            display_name="parameters",
            tooltip="Midjourney's parameters on their own; they stand in the prompt already.",
        ),
        io.String.Output("warnings", display_name="warnings", tooltip="What this family will not do as you meant it."),
    ]
