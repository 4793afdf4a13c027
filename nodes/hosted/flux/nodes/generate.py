"""Pictures from words."""

from __future__ import annotations

from typing import Any

from comfy_api.latest import io

from ...schema import advanced, choices_of, hidden, picture_outputs
from .settings import late_settings, model_settings
from .shared import CATEGORY, FluxNode, model_inputs, prompt_input, size_inputs, sized


class EaselFluxGenerate(FluxNode):
    """A picture from words, by FLUX."""

    operation = "generate"

    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id="EaselFluxGenerate",
            display_name="FLUX Generate",
            category=CATEGORY,
            description="Makes a picture from words with a FLUX model, through BFL, Replicate or fal, paid with your own key.",
            inputs=[
                prompt_input("What the picture should show."),
                *model_inputs("generate"),
                *size_inputs("generate", may_follow=False),
                advanced(
                    io.Boolean.Input(
                        "raw", default=False, tooltip="1.1 pro ultra only: less processed, more like a photograph."
                    )
                ),
                *model_settings("generate"),
                *late_settings("generate", "count"),
            ],
            outputs=picture_outputs(),
            hidden=hidden(),
        )

    @classmethod
    async def execute(
        cls,
        raw: bool = False,
        on_refusal: str = "",
        second_model: str = "",
        key_profile: str = "default",
        **fields: Any,
    ) -> io.NodeOutput:
        choices = choices_of(on_refusal, second_model, key_profile=key_profile)
        return await cls.make(choices, raw=raw or None, **sized(**fields))
