"""The DALL·E models, which OpenAI has retired and compatible servers keep."""

from __future__ import annotations

from typing import Any

from comfy_api.latest import io

from ...schema import HostedNode, choice_inputs, choices_of, hidden, picture_outputs, take_input
from ...sockets import one_mask, one_picture
from .shared import CATEGORY, gpt_models, prompt_input


class EaselDallE3(HostedNode):
    """A picture from words, by DALL·E 3 or what replaces it."""

    provider = "openai"

    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id="EaselDallE3",
            display_name="DALL·E 3",
            category=CATEGORY,
            description="DALL·E 3 as you know it. OpenAI retired it in May 2026: unless you use a compatible server, the "
            "GPT Image model that replaces it is used, and the report says so.",
            inputs=[
                prompt_input("What the picture should show. Up to 4 000 characters."),
                io.Combo.Input("size", options=["1024x1024", "1792x1024", "1024x1792"], tooltip="Width x height."),
                io.Combo.Input("quality", options=["standard", "hd"], tooltip="hd has finer detail and costs more."),
                io.Combo.Input(
                    "style",
                    options=["vivid", "natural"],
                    tooltip="vivid is dramatic, natural is closer to a photograph.",
                ),
                take_input(),
                *choice_inputs(gpt_models(), may_retire=True),
            ],
            outputs=picture_outputs(),
            hidden=hidden(),
        )

    @classmethod
    async def execute(
        cls, prompt: str, size: str, quality: str, style: str, take: int = 0, **choices: str
    ) -> io.NodeOutput:
        from ..requests import DallE3

        request = DallE3.build(prompt=prompt, size=size, quality=quality, style=style, take=take)
        return await cls.pictures_of(request, choices_of(**choices))


def _dalle2_inputs() -> list[io.Input]:
    return [
        io.Combo.Input(
            "size", options=["1024x1024", "512x512", "256x256"], tooltip="Width x height of the square picture."
        ),
        io.Int.Input("n", default=1, min=1, max=10, tooltip="How many pictures; each is paid for."),
        take_input(),
        *choice_inputs(gpt_models(), may_retire=True),
    ]


class EaselDallE2Generate(HostedNode):
    """Pictures from words, by DALL·E 2 or what replaces it."""

    provider = "openai"

    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id="EaselDallE2Generate",
            display_name="DALL·E 2 Generate",
            category=CATEGORY,
            description="DALL·E 2 as you know it, for compatible servers; OpenAI itself has replaced it by GPT Image.",
            inputs=[prompt_input("What the picture should show. Up to 1 000 characters."), *_dalle2_inputs()],
            outputs=picture_outputs(),
            hidden=hidden(),
        )

    @classmethod
    async def execute(cls, prompt: str, size: str, n: int = 1, take: int = 0, **choices: str) -> io.NodeOutput:
        from ..requests import DallE2Generate

        request = DallE2Generate.build(prompt=prompt, size=size, n=n, take=take)
        return await cls.pictures_of(request, choices_of(**choices))


class EaselDallE2Edit(HostedNode):
    """A square picture changed inside a mask, by DALL·E 2 or what replaces it."""

    provider = "openai"

    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id="EaselDallE2Edit",
            display_name="DALL·E 2 Edit",
            category=CATEGORY,
            description="Paints inside a mask with DALL·E 2 on compatible servers, or with the GPT Image model that replaces it.",
            inputs=[
                io.Image.Input("image", tooltip="One square picture."),
                io.Mask.Input("mask", tooltip="Where to change it (1 = change here); of the same size."),
                prompt_input("What the whole picture should show. Up to 1 000 characters."),
                *_dalle2_inputs(),
            ],
            outputs=picture_outputs(),
            hidden=hidden(),
        )

    @classmethod
    async def execute(
        cls, image: Any, mask: Any, prompt: str, size: str, n: int = 1, take: int = 0, **choices: str
    ) -> io.NodeOutput:
        from ..requests import DallE2Edit

        request = DallE2Edit.build(
            image=await one_picture("image", image),
            mask=await one_mask("mask", mask),
            prompt=prompt,
            size=size,
            n=n,
            take=take,
        )
        return await cls.pictures_of(request, choices_of(**choices))


class EaselDallE2Variations(HostedNode):
    """Variations of a square picture, by DALL·E 2 or what replaces it."""

    provider = "openai"

    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id="EaselDallE2Variations",
            display_name="DALL·E 2 Variations",
            category=CATEGORY,
            description="Variations of a picture with DALL·E 2 on compatible servers; elsewhere GPT Image edits it instead.",
            inputs=[io.Image.Input("image", tooltip="One square picture."), *_dalle2_inputs()],
            outputs=picture_outputs(),
            hidden=hidden(),
        )

    @classmethod
    async def execute(cls, image: Any, size: str, n: int = 1, take: int = 0, **choices: str) -> io.NodeOutput:
        from ..requests import DallE2Variations

        request = DallE2Variations.build(image=await one_picture("image", image), size=size, n=n, take=take)
        return await cls.pictures_of(request, choices_of(**choices))
