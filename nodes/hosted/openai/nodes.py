"""OpenAI's nodes: what the editor shows, and one call each."""

from __future__ import annotations

import asyncio
import json
from typing import Any

from comfy_api.latest import io

from ... import host
from ..schema import (
    DEFAULT,
    HostedNode,
    advanced,
    blocked,
    choice_inputs,
    choices_of,
    given,
    hidden,
    picture_outputs,
    report_output,
    take_input,
)
from ..sockets import all_pictures, one_mask, one_picture
from .models import IMAGE_MODELS
from .requests import (
    DallE2Edit,
    DallE2Generate,
    DallE2Variations,
    DallE3,
    Describe,
    GptImageEdit,
    GptImageGenerate,
    Moderate,
)

_CATEGORY = "Easel/OpenAI"
_CUSTOM = "custom"
_SIZES = [
    "auto",
    "1024x1024",
    "1536x1024",
    "1024x1536",
    "1920x1088",
    "1088x1920",
    "2560x1440",
    "1440x2560",
    "3840x2160",
    "2160x3840",
    _CUSTOM,
]
_QUALITIES = ["auto", "low", "medium", "high", "xhigh", "max"]
_VISION_MODELS = ["gpt-4o", "gpt-4o-mini", "gpt-4.1-mini", "gpt-5.6-luna", "gpt-5-mini"]
_DESCRIBE = "Describe this picture in detail, as a prompt from which an image model could make it again."
_REFERENCES = 5


def _gpt_models() -> list[str]:
    """The GPT Image models that OpenAI still offers, or offered when this release was made; the default first."""
    names = [name for name, row in IMAGE_MODELS.items() if name.startswith(("gpt-", "chatgpt-")) and name != "gpt-image-1"]
    return sorted(names, key=lambda name: name != "gpt-image-2.5-flare")


def _prompt(tooltip: str) -> io.Input:
    return io.String.Input("prompt", multiline=True, dynamic_prompts=True, tooltip=tooltip)


def _gpt_inputs() -> list[io.Input]:
    return [
        io.Combo.Input(
            "model",
            options=_gpt_models(),
            tooltip="flare is fast, sunburst has the finest detail; the price is the same.",
        ),
        io.Combo.Input(
            "size",
            options=_SIZES,
            default="1024x1024",
            tooltip='Width x height. "custom" takes the two numbers below; "auto" lets the model decide.',
        ),
        io.Combo.Input(
            "quality",
            options=_QUALITIES,
            default="auto",
            tooltip="Higher is finer, slower and dearer. xhigh and max: gpt-image-2.5 and later.",
        ),
        io.Int.Input("n", default=1, min=1, max=10, tooltip="How many pictures; each is paid for."),
        take_input(),
        advanced(
            io.Int.Input(
                "custom_width", default=1024, min=16, max=3840, step=16, tooltip='Used when size is "custom".'
            )
        ),
        advanced(
            io.Int.Input(
                "custom_height", default=1024, min=16, max=3840, step=16, tooltip='Used when size is "custom".'
            )
        ),
        advanced(
            io.Combo.Input(
                "background",
                options=["auto", "opaque", "transparent"],
                default="auto",
                tooltip="A transparent background comes out as the alpha mask; it needs png or webp.",
            )
        ),
        advanced(
            io.Combo.Input(
                "output_format",
                options=["png", "jpeg", "webp"],
                default="png",
                tooltip="How the picture travels. png loses nothing; jpeg and webp arrive sooner.",
            )
        ),
        advanced(
            io.Int.Input(
                "output_compression",
                default=100,
                min=0,
                max=100,
                tooltip="Quality of jpeg and webp in percent; not used for png.",
            )
        ),
        advanced(
            io.Combo.Input(
                "complexity",
                options=[DEFAULT, "low", "medium", "high"],
                default=DEFAULT,
                tooltip="How much the model plans before it draws. gpt-image-2.6 and later.",
            )
        ),
        advanced(
            io.Int.Input(
                "partial_images",
                default=0,
                min=0,
                max=3,
                tooltip="Unfinished pictures to show while the model draws; each may cost a little.",
            )
        ),
        advanced(
            io.String.Input(
                "custom_model",
                default="",
                tooltip="A model name that is not in the list, such as an Azure deployment. Sent as it is, instead of model.",
            )
        ),
        advanced(
            io.String.Input(
                "safety_identifier", default="", tooltip="A hashed name of your end user, if your contract asks for it."
            )
        ),
        *choice_inputs(_gpt_models()),
    ]


def _gpt_fields(
    model: str,
    size: str,
    output_format: str = "png",
    output_compression: int = 100,
    custom_width: int = 1024,
    custom_height: int = 1024,
    complexity: str = DEFAULT,
    partial_images: int = 0,
    custom_model: str = "",
    safety_identifier: str = "",
    **others: Any,
) -> dict[str, Any]:
    """The widgets of :func:`_gpt_inputs` as fields of a request."""
    return {
        "model": custom_model.strip() or model,
        "size": f"{custom_width}x{custom_height}" if size == _CUSTOM else size,
        "output_format": output_format,
        "output_compression": None if output_format == "png" else output_compression,
        "complexity": given(complexity),
        "partial_images": partial_images or None,
        "safety_identifier": safety_identifier.strip() or None,
        **others,
    }


class EaselGptImageGenerate(HostedNode):
    """A picture from words, by GPT Image."""

    provider = "openai"

    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id="EaselGptImageGenerate",
            display_name="GPT Image Generate",
            category=_CATEGORY,
            description="Makes pictures from words with OpenAI's GPT Image models, paid with your own key.",
            inputs=[
                _prompt("What the picture should show. Up to 32 000 characters."),
                *_gpt_inputs(),
                advanced(
                    io.Combo.Input(
                        "moderation",
                        options=["auto", "low"],
                        default="auto",
                        optional=True,
                        tooltip="How strict OpenAI's content filter is.",
                    )
                ),
            ],
            outputs=picture_outputs(),
            hidden=hidden(),
        )

    @classmethod
    async def execute(
        cls,
        on_refusal: str = "",
        second_model: str = "",
        key_profile: str = "default",
        **fields: Any,
    ) -> io.NodeOutput:
        request = GptImageGenerate.build(**_gpt_fields(**fields))
        return await cls.pictures_of(request, choices_of(on_refusal, second_model, key_profile=key_profile))


class EaselGptImageEdit(HostedNode):
    """Pictures changed by words, by GPT Image."""

    provider = "openai"

    @classmethod
    def define_schema(cls) -> io.Schema:
        references: list[io.Input] = [
            io.Image.Input(
                f"image_{number}",
                optional=True,
                tooltip="More pictures to draw from: a product, a face, a style. A batch counts as several.",
            )
            for number in range(2, _REFERENCES + 1)
        ]
        return io.Schema(
            node_id="EaselGptImageEdit",
            display_name="GPT Image Edit",
            category=_CATEGORY,
            description="Changes a picture by words, inside a mask if you give one, with up to 16 pictures as references.",
            inputs=[
                io.Image.Input("image", tooltip="The picture to change. A batch is sent whole: the first is the one edited."),
                _prompt("What should be different, or what to make of the pictures."),
                *_gpt_inputs(),
                io.Mask.Input(
                    "mask", optional=True, tooltip="Where to change the first picture (1 = change here); of the same size."
                ),
                *references,
                io.Image.Input(
                    "markup",
                    optional=True,
                    tooltip="Scribbles and arrows laid over the first picture as guidance; of the same size. Not with a mask.",
                ),
                io.Mask.Input(
                    "markup_alpha", optional=True, tooltip="Where the markup is transparent (1 = transparent)."
                ),
                advanced(
                    io.Combo.Input(
                        "input_fidelity",
                        options=[DEFAULT, "low", "high"],
                        default=DEFAULT,
                        optional=True,
                        tooltip="How closely faces and details are kept. Only gpt-image-1.5 and 1-mini have it.",
                    )
                ),
            ],
            outputs=picture_outputs(),
            hidden=hidden(),
        )

    @classmethod
    async def execute(
        cls,
        image: Any,
        mask: Any = None,
        markup: Any = None,
        markup_alpha: Any = None,
        input_fidelity: str = DEFAULT,
        on_refusal: str = "",
        second_model: str = "",
        key_profile: str = "default",
        **fields: Any,
    ) -> io.NodeOutput:
        references = [fields.pop(f"image_{number}", None) for number in range(2, _REFERENCES + 1)]
        request = GptImageEdit.build(
            images=await all_pictures(image, *references),
            mask=None if mask is None else await one_mask("mask", mask),
            markup=None if markup is None else await one_picture("markup", markup, markup_alpha),
            input_fidelity=given(input_fidelity),
            **_gpt_fields(**fields),
        )
        return await cls.pictures_of(request, choices_of(on_refusal, second_model, key_profile=key_profile))


class EaselDallE3(HostedNode):
    """A picture from words, by DALL·E 3 or what replaces it."""

    provider = "openai"

    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id="EaselDallE3",
            display_name="DALL·E 3",
            category=_CATEGORY,
            description="DALL·E 3 as you know it. OpenAI retired it in May 2026: unless you use a compatible server, the "
            "GPT Image model that replaces it is used, and the report says so.",
            inputs=[
                _prompt("What the picture should show. Up to 4 000 characters."),
                io.Combo.Input("size", options=["1024x1024", "1792x1024", "1024x1792"], tooltip="Width x height."),
                io.Combo.Input("quality", options=["standard", "hd"], tooltip="hd has finer detail and costs more."),
                io.Combo.Input(
                    "style", options=["vivid", "natural"], tooltip="vivid is dramatic, natural is closer to a photograph."
                ),
                take_input(),
                *choice_inputs(_gpt_models(), may_retire=True),
            ],
            outputs=picture_outputs(),
            hidden=hidden(),
        )

    @classmethod
    async def execute(
        cls, prompt: str, size: str, quality: str, style: str, take: int = 0, **choices: str
    ) -> io.NodeOutput:
        request = DallE3.build(prompt=prompt, size=size, quality=quality, style=style, take=take)
        return await cls.pictures_of(request, choices_of(**choices))


def _dalle2_inputs() -> list[io.Input]:
    return [
        io.Combo.Input(
            "size", options=["1024x1024", "512x512", "256x256"], tooltip="Width x height of the square picture."
        ),
        io.Int.Input("n", default=1, min=1, max=10, tooltip="How many pictures; each is paid for."),
        take_input(),
        *choice_inputs(_gpt_models(), may_retire=True),
    ]


class EaselDallE2Generate(HostedNode):
    """Pictures from words, by DALL·E 2 or what replaces it."""

    provider = "openai"

    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id="EaselDallE2Generate",
            display_name="DALL·E 2 Generate",
            category=_CATEGORY,
            description="DALL·E 2 as you know it, for compatible servers; OpenAI itself has replaced it by GPT Image.",
            inputs=[_prompt("What the picture should show. Up to 1 000 characters."), *_dalle2_inputs()],
            outputs=picture_outputs(),
            hidden=hidden(),
        )

    @classmethod
    async def execute(cls, prompt: str, size: str, n: int = 1, take: int = 0, **choices: str) -> io.NodeOutput:
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
            category=_CATEGORY,
            description="Paints inside a mask with DALL·E 2 on compatible servers, or with the GPT Image model that replaces it.",
            inputs=[
                io.Image.Input("image", tooltip="One square picture."),
                io.Mask.Input("mask", tooltip="Where to change it (1 = change here); of the same size."),
                _prompt("What the whole picture should show. Up to 1 000 characters."),
                *_dalle2_inputs(),
            ],
            outputs=picture_outputs(),
            hidden=hidden(),
        )

    @classmethod
    async def execute(
        cls, image: Any, mask: Any, prompt: str, size: str, n: int = 1, take: int = 0, **choices: str
    ) -> io.NodeOutput:
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
            category=_CATEGORY,
            description="Variations of a picture with DALL·E 2 on compatible servers; elsewhere GPT Image edits it instead.",
            inputs=[io.Image.Input("image", tooltip="One square picture."), *_dalle2_inputs()],
            outputs=picture_outputs(),
            hidden=hidden(),
        )

    @classmethod
    async def execute(cls, image: Any, size: str, n: int = 1, take: int = 0, **choices: str) -> io.NodeOutput:
        request = DallE2Variations.build(image=await one_picture("image", image), size=size, n=n, take=take)
        return await cls.pictures_of(request, choices_of(**choices))


class EaselDescribeImage(HostedNode):
    """Words for a picture."""

    provider = "openai"

    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id="EaselDescribeImage",
            display_name="Describe Image",
            category=_CATEGORY,
            description="Puts a picture into words, ready to be used as a prompt. A batch gives a list of descriptions.",
            inputs=[
                io.Image.Input("image", tooltip="The picture, or a batch of them."),
                io.String.Input(
                    "instruction", multiline=True, default=_DESCRIBE, tooltip="What the description is for, and what matters."
                ),
                io.Combo.Input("model", options=_VISION_MODELS, tooltip="The model that looks at the picture."),
                io.Combo.Input(
                    "detail",
                    options=["auto", "low", "high"],
                    tooltip="How closely it looks: low is cheap, high reads small print.",
                ),
                io.Int.Input(
                    "max_tokens", default=500, min=16, max=16384, tooltip="The longest answer, in tokens (about 4 letters each)."
                ),
                take_input(),
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
        asked = {"prompt": instruction, "model": model, "detail": detail, "max_tokens": max_tokens, "take": take}
        each = await all_pictures(image)
        requests = [Describe.build(image=picture, **asked) for picture in each]
        bought = await asyncio.gather(*(cls.bought(request, choices_of(**choices)) for request in requests))
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
            category=_CATEGORY,
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
                io.Image.Output("passed_image", display_name="image", tooltip="The pictures, where they were not blocked."),
                io.Boolean.Output("flagged", display_name="flagged", tooltip="Whether anything was flagged."),
                io.String.Output("scores", display_name="scores", tooltip="The highest score of each category, as JSON."),
            ],
            hidden=hidden(),
        )

    @classmethod
    async def execute(
        cls, text: str, block: bool, threshold: float, image: Any = None, key_profile: str = "default"
    ) -> io.NodeOutput:
        each = (None,) if image is None else await all_pictures(image)
        requests = [Moderate.build(text=text, image=picture) for picture in each]
        verdicts = await asyncio.gather(
            *(cls.bought(request, choices_of(key_profile=key_profile)) for request in requests)
        )
        scores, flagged = Moderate.joined([verdict.data for verdict in verdicts], threshold)
        report = f"flagged: {', '.join(flagged)}" if flagged else "nothing was flagged"
        if flagged and block:
            return blocked(f"Blocked here. {report}", 4)
        return io.NodeOutput(text, image, bool(flagged), json.dumps(scores), ui={"text": [report]})


NODES: list[type[io.ComfyNode]] = [
    EaselGptImageGenerate,
    EaselGptImageEdit,
    EaselDallE3,
    EaselDallE2Generate,
    EaselDallE2Edit,
    EaselDallE2Variations,
    EaselDescribeImage,
    EaselModerate,
]
