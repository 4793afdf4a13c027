"""GPT Image: pictures from words, and pictures changed by words."""

from __future__ import annotations

from typing import Any

from comfy_api.latest import io

from ...schema import (
    DEFAULT,
    HostedNode,
    advanced,
    choice_inputs,
    choices_of,
    given,
    hidden,
    picture_outputs,
    take_input,
)
from ...sockets import all_pictures, one_mask, one_picture
from .shared import CATEGORY, gpt_models, prompt_input

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
_REFERENCES = 5


def _gpt_inputs() -> list[io.Input]:
    return [
        io.Combo.Input(
            "model",
            options=gpt_models(),
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
            io.Int.Input("custom_width", default=1024, min=16, max=3840, step=16, tooltip='Used when size is "custom".')
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
        *choice_inputs(gpt_models()),
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
            category=CATEGORY,
            description="Makes pictures from words with OpenAI's GPT Image models, paid with your own key.",
            inputs=[
                prompt_input("What the picture should show. Up to 32 000 characters."),
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
        from ..requests import GptImageGenerate

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
            category=CATEGORY,
            description="Changes a picture by words, inside a mask if you give one, with up to 16 pictures as references.",
            inputs=[
                io.Image.Input(
                    "image", tooltip="The picture to change. A batch is sent whole: the first is the one edited."
                ),
                prompt_input("What should be different, or what to make of the pictures."),
                *_gpt_inputs(),
                io.Mask.Input(
                    "mask",
                    optional=True,
                    tooltip="Where to change the first picture (1 = change here); of the same size.",
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
        from ..requests import GptImageEdit

        references = [fields.pop(f"image_{number}", None) for number in range(2, _REFERENCES + 1)]
        request = GptImageEdit.build(
            images=await all_pictures(image, *references),
            mask=None if mask is None else await one_mask("mask", mask),
            markup=None if markup is None else await one_picture("markup", markup, markup_alpha),
            input_fidelity=given(input_fidelity),
            **_gpt_fields(**fields),
        )
        return await cls.pictures_of(request, choices_of(on_refusal, second_model, key_profile=key_profile))
