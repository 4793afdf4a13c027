"""Any model of a marketplace, in the editor: its name, its inputs as JSON, and what is connected."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from decimal import Decimal
from functools import partial
from typing import TYPE_CHECKING, Any

from comfy_api.latest import io

from ... import host, pictures
from ..schema import (
    HostedNode,
    advanced,
    blocked,
    choice_inputs,
    choices_of,
    hidden,
    image_outputs,
    report_output,
    take_input,
)
from ..sockets import all_pictures, one_mask
from .inputs import BLACK, WHITE, Filled, fill, read, replaced

if TYPE_CHECKING:
    from ..engine.provider import Call
    from .published import Published
    from .requests import AnyModel

CATEGORY = "Easel/Any Model"
_SOCKETS = 4
_SOME_LINK = "https://example.com/picture.png"
"""What stands for a file while the inputs are checked: it is uploaded only once they are right."""


class _AnyNode(HostedNode):
    """What both marketplaces share."""

    @classmethod
    async def run(
        cls, kind: type[AnyModel], known: Published, text: str, sockets: dict[str, Any], take: int, **choices: Any
    ) -> io.NodeOutput:
        """Check the inputs against what is published, buy, and give pictures or text."""
        expected = choices.pop("expected_price", 0.0)
        filled = await _filled(known, text, sockets)
        known.check(replaced(filled.values, lambda _kind, _number: _SOME_LINK))
        price = known.price(filled.values) or (Decimal(str(expected)) if expected else None)
        bought = await cls.bought(kind.of(known.model, filled, price, take), choices_of(**choices))
        if bought.is_blocked:
            return blocked(bought.report, len(_outputs()))
        images: Any = [host.blocker()]
        alphas: Any = [host.blocker()]
        if bought.pictures:
            images, alphas = await asyncio.to_thread(pictures.to_batches, bought.pictures)
        return io.NodeOutput(images, alphas, bought.text, bought.report, ui={"text": [bought.report]})

    @classmethod
    async def known(
        cls, name: str, profile: str, fetch: Callable[[str, Call], Awaitable[Published]], *, may_change: bool
    ) -> Published:
        """What is published of the model ``name``."""
        from ..buying import consult, destination_fingerprint
        from .library import published

        return await published(
            host.state_folder() / "schemas",
            f"{cls.provider}|{destination_fingerprint(cls.provider)}",
            name,
            partial(consult, cls.provider, profile, partial(fetch, name)),
            may_change=may_change,
        )


class EaselAnyReplicateModel(_AnyNode):
    """Any model at Replicate, by name."""

    provider = "replicate"

    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id="EaselAnyReplicateModel",
            display_name="Any Replicate Model",
            category=CATEGORY,
            description="Runs any model at Replicate by its name, paid with your own key. Inputs are checked before.",
            inputs=[
                io.String.Input(
                    "model",
                    default="black-forest-labs/flux-schnell",
                    tooltip="owner/name as on the model's page; owner/name:version pins a version.",
                ),
                *_inputs(),
            ],
            outputs=_outputs(),
            hidden=hidden(),
        )

    @classmethod
    async def execute(
        cls, model: str, inputs: str, take: int = 0, key_profile: str = "default", **others: Any
    ) -> io.NodeOutput:
        from . import replicate
        from .requests import AnyReplicate

        name = replicate.checked_name(model)
        known = await cls.known(name, key_profile, replicate.fetch, may_change=not replicate.is_pinned(name))
        sockets = _sockets(others)
        return await cls.run(AnyReplicate, known, inputs, sockets, take, key_profile=key_profile, **others)


class EaselAnyFalEndpoint(_AnyNode):
    """Any endpoint at fal, by its id."""

    provider = "fal"

    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id="EaselAnyFalEndpoint",
            display_name="Any fal Endpoint",
            category=CATEGORY,
            description="Runs any endpoint at fal by its id, paid with your own key. Inputs are checked before.",
            inputs=[
                io.String.Input(
                    "endpoint",
                    default="fal-ai/flux/schnell",
                    tooltip="The endpoint's id, as on its page: what follows fal.ai/models/.",
                ),
                *_inputs(),
            ],
            outputs=_outputs(),
            hidden=hidden(),
        )

    @classmethod
    async def execute(
        cls, endpoint: str, inputs: str, take: int = 0, key_profile: str = "default", **others: Any
    ) -> io.NodeOutput:
        from . import fal
        from .requests import AnyFal

        known = await cls.known(fal.checked_name(endpoint), key_profile, fal.fetch, may_change=True)
        sockets = _sockets(others)
        return await cls.run(AnyFal, known, inputs, sockets, take, key_profile=key_profile, **others)


NODES: list[type[io.ComfyNode]] = [EaselAnyReplicateModel, EaselAnyFalEndpoint]


def _inputs() -> list[io.Input]:
    return [
        io.String.Input(
            "inputs",
            multiline=True,
            default='{\n  "prompt": "a lighthouse on a cliff, morning light"\n}',
            tooltip='The model\'s inputs as JSON. "$image", "$mask" and "$text" stand for what is connected below.',
        ),
        take_input("result"),
        advanced(
            io.Float.Input(
                "expected_price",
                default=0.0,
                min=0.0,
                max=100.0,
                step=0.001,
                tooltip="US dollars that you expect a run to cost, for your budget and the ledger, where the marketplace "
                "publishes no price. 0 leaves it unknown: while a spending limit is set, it is then not bought.",
            )
        ),
        *choice_inputs(()),
        io.Image.Input("image", optional=True, tooltip='Written as "$image" in the inputs. A batch can fill a list.'),
        *(
            io.Image.Input(f"image_{number}", optional=True, tooltip=f'Written as "$image_{number}" in the inputs.')
            for number in range(2, _SOCKETS + 1)
        ),
        io.Mask.Input(
            "mask",
            optional=True,
            tooltip=f'Written as "{WHITE}" (white = change here) or "{BLACK}" (black = change here).',
        ),
        io.String.Input(
            "text",
            optional=True,
            force_input=True,
            tooltip='Written as $text, also inside other words: "a photo of $text".',
        ),
        io.String.Input("text_2", optional=True, force_input=True, tooltip="Written as $text_2, like $text."),
    ]


def _outputs() -> list[io.Output]:
    return [
        *image_outputs(of_images="Nothing if it gave only text."),
        io.String.Output(
            "answer",
            display_name="answer",
            tooltip="What it gave in words, or links to what is no picture (fetch them soon: they expire).",
        ),
        report_output(),
    ]


def _sockets(others: dict[str, Any]) -> dict[str, Any]:
    """Takes what is connected out of a node's other inputs."""
    names = ("image", *(f"image_{number}" for number in range(2, _SOCKETS + 1)), "mask", "text", "text_2")
    return {name: value for name in names if (value := others.pop(name, None)) is not None}


async def _filled(known: Published, text: str, sockets: dict[str, Any]) -> Filled:
    return fill(
        read(text),
        {name: await all_pictures(value) for name, value in sockets.items() if name.startswith("image")},
        {name: await one_mask(name, value) for name, value in sockets.items() if name == "mask"},
        {name: value for name, value in sockets.items() if name.startswith("text")},
        known.takes_list,
    )
