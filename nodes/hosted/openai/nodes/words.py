"""Words for pictures, and judgement of both."""

from __future__ import annotations

import json
from typing import Any

from comfy_api.latest import io

from .... import host
from ...schema import HostedNode, advanced, blocked, choice_inputs, choices_of, hidden, report_output, take_input
from ...sockets import all_pictures
from .shared import CATEGORY

_VISION_MODELS = ["gpt-4o", "gpt-4o-mini", "gpt-4.1-mini", "gpt-5.6-luna", "gpt-5-mini"]
_DESCRIBE = "Describe this picture in detail, as a prompt from which an image model could make it again."


class EaselDescribeImage(HostedNode):
    """Words for a picture."""

    provider = "openai"

    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id="EaselDescribeImage",
            display_name="Describe Image",
            category=CATEGORY,
            description="Puts a picture into words, ready to be used as a prompt. A batch gives a list of descriptions.",
            inputs=[
                io.Image.Input("image", tooltip="The picture, or a batch of them."),
                io.String.Input(
                    "instruction",
                    multiline=True,
                    default=_DESCRIBE,
                    tooltip="What the description is for, and what matters.",
                ),
                io.Combo.Input("model", options=_VISION_MODELS, tooltip="The model that looks at the picture."),
                io.Combo.Input(
                    "detail",
                    options=["auto", "low", "high"],
                    tooltip="How closely it looks: low is cheap, high reads small print.",
                ),
                io.Int.Input(
                    "max_tokens",
                    default=500,
                    min=16,
                    max=16384,
                    tooltip="The longest answer, in tokens (about 4 letters each).",
                ),
                take_input("description"),
                *choice_inputs(()),
            ],
            outputs=[
                io.String.Output("description", display_name="description", is_output_list=True, tooltip="The words."),
                report_output(),
            ],
            hidden=hidden(),
        )

    @classmethod
    async def execute(
        cls, image: Any, instruction: str, model: str, detail: str, max_tokens: int, take: int = 0, **choices: str
    ) -> io.NodeOutput:
        from ..requests import Describe

        asked = {"prompt": instruction, "model": model, "detail": detail, "max_tokens": max_tokens, "take": take}
        each = await all_pictures(image)
        requests = [Describe.build(image=picture, **asked) for picture in each]
        bought = await cls.each_bought(requests, choices_of(**choices))
        report = "\n".join(one.report for one in bought)
        texts = [host.blocker() if one.is_blocked else one.text for one in bought]
        return io.NodeOutput(texts, report, ui={"text": [report]})


class EaselModerate(HostedNode):
    """Lets a text and its pictures pass, or blocks them."""

    provider = "openai"

    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id="EaselModerate",
            display_name="Moderate",
            category=CATEGORY,
            description="Asks OpenAI's free moderation whether a text or pictures are acceptable. What is not can be stopped here, "
            "before it costs money.",
            inputs=[
                io.String.Input("text", multiline=True, default="", tooltip="The text to judge; it passes through."),
                io.Image.Input("image", optional=True, tooltip="Pictures to judge; they pass through."),
                io.Boolean.Input(
                    "block", default=True, label_on="block", label_off="only tell", tooltip="Stop what is flagged here."
                ),
                io.Float.Input(
                    "threshold",
                    default=1.0,
                    min=0.0,
                    max=1.0,
                    step=0.01,
                    tooltip="Also flag any category that scores this much or more. 1 leaves it to OpenAI.",
                ),
                advanced(io.String.Input("key_profile", default="default", tooltip="Which of your keys is used.")),
            ],
            outputs=[
                io.String.Output("passed_text", display_name="text", tooltip="The text, where it was not blocked."),
                io.Image.Output(
                    "passed_image", display_name="image", tooltip="The pictures, where they were not blocked."
                ),
                io.Boolean.Output("flagged", display_name="flagged", tooltip="Whether anything was flagged."),
                io.String.Output(
                    "scores", display_name="scores", tooltip="The highest score of each category, as JSON."
                ),
            ],
            hidden=hidden(),
        )

    @classmethod
    async def execute(
        cls, text: str, block: bool, threshold: float, image: Any = None, key_profile: str = "default"
    ) -> io.NodeOutput:
        from ..requests import Moderate

        each = (None,) if image is None else await all_pictures(image)
        requests = [Moderate.build(text=text, image=picture) for picture in each]
        verdicts = await cls.each_bought(requests, choices_of(key_profile=key_profile))
        scores, flagged = Moderate.joined([verdict.data for verdict in verdicts], threshold)
        report = f"flagged: {', '.join(flagged)}" if flagged else "nothing was flagged"
        if flagged and block:
            return blocked(f"Blocked here. {report}", 4)
        return io.NodeOutput(text, image, bool(flagged), json.dumps(scores), ui={"text": [report]})
