"""A mask put right before something is painted in it."""

from __future__ import annotations

import asyncio
from functools import partial
from typing import Any

from comfy_api.latest import io

from .... import host
from ....widgets import advanced
from ..choices import FEATHER_SIDES, HOLES, PIECES

_FARTHEST = 512
_LARGEST_AREA = 2**27


class EaselRefineMask(io.ComfyNode):
    """A mask grown, shrunk, softened, and rid of holes and specks."""

    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id="EaselRefineMask",
            display_name="Refine Mask",
            category="Easel/Masks",
            description="Grows, shrinks and feathers masks, fills their holes and drops their specks. What you leave at 0 is not "
            "done. Runs on this machine; costs nothing.",
            inputs=[
                io.Mask.Input("mask", tooltip="The mask to refine (1 = change here); a whole batch if you like."),
                *_cleaning_inputs(),
                *_edge_inputs(),
            ],
            outputs=[
                io.Mask.Output("refined", display_name="mask", tooltip="The refined mask: 1 = change here."),
                io.String.Output(
                    "report", display_name="report", tooltip="How much is marked, and what was filled and dropped."
                ),
            ],
        )

    @classmethod
    async def execute(cls, mask: Any, **wish: Any) -> io.NodeOutput:
        from ..refine import Refining, refine_batch

        check = partial(host.throw_if_interrupted, host.place().run)
        refined, report = await asyncio.to_thread(refine_batch, mask, Refining(**wish), check)
        return io.NodeOutput(refined, report, ui={"text": [report]})


def _cleaning_inputs() -> list[io.Input]:
    return [
        io.Boolean.Input(
            "invert", default=False, tooltip="Turns the mask the other way round, before anything else is done."
        ),
        io.Float.Input(
            "threshold",
            default=0.0,
            min=0.0,
            max=1.0,
            step=0.05,
            tooltip="Makes the mask hard: everything from this value on becomes 1, the rest 0. 0 leaves a soft mask soft.",
        ),
        io.Combo.Input(
            "holes",
            options=HOLES,
            tooltip="Gaps that the mask surrounds. A gap that reaches the picture's border is no hole.",
        ),
        advanced(
            io.Int.Input(
                "hole_area",
                default=400,
                min=0,
                max=_LARGEST_AREA,
                tooltip='How many pixels a hole may have to be filled, when holes is "fill small ones".',
            )
        ),
        io.Combo.Input(
            "pieces",
            options=PIECES,
            tooltip="The separate parts of the mask: keep all, only the largest, or drop the specks.",
        ),
        advanced(
            io.Int.Input(
                "piece_area",
                default=400,
                min=0,
                max=_LARGEST_AREA,
                tooltip='How many pixels a piece needs in order to stay, when pieces is "drop small ones".',
            )
        ),
    ]


def _edge_inputs() -> list[io.Input]:
    return [
        io.Int.Input(
            "grow",
            default=0,
            min=-_FARTHEST,
            max=_FARTHEST,
            tooltip="By how many pixels the mask grows, with round corners; below 0 it shrinks.",
        ),
        io.Int.Input(
            "feather",
            default=0,
            min=0,
            max=_FARTHEST,
            tooltip="Over how many pixels the edge fades. Hosted fill models mostly want it at 0: a hard mask.",
        ),
        io.Combo.Input(
            "feather_side",
            options=FEATHER_SIDES,
            tooltip="Where the edge fades: on both sides of it, only inside the mask, or only outside, so that all of the mask "
            "stays at 1.",
        ),
    ]
