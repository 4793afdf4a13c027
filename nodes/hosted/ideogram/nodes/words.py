"""Words for pictures."""

from __future__ import annotations

from typing import Any

from comfy_api.latest import io

from .... import host
from ...schema import choice_inputs, choices_of, hidden, report_output, take_input
from ...sockets import all_pictures
from ..models import offers_for
from .shared import CATEGORY, IdeogramNode


class EaselIdeogramDescribe(IdeogramNode):
    """Words for a picture, by Ideogram."""

    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id="EaselIdeogramDescribe",
            display_name="Ideogram Describe",
            category=CATEGORY,
            description="Puts a picture into words that Ideogram understands as a prompt. A batch gives a list of descriptions.",
            inputs=[
                io.Image.Input("image", tooltip="The picture, or a batch of them; each is paid for."),
                io.Combo.Input(
                    "model",
                    options=list(offers_for("describe")),
                    tooltip="For which model the words should be a prompt: 3 or 2.",
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
    async def execute(cls, image: Any, model: str, take: int = 0, **choices: str) -> io.NodeOutput:
        from ..requests import IdeogramDescribe

        each = await all_pictures(image)
        requests = [IdeogramDescribe.build(image=picture, model=model, take=take) for picture in each]
        bought = await cls.each_bought(requests, choices_of(**choices))
        report = "\n".join(one.report for one in bought)
        texts = [host.blocker() if one.is_blocked else one.text for one in bought]
        return io.NodeOutput(texts, report, ui={"text": [report]})
