"""Good pictures go on, the others are told apart."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from comfy_api.latest import io

from ... import host
from ...hosted.engine.errors import InputRefused

if TYPE_CHECKING:
    from torch import Tensor

    from ..quality import Verdict

_ROUTE, _BLOCK, _STOP = "let only the good ones on", "block all if one fails", "stop with an error"
_SHOWN = 8


class EaselQualityCheck(io.ComfyNode):
    """Tells good pictures from too small, misshapen, blank, blurred and repeated ones."""

    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id="EaselQualityCheck",
            display_name="Quality Check",
            category="Easel/Assets",
            description="Looks at pictures before anything else is spent on them: size, shape, blank, blurred, looking alike. "
            "Good ones go on, the others leave at the second output. Runs on this machine; costs nothing.",
            is_input_list=True,
            inputs=[
                io.Image.Input("images", tooltip="The pictures to check: one, a batch, or a whole list."),
                io.Int.Input(
                    "smallest_side",
                    default=512,
                    min=0,
                    max=16384,
                    tooltip="Pixels that the shorter side should have. 0 takes any size.",
                ),
                io.String.Input(
                    "aspect",
                    default="",
                    tooltip="The wanted shape as width:height, such as 16:9. Empty takes any shape.",
                ),
                io.Float.Input(
                    "aspect_tolerance",
                    default=2.0,
                    min=0.0,
                    max=100.0,
                    step=0.5,
                    tooltip="By how many percent the shape may be off.",
                ),
                io.Float.Input(
                    "contrast",
                    default=2.0,
                    min=0.0,
                    max=127.0,
                    step=0.5,
                    tooltip="Pictures with less contrast than this count as blank. 0 does not look. The measures name that of "
                    "each.",
                ),
                io.Float.Input(
                    "sharpness",
                    default=5.0,
                    min=0.0,
                    max=10000.0,
                    step=1.0,
                    tooltip="Pictures less sharp than this count as blurred. 0 does not look. Photographs have 50 and more, soft "
                    "backgrounds and flat drawings far less.",
                ),
                io.Int.Input(
                    "likeness",
                    default=4,
                    min=-1,
                    max=32,
                    tooltip="How different two pictures may be (of 64) and still count as the same one; the first of them passes. "
                    "0: only the very same. -1 does not look.",
                ),
                io.Combo.Input(
                    "on_failure",
                    options=[_ROUTE, _BLOCK, _STOP],
                    default=_ROUTE,
                    tooltip="Let only the good pictures on; let none on where one fails; or stop with an error that says what is "
                    "wrong.",
                ),
                io.Mask.Input(
                    "alpha",
                    optional=True,
                    tooltip="The transparency of the pictures, to go on with them: one mask a picture.",
                ),
            ],
            outputs=[
                io.Image.Output(
                    "passed", display_name="passed", is_output_list=True, tooltip="The good pictures, unchanged."
                ),
                io.Mask.Output(
                    "passed_alpha",
                    display_name="passed alpha",
                    is_output_list=True,
                    tooltip="The transparency of the good pictures: 1 is transparent.",
                ),
                io.Image.Output("failed", display_name="failed", is_output_list=True, tooltip="The others, unchanged."),
                io.String.Output("report", display_name="report", tooltip="What is wrong with which picture."),
                io.String.Output(
                    "measures",
                    display_name="measures",
                    tooltip="All that was measured, one JSON object a picture and line.",
                ),
            ],
            is_output_node=True,
        )

    @classmethod
    async def execute(
        cls,
        images: list[Tensor],
        smallest_side: list[int],
        aspect: list[str],
        aspect_tolerance: list[float],
        contrast: list[float],
        sharpness: list[float],
        likeness: list[int],
        on_failure: list[str],
        alpha: list[Tensor] | None = None,
    ) -> io.NodeOutput:
        from ..quality import Limits, judge

        limits = Limits(smallest_side[0], aspect[0], aspect_tolerance[0], contrast[0], sharpness[0], likeness[0])
        singles = [one[None] for batch in images for one in batch]
        masks = _masks(singles, alpha)
        verdicts = await asyncio.to_thread(judge, singles, limits)
        report = _report(verdicts)
        if on_failure[0] == _STOP and not all(verdict.passed for verdict in verdicts):
            raise InputRefused(report, input_name="images")
        failed = [image for image, verdict in zip(singles, verdicts, strict=True) if not verdict.passed]
        good = [place for place, verdict in enumerate(verdicts) if verdict.passed]
        if failed and on_failure[0] == _BLOCK:
            good = []
        measures = "\n".join(json.dumps(verdict.as_json()) for verdict in verdicts)
        return io.NodeOutput(
            _or_nothing([singles[place] for place in good]),
            _or_nothing([masks[place] for place in good]),
            _or_nothing(failed),
            report,
            measures,
            ui={"text": [report]},
        )


def _masks(singles: Sequence[Tensor], alpha: list[Tensor] | None) -> list[Tensor]:
    """A MASK (1, H, W) for each picture; opaque where none is given."""
    import torch

    if alpha is None:
        return [torch.zeros(image.shape[:3]) for image in singles]
    masks = [one[None] for batch in alpha for one in batch]
    if len(masks) != len(singles):
        raise InputRefused(
            f"alpha holds {len(masks)} masks for {len(singles)} pictures: connect the alpha that came with them.",
            input_name="alpha",
        )
    return masks


def _or_nothing(pictures: list[Tensor]) -> list[Any]:
    """The list; where it is empty, what lets everything behind it rest."""
    return list(pictures) or [host.blocker()]


def _report(verdicts: Sequence[Verdict]) -> str:
    passed = sum(verdict.passed for verdict in verdicts)
    lines = [f"{passed} of {len(verdicts)} passed"]
    wrong = [(number, verdict) for number, verdict in enumerate(verdicts, 1) if not verdict.passed]
    lines += [f"Picture {number}: {' '.join(verdict.faults)}" for number, verdict in wrong[:_SHOWN]]
    if len(wrong) > _SHOWN:
        lines.append(f"and {len(wrong) - _SHOWN} more")
    return "\n".join(lines)
