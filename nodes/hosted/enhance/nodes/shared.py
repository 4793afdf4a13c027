"""What both nodes share: a batch is bought picture by picture, all at once."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from decimal import Decimal
from typing import Any

from comfy_api.latest import io

from .... import pictures
from ...buying import Bought, Choices, destination_fingerprint
from ...engine.errors import EaselError
from ...engine.money import dollars
from ...schema import HostedNode, report_output
from ..provider import PROVIDERS
from ..requests import EnhanceRequest

CATEGORY = "Easel/Enhance"


class EnhanceNode(HostedNode):
    """Base of the family's nodes: who is paid depends on the model."""

    @classmethod
    def fingerprint_inputs(cls, **_inputs: Any) -> str:
        """The places of all routes: which one it will be is not known while the model comes from another node."""
        return "|".join(destination_fingerprint(provider.account.name) for provider in PROVIDERS)

    @classmethod
    async def each_bought(cls, requests: Sequence[EnhanceRequest], choices: Choices) -> list[Bought]:
        """One purchase for each picture. All are waited for before an error is raised, so that none is lost."""
        done = await asyncio.gather(*(cls.bought(one, choices) for one in requests), return_exceptions=True)
        failed = [(place, one) for place, one in enumerate(done, start=1) if isinstance(one, BaseException)]
        for _, error in failed:
            if not isinstance(error, EaselError):
                raise error
        for place, error in failed:
            if isinstance(error, EaselError):
                others = f" ({len(failed) - 1} more failed)" if len(failed) > 1 else ""
                raise error.located(f"Picture {place} of {len(done)}{others}") if len(done) > 1 else error
        return [one for one in done if isinstance(one, Bought)]


def image_outputs() -> list[io.Output]:
    return [
        io.Image.Output(
            "images",
            display_name="images",
            is_output_list=True,
            tooltip="The pictures: one batch, or one batch for each size where the sizes differ.",
        ),
        io.Mask.Output(
            "alpha",
            display_name="alpha",
            is_output_list=True,
            tooltip="Transparency of the pictures: 1 is transparent. Connect it to Save Pictures.",
        ),
    ]


def outputs_with(*more: io.Output) -> list[io.Output]:
    """Images and alpha, what the node has of its own, and the report."""
    return [*image_outputs(), *more, report_output()]


def colours_of(picture: pictures.Pixels) -> pictures.Pixels:
    """The picture without its transparency; what is below it is kept."""
    return pictures.Pixels(picture.array[..., :3]) if picture.has_alpha else picture


def report_on(bought: Sequence[Bought], notes: Sequence[Sequence[str]]) -> str:
    """What the node shows: the purchase's own words, or for a batch each thing that was said once, and the sum."""
    said = ["\n".join([one.report, *more]) for one, more in zip(bought, notes, strict=True)]
    if len(said) == 1:
        return said[0]
    paid = sum((one.outcome.paid_usd for one in bought if one.outcome), Decimal(0))
    return "\n".join([*dict.fromkeys(said), f"{len(said)} pictures, {dollars(paid)} in all"])
