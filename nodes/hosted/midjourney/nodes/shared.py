"""What Midjourney's nodes share."""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from comfy_api.latest import io

from .... import host, pictures
from ...choices import Choices
from ...engine.request import Request
from ...schema import HostedNode, choice_inputs, take_input
from ..account import ACCOUNT

if TYPE_CHECKING:
    from ...buying import Bought
    from ..requests import MidjourneyRequest

CATEGORY = "Easel/Midjourney"
_SHOWN_SIDE = 512

log = logging.getLogger("easel")


class MidjourneyNode(HostedNode):
    """Base of the family's nodes: without a gateway it says what to set before anything else."""

    provider = ACCOUNT.name

    @classmethod
    async def each_bought(cls, requests: Sequence[Request], choices: Choices, what: str = "Picture") -> list[Bought]:
        """As every hosted node's. Raises NoGateway where there is nobody to ask."""
        from ...buying import engine
        from ..gateways.choice import gateway_at

        destination = engine().destination(ACCOUNT)
        gateway_at(destination.address, destination.options)
        return await super().each_bought(requests, choices, what)

    @classmethod
    async def grid_of(cls, request: MidjourneyRequest, choices: Choices, notes: Sequence[str] = ()) -> io.NodeOutput:
        """The outputs of :func:`grid_outputs`, and the report with ``notes`` below."""
        (bought,) = await cls.each_bought([request], choices)
        made = await outputs_of(bought)
        report = "\n".join([bought.report, *notes])
        return io.NodeOutput(*made.outputs, report, ui=shown(report, [made]))


class Made(NamedTuple):
    """What a purchase gives: grid, pictures and task; and where the editor finds a small picture of the grid."""

    outputs: tuple[Any, Any, Any]
    grid: dict[str, str] | None


async def outputs_of(bought: Bought) -> Made:
    """What a purchase gives; blockers where it was refused and its branch is to rest."""
    from ... import quoting

    if bought.outcome is None:
        return Made((host.blocker(), host.blocker(), host.blocker()), None)
    # Nobody looks at what is made to learn a price.
    name = bought.outcome.record["purchase"] if quoting.current() is None else None
    grid, four, address = await asyncio.to_thread(_tensors, bought.pictures, name)
    return Made((grid, four, task_text(bought)), address)


def shown(report: str, made: Sequence[Made]) -> dict[str, Any]:
    """What the editor shows of a run: the report, and the grids to pick a picture from."""
    return {"text": [report], "easel_grid": [one.grid for one in made if one.grid]}


def task_text(bought: Bought) -> str:
    """The handle of the task, as plain text that a workflow can pass on."""
    return json.dumps(bought.data["task"])


def grid_outputs(*, several: bool = False) -> list[io.Output]:
    """What a node gives that makes four pictures; ``several`` where it may make several grids."""
    return [
        io.Image.Output(
            "grid", display_name="grid", is_output_list=several, tooltip="The four pictures as Midjourney shows them."
        ),
        io.Image.Output(
            "images",
            display_name="images",
            is_output_list=several,
            tooltip="The four pictures one by one, as a batch: top left, top right, bottom left, bottom right.",
        ),
        task_output(several=several),
    ]


def task_output(*, several: bool = False) -> io.Output:
    return io.String.Output(
        "next_task",
        display_name="task",
        is_output_list=several,
        tooltip="What another Midjourney node needs to go on with this: connect it to its task.",
    )


def task_input(tooltip: str) -> io.Input:
    return io.String.Input("task", force_input=True, tooltip=tooltip)


def purchase_inputs(what: str = "picture") -> list[io.Input]:
    """What is decided about the purchase beside the request."""
    return [take_input(what), *choice_inputs(())]


def _tensors(delivered: list[pictures.Pixels], name: str | None) -> tuple[Any, Any, dict[str, str] | None]:
    from .. import grids

    whole, four = grids.both([picture.flattened().array for picture in delivered])
    (grid,), _ = pictures.to_batches([pictures.Pixels(whole)])
    batches, _ = pictures.to_batches([pictures.Pixels(one) for one in four])
    return grid, batches[0], _shown_as(name, pictures.Pixels(whole)) if name else None


def _shown_as(name: str, grid: pictures.Pixels) -> dict[str, str] | None:
    from ...thumbnails import small

    try:
        path, address = host.temporary_file(f"easel_grid_{name}.webp")
        if not path.exists():
            path.write_bytes(small(grid, _SHOWN_SIDE))
    except OSError as error:
        # What was paid for is at hand: it must not be lost for want of a small picture.
        log.warning("Easel could not show a grid in the editor: %s", error)
        return None
    return address
