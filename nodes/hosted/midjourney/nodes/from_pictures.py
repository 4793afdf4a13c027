"""Pictures made of pictures, and pictures put into words."""

from __future__ import annotations

import re
from typing import Any

from comfy_api.latest import io

from .... import host
from ...schema import choices_of, hidden, report_output
from ...sockets import all_pictures
from ..parameters import DEFAULT_VERSION, MOST_BLENDED
from .shared import CATEGORY, MidjourneyNode, grid_outputs, purchase_inputs

_NUMBERED = re.compile(r"(?:^|\n)\s*(?:\d\ufe0f?\u20e3|\d[.)])\s*")
"""How Midjourney numbers its four descriptions: with a keycap, and gateways with a digit."""


class EaselMidjourneyBlend(MidjourneyNode):
    """Four pictures made of several."""

    @classmethod
    def define_schema(cls) -> io.Schema:
        others: list[io.Input] = [
            io.Image.Input(f"image_{number}", optional=True, tooltip="One more picture. A batch counts as several.")
            for number in range(2, MOST_BLENDED + 1)
        ]
        return io.Schema(
            node_id="EaselMidjourneyBlend",
            display_name="Midjourney Blend",
            category=CATEGORY,
            description="Makes four pictures of two to five others, without words.",
            inputs=[
                io.Image.Input("image", tooltip="The first picture. A batch counts as several: 2 to 5 in all."),
                io.Combo.Input(
                    "shape", options=["square", "portrait", "landscape"], tooltip="1:1, 2:3 or 3:2, whatever came in."
                ),
                *purchase_inputs(),
                *others,
            ],
            outputs=[*grid_outputs(), report_output()],
            hidden=hidden(),
        )

    @classmethod
    async def execute(
        cls,
        image: Any,
        shape: str,
        take: int = 0,
        on_refusal: str = "",
        key_profile: str = "default",
        **others: Any,
    ) -> io.NodeOutput:
        from ..requests import Blend, model_of

        images = await all_pictures(image, *(others.get(f"image_{number}") for number in range(2, MOST_BLENDED + 1)))
        request = Blend.build(model=model_of(DEFAULT_VERSION), images=images, shape=shape, take=take)
        return await cls.grid_of(request, choices_of(on_refusal, key_profile=key_profile))


class EaselMidjourneyDescribe(MidjourneyNode):
    """A picture put into words."""

    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id="EaselMidjourneyDescribe",
            display_name="Midjourney Describe",
            category=CATEGORY,
            description="Puts a picture into words as Midjourney would say it: four prompts, as a list.",
            inputs=[
                io.Image.Input("image", tooltip="The picture, or a batch of them: each is paid for."),
                *purchase_inputs("description"),
            ],
            outputs=[
                io.String.Output(
                    "prompts",
                    display_name="prompts",
                    is_output_list=True,
                    tooltip="The prompts, four a picture: what follows runs once for each.",
                ),
                report_output(),
            ],
            hidden=hidden(),
        )

    @classmethod
    async def execute(cls, image: Any, take: int = 0, **choices: str) -> io.NodeOutput:
        from ..requests import Describe, model_of

        requests = [
            Describe.build(model=model_of(DEFAULT_VERSION), image=picture, take=take)
            for picture in await all_pictures(image)
        ]
        bought = await cls.each_bought(requests, choices_of(**choices))
        report = "\n".join(one.report for one in bought)
        prompts = [each for one in bought for each in ([host.blocker()] if one.is_blocked else _each(one.text))]
        return io.NodeOutput(prompts, report, ui={"text": [report]})


def _each(text: str) -> list[str]:
    """The prompts of one answer, without their numbers; all of it where nothing is numbered."""
    found = [" ".join(part.split()) for part in _NUMBERED.split(text)]
    return [part for part in found if part] or [text]
