"""What Midjourney's nodes share."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Sequence
from typing import Any

from comfy_api.latest import io

from .... import host, pictures
from ...buying import Bought, Choices, engine
from ...engine.request import Request
from ...schema import HostedNode, choice_inputs, take_input
from .. import grids
from ..gateways.choice import ACCOUNT, gateway_at
from ..requests import MidjourneyRequest

CATEGORY = "Easel/Midjourney"


class MidjourneyNode(HostedNode):
    """Base of the family's nodes: without a gateway it says what to set before anything else."""

    provider = ACCOUNT.name

    @classmethod
    async def each_bought(cls, requests: Sequence[Request], choices: Choices, what: str = "Picture") -> list[Bought]:
        """As every hosted node's. Raises NoGateway where there is nobody to ask."""
        destination = engine().destination(ACCOUNT)
        gateway_at(destination.address, destination.options)
        return await super().each_bought(requests, choices, what)

    @classmethod
    async def grid_of(cls, request: MidjourneyRequest, choices: Choices, notes: Sequence[str] = ()) -> io.NodeOutput:
        """The outputs of :func:`grid_outputs`, and the report with ``notes`` below."""
        (bought,) = await cls.each_bought([request], choices)
        grid, four, task = await outputs_of(bought)
        report = "\n".join([bought.report, *notes])
        return io.NodeOutput(grid, four, task, report, ui={"text": [report]})


async def outputs_of(bought: Bought) -> tuple[Any, Any, Any]:
    """Grid, pictures and task of a purchase; blockers where it was refused and its branch is to rest."""
    if bought.is_blocked:
        return host.blocker(), host.blocker(), host.blocker()
    grid, four = await asyncio.to_thread(_tensors, bought.pictures)
    return grid, four, task_text(bought)


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


def purchase_inputs() -> list[io.Input]:
    """What is decided about the purchase beside the request."""
    return [take_input(), *choice_inputs(())]


def _tensors(delivered: list[pictures.Pixels]) -> tuple[Any, Any]:
    whole, four = grids.both([picture.flattened().array for picture in delivered])
    (grid,), _ = pictures.to_batches([pictures.Pixels(whole)])
    batches, _ = pictures.to_batches([pictures.Pixels(one) for one in four])
    return grid, batches[0]
