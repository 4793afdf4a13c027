"""What the schemas of hosted nodes share: their common inputs, their outputs, and how a purchase becomes those outputs."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, ClassVar

from comfy_api.latest import io

from .. import host, pictures
from ..widgets import advanced
from .choices import BLOCK, IF_RETIRED, ON_REFUSAL, RAISE, Choices
from .engine.errors import EaselError
from .engine.request import Request

if TYPE_CHECKING:
    from .buying import Bought

DEFAULT = "default"
"""The choice that leaves a field out of the request, so that the provider decides."""

_LARGEST_TAKE = 2**31 - 1


class HostedNode(io.ComfyNode):
    """Base of the nodes that buy from ``provider``."""

    provider: ClassVar[str]

    @classmethod
    def fingerprint_inputs(cls, **_inputs: Any) -> str:
        """Runs the node again once it would buy elsewhere: a sandbox picture must not pass for a bought one."""
        from .buying import destination_fingerprint

        return destination_fingerprint(cls.provider)

    @classmethod
    async def bought(cls, request: Request, choices: Choices) -> Bought:
        from .buying import buy

        return await buy(request, choices, cls.hidden.prompt)

    @classmethod
    async def each_bought(cls, requests: Sequence[Request], choices: Choices, what: str = "Picture") -> list[Bought]:
        """Every request at once. All are waited for before an error is raised, so that none is lost; ``what`` names one."""
        from .buying import Bought

        done = await asyncio.gather(*(cls.bought(one, choices) for one in requests), return_exceptions=True)
        failed = [(place, one) for place, one in enumerate(done, start=1) if isinstance(one, BaseException)]
        for _, error in failed:
            if not isinstance(error, EaselError):
                raise error
        for place, error in failed:
            if isinstance(error, EaselError):
                others = f" ({len(failed) - 1} more failed)" if len(failed) > 1 else ""
                raise error.located(f"{what} {place} of {len(done)}{others}") if len(done) > 1 else error
        return [one for one in done if isinstance(one, Bought)]

    @classmethod
    async def pictures_of(cls, request: Request, choices: Choices) -> io.NodeOutput:
        """The outputs of :func:`picture_outputs`."""
        bought = await cls.bought(request, choices)
        if bought.is_blocked:
            return blocked(bought.report, len(picture_outputs()))
        images, alphas = await asyncio.to_thread(pictures.to_batches, bought.pictures)
        revised = "\n".join(picture.revised_prompt for picture in bought.delivered if picture.revised_prompt)
        return io.NodeOutput(images, alphas, revised, bought.report, ui={"text": [bought.report]})


def hidden() -> list[io.Hidden]:
    """What every hosted node is told by the host: the prompt, by whose digest the ledger knows the workflow."""
    return [io.Hidden.prompt]


def image_outputs(*, of_images: str = "", of_alpha: str = "") -> list[io.Output]:
    """The pictures and their transparency; a node may have a word to add on each."""
    return [
        io.Image.Output(
            "images",
            display_name="images",
            is_output_list=True,
            tooltip=f"The pictures: one batch, or one batch for each size where the sizes differ. {of_images}".strip(),
        ),
        io.Mask.Output(
            "alpha",
            display_name="alpha",
            is_output_list=True,
            tooltip=f"Transparency of the pictures: 1 is transparent. {of_alpha}".strip(),
        ),
    ]


def picture_outputs() -> list[io.Output]:
    return [
        *image_outputs(),
        io.String.Output(
            "revised_prompt",
            display_name="revised prompt",
            tooltip="The prompt as the provider rewrote it, where it says so.",
        ),
        report_output(),
    ]


def report_output() -> io.Output:
    return io.String.Output("report", display_name="report", tooltip="What was really used, and what it cost.")


def take_input(what: str = "picture") -> io.Input:
    return io.Int.Input(
        "take",
        default=0,
        min=0,
        max=_LARGEST_TAKE,
        tooltip=f"Another number buys another {what} of the same request. With the same number the {what} you already have "
        "is used again, for nothing.",
    )


def choice_inputs(second_models: Sequence[str], *, may_retire: bool = False) -> list[io.Input]:
    """What is decided about a purchase beside the request; read them back with :func:`choices_of`."""
    inputs: list[io.Input] = [
        io.Combo.Input(
            "on_refusal",
            options=ON_REFUSAL if second_models else [RAISE, BLOCK],
            default=RAISE,
            tooltip="What happens when the provider's content filter says no: stop with an error, "
            + (
                "let only what hangs on this node rest, or ask the second model."
                if second_models
                else "or let only what hangs on this node rest."
            ),
        ),
    ]
    if second_models:
        inputs.append(
            io.Combo.Input(
                "second_model",
                options=list(second_models),
                tooltip="The model that is asked after a refusal, if on_refusal says so.",
            )
        )
    if may_retire:
        inputs.append(
            io.Combo.Input(
                "if_retired",
                options=IF_RETIRED,
                default=IF_RETIRED[0],
                tooltip="OpenAI has switched this model off; servers that speak its API may still have it. Where it is gone: "
                "use the model that replaces it (the report says so), or stop with an error.",
            )
        )
    inputs.append(
        io.String.Input(
            "key_profile",
            default="default",
            tooltip="Which of your keys pays: the name of a profile in Easel's key settings. Never the key itself.",
        )
    )
    for entry in inputs:
        advanced(entry)
    return inputs


def choices_of(
    on_refusal: str = RAISE, second_model: str = "", if_retired: str = RAISE, key_profile: str = "default"
) -> Choices:
    """What came in through :func:`choice_inputs`."""
    return Choices(on_refusal, second_model, if_retired, key_profile.strip() or "default")


def given(value: str) -> str | None:
    """A combo's value; None where the provider is to decide."""
    return None if value == DEFAULT else value


def blocked(report: str, outputs: int) -> io.NodeOutput:
    """Nothing for what hangs on this node; the reason stays on the node."""
    return io.NodeOutput(*(host.blocker() for _ in range(outputs)), ui={"text": [report]})
