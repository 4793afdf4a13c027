"""More of a finished task: one of its pictures, variations, the same again, from further away, or continued."""

from __future__ import annotations

import asyncio
from typing import Any, get_args

from comfy_api.latest import io

from .... import host, pictures
from ...schema import choices_of, hidden, report_output
from ...sockets import one_mask
from ..parameters import MOST_ZOOM, Direction
from .shared import CATEGORY, MidjourneyNode, grid_outputs, purchase_inputs, task_input, task_output, task_text

_GRID_TASK = "The task of a grid: from Midjourney Imagine, Vary, Reroll, Zoom Out, Pan or Blend."
_PICTURE_TASK = "The task of one picture: from Midjourney Upscale."
_LEAST_ZOOM = 1.05


class EaselMidjourneyUpscale(MidjourneyNode):
    """One picture of a grid, or one made larger."""

    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id="EaselMidjourneyUpscale",
            display_name="Midjourney Upscale",
            category=CATEGORY,
            description="Takes one of the four pictures of a Midjourney grid, or makes that one larger.",
            inputs=[
                task_input(
                    "1 to 4: the task of a grid. The others: the task of one picture, from another Midjourney Upscale."
                ),
                io.Combo.Input(
                    "which",
                    options=["1", "2", "3", "4", "subtle", "creative", "2x", "4x"],
                    tooltip="1 to 4: that picture of the grid, by rows (U1 to U4). subtle and creative double one picture in "
                    "versions 6 to 7; 2x and 4x are version 5's.",
                ),
                *purchase_inputs(),
            ],
            outputs=[
                io.Image.Output("image", display_name="image", tooltip="The picture."),
                task_output(),
                report_output(),
            ],
            hidden=hidden(),
        )

    @classmethod
    async def execute(cls, task: str, which: str, take: int = 0, **choices: str) -> io.NodeOutput:
        from ..requests import Upscale

        request = Upscale.on(task, which=which, take=take)
        (bought,) = await cls.each_bought([request], choices_of(**choices))
        if bought.is_blocked:
            return io.NodeOutput(host.blocker(), host.blocker(), bought.report, ui={"text": [bought.report]})
        batches, _ = await asyncio.to_thread(pictures.to_batches, bought.pictures[:1])
        return io.NodeOutput(batches[0], task_text(bought), bought.report, ui={"text": [bought.report]})


class EaselMidjourneyVary(MidjourneyNode):
    """Four variations of one picture."""

    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id="EaselMidjourneyVary",
            display_name="Midjourney Vary",
            category=CATEGORY,
            description="Makes four variations of one picture of a Midjourney grid, or of one that was upscaled.",
            inputs=[
                task_input(
                    "1 to 4: the task of a grid. subtle and strong: the task of one picture, from Midjourney Upscale."
                ),
                io.Combo.Input(
                    "which",
                    options=["1", "2", "3", "4", "subtle", "strong"],
                    tooltip="1 to 4: vary that picture of the grid, by rows (V1 to V4). subtle and strong: vary the one picture, "
                    "in versions 5.2 and later.",
                ),
                *purchase_inputs(),
            ],
            outputs=[*grid_outputs(), report_output()],
            hidden=hidden(),
        )

    @classmethod
    async def execute(cls, task: str, which: str, take: int = 0, **choices: str) -> io.NodeOutput:
        from ..requests import Vary

        return await cls.grid_of(Vary.on(task, which=which, take=take), choices_of(**choices))


class EaselMidjourneyVaryRegion(MidjourneyNode):
    """Four variations that differ inside a mask."""

    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id="EaselMidjourneyVaryRegion",
            display_name="Midjourney Vary Region",
            category=CATEGORY,
            description="Repaints one part of a picture from Midjourney, in four ways; the rest of it stays.",
            inputs=[
                task_input(_PICTURE_TASK),
                io.Mask.Input(
                    "mask",
                    tooltip="Where to repaint (1 = there), at the size of the picture. Greys count as marked from one half on. "
                    "Midjourney does best with a fifth to a half of the picture.",
                ),
                io.String.Input(
                    "prompt",
                    default="",
                    multiline=True,
                    dynamic_prompts=True,
                    tooltip="What should be there. The parameters of the picture (--ar, --style...) stay, unless you type others "
                    "here. Empty keeps the picture's own words.",
                ),
                *purchase_inputs(),
            ],
            outputs=[*grid_outputs(), report_output()],
            hidden=hidden(),
        )

    @classmethod
    async def execute(cls, task: str, mask: Any, prompt: str = "", take: int = 0, **choices: str) -> io.NodeOutput:
        from ..requests import VaryRegion

        region = await one_mask("mask", mask)
        request, composed = VaryRegion.inside(task, prompt, mask=region, take=take)
        return await cls.grid_of(request, choices_of(**choices), composed.notes if composed else ())


class EaselMidjourneyReroll(MidjourneyNode):
    """The same prompt again."""

    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id="EaselMidjourneyReroll",
            display_name="Midjourney Reroll",
            category=CATEGORY,
            description="Makes four other pictures of the prompt that a Midjourney grid was made of.",
            inputs=[task_input(_GRID_TASK), *purchase_inputs()],
            outputs=[*grid_outputs(), report_output()],
            hidden=hidden(),
        )

    @classmethod
    async def execute(cls, task: str, take: int = 0, **choices: str) -> io.NodeOutput:
        from ..requests import Reroll

        return await cls.grid_of(Reroll.on(task, take=take), choices_of(**choices))


class EaselMidjourneyZoomOut(MidjourneyNode):
    """The picture from further away."""

    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id="EaselMidjourneyZoomOut",
            display_name="Midjourney Zoom Out",
            category=CATEGORY,
            description="Shows one picture from further away: it becomes smaller, and Midjourney paints what is around it.",
            inputs=[
                task_input(_PICTURE_TASK),
                io.Float.Input(
                    "factor",
                    default=MOST_ZOOM,
                    min=_LEAST_ZOOM,
                    max=MOST_ZOOM,
                    step=0.05,
                    tooltip="How far: 2 halves the picture. Versions 5 to 7 have it.",
                ),
                *purchase_inputs(),
            ],
            outputs=[*grid_outputs(), report_output()],
            hidden=hidden(),
        )

    @classmethod
    async def execute(cls, task: str, factor: float, take: int = 0, **choices: str) -> io.NodeOutput:
        from ..requests import ZoomOut

        return await cls.grid_of(ZoomOut.on(task, factor=factor, take=take), choices_of(**choices))


class EaselMidjourneyPan(MidjourneyNode):
    """The picture continued on one side."""

    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id="EaselMidjourneyPan",
            display_name="Midjourney Pan",
            category=CATEGORY,
            description="Continues one picture on one side, as if the camera turned there.",
            inputs=[
                task_input(_PICTURE_TASK),
                io.Combo.Input(
                    "direction", options=list(get_args(Direction)), tooltip="Where to go on. Versions 5 to 7 have it."
                ),
                *purchase_inputs(),
            ],
            outputs=[*grid_outputs(), report_output()],
            hidden=hidden(),
        )

    @classmethod
    async def execute(cls, task: str, direction: str, take: int = 0, **choices: str) -> io.NodeOutput:
        from ..requests import Pan

        return await cls.grid_of(Pan.on(task, direction=direction, take=take), choices_of(**choices))
