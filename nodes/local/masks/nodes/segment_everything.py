"""The node that finds everything in a picture."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import TYPE_CHECKING

from comfy_api.latest import io

from .... import host, pictures
from ....hosted.engine.errors import InputRefused
from ....hosted.sockets import all_pictures
from ....widgets import advanced
from ..sam.choices import LARGEST_FIRST, ORDERS
from .load_sam import CATEGORY, Sam

if TYPE_CHECKING:
    from torch import Tensor

    from ..sam.everything import Search, Thing
    from ..sam.model import SegmentAnything

_SHARE_OF_MEMORY = 0.5


class EaselSegmentEverything(io.ComfyNode):
    """A mask for each thing in a picture."""

    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id="EaselSegmentEverything",
            display_name="Segment Everything",
            category=CATEGORY,
            description="Finds everything in a picture: a mask for each thing, and a coloured overview.",
            inputs=[
                Sam.Input("sam", tooltip="From Load Segment Anything."),
                io.Image.Input("image", tooltip="The picture, or a batch of them."),
                io.Int.Input(
                    "points_per_side",
                    default=32,
                    min=1,
                    max=128,
                    tooltip="How many places across and down are looked at. More find smaller things, and take longer.",
                ),
                io.Float.Input(
                    "pred_iou_thresh",
                    default=0.88,
                    min=0.0,
                    max=1.0,
                    step=0.01,
                    tooltip="How sure the model has to be of a mask. Lower finds more.",
                ),
                io.Float.Input(
                    "stability_score_thresh",
                    default=0.95,
                    min=0.0,
                    max=1.0,
                    step=0.01,
                    tooltip="How clear a mask's edge has to be. Lower finds more.",
                ),
                io.Float.Input(
                    "min_area",
                    default=0.1,
                    min=0.0,
                    max=100.0,
                    step=0.1,
                    tooltip="Masks that cover less than this percentage of the picture are left out.",
                ),
                io.Int.Input(
                    "max_masks", default=32, min=1, max=1024, tooltip="At most so many masks, the first in the order."
                ),
                io.Combo.Input(
                    "order", options=ORDERS, default=LARGEST_FIRST, tooltip="In which order the masks come."
                ),
                advanced(
                    io.Float.Input(
                        "box_nms_thresh",
                        default=0.7,
                        min=0.0,
                        max=1.0,
                        step=0.01,
                        tooltip="How much the boxes of two masks may overlap before the weaker is dropped. Lower drops more.",
                    )
                ),
                advanced(
                    io.Int.Input(
                        "crop_n_layers",
                        default=0,
                        min=0,
                        max=3,
                        tooltip="Looks again at 4, 16, 64 smaller pieces of the picture: for many small things; far slower.",
                    )
                ),
            ],
            outputs=[
                io.Mask.Output(
                    "masks",
                    display_name="masks",
                    is_output_list=True,
                    tooltip="A batch of masks for each picture, in the order asked for.",
                ),
                io.Image.Output(
                    "overview", display_name="overview", tooltip="The picture with each mask in a colour of its own."
                ),
                io.Int.Output(
                    "count", display_name="count", is_output_list=True, tooltip="How many masks each picture has."
                ),
            ],
        )

    @classmethod
    async def execute(
        cls,
        sam: SegmentAnything,
        image: Tensor,
        points_per_side: int,
        pred_iou_thresh: float,
        stability_score_thresh: float,
        min_area: float,
        max_masks: int,
        order: str,
        box_nms_thresh: float,
        crop_n_layers: int,
    ) -> io.NodeOutput:
        from ..sam.everything import Search
        from ..tensors import one_of

        one_of("order", order, ORDERS)
        search = Search(
            points_per_side,
            pred_iou_thresh,
            stability_score_thresh,
            box_nms_thresh,
            crop_n_layers,
            min_area / 100,
            max_masks,
            order,
        )
        shots = await all_pictures(image)
        found = _found(sam, shots, search)
        for number, things in enumerate(found, 1):
            if not things:
                raise InputRefused(
                    f"Nothing was found in picture {number} of {len(found)}: lower pred_iou_thresh, stability_score_thresh or "
                    "min_area, or raise points_per_side."
                )
        masks = await asyncio.to_thread(_masks, found, shots)
        overview = await asyncio.to_thread(_overview, shots, masks)
        counts = [len(each) for each in masks]
        text = ", ".join(f"{count} masks" for count in counts)
        return io.NodeOutput(masks, overview, counts, ui={"text": [text]})


def _found(sam: SegmentAnything, shots: Sequence[pictures.Pixels], search: Search) -> list[list[Thing]]:
    from ..sam.everything import find

    # On the executor's own thread, as every local model: the host's memory management is not made for two at a time.
    place = host.place()
    found = []
    with sam.on_device():
        for number, shot in enumerate(shots):

            def on_batch(done: float, number: int = number) -> None:
                host.throw_if_interrupted(place.run)
                host.show_progress(place.node, (number + done) / len(shots))

            found.append(find(sam, shot, search, on_batch))
    return found


def _masks(found: Sequence[Sequence[Thing]], shots: Sequence[pictures.Pixels]) -> list[Tensor]:
    """Every mask at full size. Raises ``InputRefused`` where they would fill the machine's memory."""
    import psutil
    import torch

    from ..sam.everything import full_size

    count = sum(len(things) for things in found)
    needed = count * shots[0].width * shots[0].height * 4
    free = psutil.virtual_memory().available * _SHARE_OF_MEMORY
    if needed > free:
        raise InputRefused(
            f"{count} masks of {shots[0].width}x{shots[0].height} pixels take {needed / 2**30:.0f} GB of memory, more than half "
            f"of what is free: set max_masks to {max(1, int(count * free / needed / len(shots)))} or less.",
            input_name="max_masks",
        )
    return [
        torch.stack([full_size(thing, shot) for thing in things]) for things, shot in zip(found, shots, strict=True)
    ]


def _overview(shots: Sequence[pictures.Pixels], masks: Sequence[Tensor]) -> Tensor:
    import torch

    from ..sam import colours

    shown = torch.empty((len(shots), shots[0].height, shots[0].width, 3))
    for place, (shot, each) in enumerate(zip(shots, masks, strict=True)):
        colours.overview(shot, list(each), shown[place].numpy())
    return shown
