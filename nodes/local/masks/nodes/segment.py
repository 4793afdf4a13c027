"""The node to click on: the mask of what was clicked, framed, or marked before."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
from comfy_api.latest import io

from .... import host, pictures
from ....hosted.engine.errors import InputRefused
from ....hosted.sockets import all_pictures
from ..sam.choices import BEST, KEEP
from .load_sam import CATEGORY, Sam

if TYPE_CHECKING:
    from torch import Tensor

    from ..sam.family import Array, Asked
    from ..sam.model import SegmentAnything
    from ..sam.points import Clicks
    from ..sam.segmenting import Found

_CLICK = "Click on what you want in the picture, then press Segment."


class EaselSegment(io.ComfyNode):
    """The mask of what is clicked on."""

    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id="EaselSegment",
            display_name="Segment",
            category=CATEGORY,
            description="Makes the mask of what you click on. Left click: this belongs to it. Right click: this does not. Drag: "
            "a box around it. Click on a point to remove it.",
            inputs=[
                Sam.Input("sam", tooltip="From Load Segment Anything."),
                io.Image.Input("image", tooltip="The picture, or a batch: the points then go for every picture."),
                io.String.Input(
                    "points",
                    default="",
                    tooltip="What you clicked, as plain text (JSON, in pixels). The picture below writes it; a script can too.",
                ),
                io.Combo.Input(
                    "keep",
                    options=KEEP,
                    default=BEST,
                    tooltip="The model gives three answers to a click, such as the button, the shirt and the person. Best is the "
                    "one that it trusts most.",
                ),
                io.MultiType.Input(
                    "box",
                    types=[io.Mask, io.BBOX, io.Custom("BOUNDING_BOX")],
                    optional=True,
                    tooltip="A box around what you want, in place of a drawn one: a mask (its outer box counts), a BOUNDING_BOX, "
                    "or a BBOX of corners. One for all pictures or one for each.",
                ),
                io.Mask.Input(
                    "mask",
                    optional=True,
                    tooltip="An earlier or rough mask to start from; one for all pictures or one for each. Alone, it is refined.",
                ),
            ],
            outputs=[
                io.Mask.Output(
                    "masks",
                    display_name="masks",
                    tooltip="One mask for each picture, or three: 1 is what you clicked on.",
                ),
                io.Float.Output(
                    "scores",
                    display_name="scores",
                    is_output_list=True,
                    tooltip="How sure the model is of each mask; 1 is certain.",
                ),
                io.String.Output("report", display_name="report", tooltip="Score and size of each mask, in words."),
            ],
            hidden=[io.Hidden.extra_pnginfo],
            # So that it runs, and shows its picture, with nothing connected behind it.
            is_output_node=True,
        )

    @classmethod
    async def execute(
        cls,
        sam: SegmentAnything,
        image: Tensor,
        points: str,
        keep: str,
        box: Any = None,
        mask: Tensor | None = None,
    ) -> io.NodeOutput:
        from ..sam.points import read
        from ..tensors import one_of

        one_of("keep", keep, KEEP)
        clicks = read(points)
        shots = await all_pictures(image)
        asked = await asyncio.to_thread(_questions, clicks, shots, box, mask)
        if not asked:
            if not cls.hidden.extra_pnginfo:
                raise InputRefused(
                    "There is nothing to go by: give points, a box or a mask that say what to segment.",
                    input_name="points",
                )
            # In the editor this is how it starts: the picture has to be there before it can be clicked on.
            shown = await asyncio.to_thread(_shown, shots, None, points, _CLICK)
            return io.NodeOutput(*(host.blocker() for _ in range(3)), ui={"easel_segment": [shown]})
        found = _segmented(sam, shots, asked, keep)
        masks = [one for each in found for one in each]
        report = _report(found)
        shown = await asyncio.to_thread(_shown, shots, found[0][0], points, report)
        return io.NodeOutput(
            await asyncio.to_thread(_stacked, masks),
            [one.score for one in masks],
            report,
            ui={"easel_segment": [shown]},
        )


def _segmented(
    sam: SegmentAnything, shots: Sequence[pictures.Pixels], asked: Sequence[Asked], keep: str
) -> list[list[Found]]:
    from ..sam.segmenting import segment

    # On the executor's own thread, as every local model: the host's memory management is not made for two at a time.
    place = host.place()
    found = []
    with sam.on_device():
        for number, (shot, question) in enumerate(zip(shots, asked, strict=True)):
            host.throw_if_interrupted(place.run)
            found.append(segment(sam, shot, question, keep))
            host.show_progress(place.node, (number + 1) / len(shots))
    return found


def _questions(
    clicks: Sequence[Clicks], shots: Sequence[pictures.Pixels], box: Any, mask: Tensor | None
) -> list[Asked]:
    """What is asked about each picture; nothing at all where nobody has clicked and nothing is connected."""
    from ..sam import boxes
    from ..sam.family import Asked

    for_each = _one_each("points", clicks, len(shots))
    earlier = _masks("mask", mask, shots)
    frames = _boxes(box, shots)
    asked = []
    for shot, clicked, start, frame in zip(shots, for_each, earlier, frames, strict=True):
        question = clicked.asked(shot.width, shot.height)
        corners = question.boxes if frame is None else frame
        rough = None if start is None else _values(start)
        if rough is not None and question.points is None and corners is None:
            # The model was never taught to go by a mask alone.
            corners = boxes.around(rough)
        asked.append(Asked(question.points, question.labels, corners, rough))
    given = [one.points is not None or one.boxes is not None for one in asked]
    if any(given) and not all(given):
        raise InputRefused(
            f"Picture {given.index(False) + 1} of {len(given)} has no point, no box and no mask: give it one, or give one for "
            "all.",
            input_name="points",
        )
    return asked if all(given) else []


def _boxes(box: Any, shots: Sequence[pictures.Pixels]) -> Sequence[Array | None]:
    from ..sam import boxes

    if box is None:
        return [None] * len(shots)
    if hasattr(box, "ndim"):
        found = [None if one is None else boxes.around(_values(one)) for one in _masks("box", box, shots)]
        if any(one is None for one in found):
            raise InputRefused("The mask at the input box is empty: there is no box around nothing.", input_name="box")
        return found
    return _one_each("box", boxes.corners(box, shots[0].width, shots[0].height), len(shots))


def _masks(name: str, mask: Tensor | None, shots: Sequence[pictures.Pixels]) -> Sequence[pictures.Mask | None]:
    if mask is None:
        return [None] * len(shots)
    try:
        found = pictures.masks_from_tensor(mask)
        if all(one.is_placeholder for one in found):
            return [None] * len(shots)
        for one in found:
            pictures.fits(one, shots[0])
    except ValueError as error:
        raise InputRefused(f"The input {name}: {error}", input_name=name) from error
    return _one_each(name, found, len(shots))


def _values(mask: pictures.Mask) -> npt.NDArray[np.float32]:
    values: npt.NDArray[np.float32] = mask.array / np.float32(255)
    return values


def _one_each(name: str, given: Sequence[Any], count: int) -> Sequence[Any]:
    if len(given) not in (1, count):
        raise InputRefused(
            f"The input {name} is given {len(given)} times for {count} pictures: give one for all, or one for each.",
            input_name=name,
        )
    return given if len(given) == count else list(given) * count


def _stacked(found: Sequence[Found]) -> Tensor:
    import torch

    masks = torch.empty((len(found), *found[0].mask.shape))
    for place, one in enumerate(found):
        masks[place] = one.mask
    return masks


def _report(found: Sequence[Sequence[Found]]) -> str:
    lines = []
    for number, each in enumerate(found, 1):
        told = ", ".join(f"score {one.score:.2f}, {one.share:.1%} of the picture" for one in each)
        lines.append(told if len(found) == 1 else f"picture {number}: {told}")
    return "\n".join(lines)


def _shown(shots: Sequence[pictures.Pixels], found: Found | None, points: str, report: str) -> dict[str, Any]:
    """What the click widget needs: the first picture and its mask as files, the picture's real size, and what was clicked."""
    from ..sam import colours

    first = shots[0]
    shown = {
        "size": [first.width, first.height],
        "pictures": len(shots),
        "picture": _file(colours.small(first), pictures.JPEG, "jpg"),
        "points": points,
        "report": report,
    }
    return shown | ({} if found is None else {"mask": _file(colours.veil(found.mask), pictures.PNG, "png")})


def _file(picture: pictures.Pixels, kind: str, ending: str) -> dict[str, str]:
    # Named by what it shows, so that the same one is written once.
    path, address = host.temporary_file(f"easel_segment_{picture.digest[:16]}.{ending}")
    if not path.exists():
        path.write_bytes(picture.encoded(kind, quality=90))
    return address
