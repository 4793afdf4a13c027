"""Pictures drawn from a picture: another like it, one mixed with words, one that keeps its outlines or depth."""

from __future__ import annotations

from typing import Any

from comfy_api.latest import io

from ...schema import advanced, choices_of, hidden, picture_outputs
from ...sockets import one_picture
from .settings import late_settings, model_settings
from .shared import (
    CATEGORY,
    FluxNode,
    model_inputs,
    prompt_input,
    ratio_input,
    side_inputs,
    sized,
)


class _DrawingNode(FluxNode):
    """What takes one picture, and has a choice of models."""

    @classmethod
    async def execute(
        cls,
        image: Any,
        on_refusal: str = "",
        second_model: str = "",
        key_profile: str = "default",
        **fields: Any,
    ) -> io.NodeOutput:
        picture = await one_picture("image", image)
        choices = choices_of(on_refusal, second_model, key_profile=key_profile)
        return await cls.make(choices, image=picture, **cls.fields(**sized(**fields)))

    @classmethod
    def fields(cls, **fields: Any) -> dict[str, Any]:
        """The node's own widgets as fields of the request."""
        return fields


class EaselFluxControl(_DrawingNode):
    """A picture from words that keeps the outlines or the depth of another, by FLUX."""

    operation = "control"

    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id="EaselFluxControl",
            display_name="FLUX Canny / Depth",
            category=CATEGORY,
            description="Makes a picture from words that keeps the outlines (canny) or the distances (depth) of another.",
            inputs=[
                io.Image.Input(
                    "image",
                    tooltip="Whose outlines or depth are kept: an ordinary picture. Only flux-canny-dev-lora wants its "
                    "outlines drawn already, as the Canny node makes them.",
                ),
                prompt_input("What the picture should show."),
                *model_inputs("control"),
                ratio_input("control", may_follow=True),
                *side_inputs(),
                io.Float.Input(
                    "control_strength",
                    default=1.0,
                    min=0.0,
                    max=2.0,
                    step=0.05,
                    tooltip="How closely the picture is followed. Only the two lora models have it; 1 is usual.",
                ),
                advanced(
                    io.Boolean.Input(
                        "prepared",
                        default=False,
                        tooltip="The picture is a depth map already. Only flux-depth-dev-lora has this switch.",
                    )
                ),
                *model_settings("control"),
                *late_settings("control", "count"),
            ],
            outputs=picture_outputs(),
            hidden=hidden(),
        )

    @classmethod
    def fields(cls, control_strength: float = 1.0, prepared: bool = False, **others: Any) -> dict[str, Any]:
        return {
            "control_strength": None if control_strength == 1 else control_strength,
            "prepared": prepared or None,
            **others,
        }


class EaselFluxRedux(_DrawingNode):
    """Another picture like this one, by FLUX."""

    operation = "redux"

    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id="EaselFluxRedux",
            display_name="FLUX Redux",
            category=CATEGORY,
            description="Makes variations of a picture with FLUX.1, with or without words.",
            inputs=[
                io.Image.Input("image", tooltip="The picture to vary; one, not a batch."),
                prompt_input(
                    "What should be different. The two redux models draw from the picture alone: empty for them."
                ),
                *model_inputs("redux"),
                ratio_input("redux", may_follow=True),
                *side_inputs(),
                *model_settings("redux"),
                *late_settings("redux", "count"),
            ],
            outputs=picture_outputs(),
            hidden=hidden(),
        )


class EaselFluxReimagine(_DrawingNode):
    """A picture from words and a picture, mixed, by FLUX."""

    operation = "reimagine"

    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id="EaselFluxReimagine",
            display_name="FLUX Reimagine",
            category=CATEGORY,
            description="Mixes a picture and words into a new picture, with FLUX 1.1 pro ultra or FLUX.1 dev (image to image).",
            inputs=[
                io.Image.Input("image", tooltip="The picture to start from; one, not a batch."),
                prompt_input("What to make of it. Empty leaves it to the picture."),
                *model_inputs("reimagine"),
                ratio_input("reimagine", may_follow=True, may_be_custom=False),
                io.Float.Input(
                    "strength",
                    default=0.1,
                    min=0.0,
                    max=1.0,
                    step=0.05,
                    tooltip="How much of the picture is in the result: 0 is the words alone, 1 the picture alone. With dev, 0.2 "
                    "is a good beginning.",
                ),
                io.Boolean.Input(
                    "raw", default=False, tooltip="1.1 pro ultra only: less processed, more like a photograph."
                ),
                # When they came there was one model, which has no steps.
                *model_settings("reimagine", without=["steps", "guidance", "second_model"]),
                *late_settings("reimagine", "count", "steps", "guidance", "second_model"),
            ],
            outputs=picture_outputs(),
            hidden=hidden(),
        )

    @classmethod
    def fields(cls, raw: bool = False, **others: Any) -> dict[str, Any]:
        return {"raw": raw or None, **others}
