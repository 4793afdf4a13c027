"""What both nodes share: a batch is bought picture by picture, all at once."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from comfy_api.latest import io

from .... import pictures
from ...schema import HostedNode, image_outputs, report_output

if TYPE_CHECKING:
    from ...buying import Bought

CATEGORY = "Easel/Enhance"


class EnhanceNode(HostedNode):
    """Base of the family's nodes: who is paid depends on the model."""

    @classmethod
    def fingerprint_inputs(cls, **_inputs: Any) -> str:
        """The places of all routes: which one it will be is not known while the model comes from another node."""
        from ...buying import destination_fingerprint
        from ..provider import PROVIDERS

        return "|".join(destination_fingerprint(provider.account.name) for provider in PROVIDERS)


def outputs_with(*more: io.Output) -> list[io.Output]:
    """Images and alpha, what the node has of its own, and the report."""
    return [*image_outputs(of_alpha="Connect it to Save Pictures."), *more, report_output()]


def colours_of(picture: pictures.Pixels) -> pictures.Pixels:
    """The picture without its transparency; what is below it is kept."""
    return pictures.Pixels(picture.array[..., :3]) if picture.has_alpha else picture


def report_on(bought: Sequence[Bought], notes: Sequence[Sequence[str]]) -> str:
    """What the node shows: the purchase's own words, or for a batch each thing that was said once, and the sum."""
    from ...engine.money import dollars

    said = ["\n".join([one.report, *more]) for one, more in zip(bought, notes, strict=True)]
    if len(said) == 1:
        return said[0]
    paid = sum((one.outcome.paid_usd for one in bought if one.outcome), Decimal(0))
    return "\n".join([*dict.fromkeys(said), f"{len(said)} pictures, {dollars(paid)} in all"])
