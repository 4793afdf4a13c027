"""What FLUX's nodes share: their base, and the inputs that several of them have."""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from dataclasses import replace
from typing import TYPE_CHECKING, Any, ClassVar

from comfy_api.latest import io

from .... import host
from ...choices import Choices
from ...engine.errors import InvalidKey, MissingKey
from ...engine.request import RANDOM_SEED, Request
from ...schema import DEFAULT, HostedNode, advanced, given
from ..models import MAX_SEED, ROUTES, Operation, every_offer, models_that
from ..sizes import AUTO, RATIOS
from .settings import fields_of

if TYPE_CHECKING:
    from ...buying import Bought
    from ..request import FluxRequest

CATEGORY = "Easel/FLUX"
BEST = "best available"
_ROUTES = {label: route for route, label in ROUTES.items()}
_CUSTOM = "custom"
_RESOLUTIONS = ["512sq", "768sq", "1k", "1.5k", "2k", "4k"]


class FluxNode(HostedNode):
    """Base of the family's nodes: a seed of -1 is another picture each time; the route may be left open."""

    operation: ClassVar[Operation]

    @classmethod
    def fingerprint_inputs(cls, **inputs: Any) -> str:
        from ...buying import destination_fingerprint

        # The host would hand out the last picture again, because the inputs are the same.
        drawn = secrets.token_hex(8) if inputs.get("seed") == RANDOM_SEED else ""
        fixed = _ROUTES.get(str(inputs.get("route")))
        routes = [fixed] if fixed else routes_with_key(str(inputs.get("key_profile") or "default"))
        return "|".join([*(f"{route} {destination_fingerprint(route)}" for route in routes), drawn])

    @classmethod
    async def make(cls, choices: Choices, *, route: str = BEST, **fields: Any) -> io.NodeOutput:
        """Buy what ``operation`` and ``fields`` ask for, through the route that was chosen or the best of all."""
        from ..requests import REQUESTS
        from ..routing import best_of

        kind = REQUESTS[cls.operation]
        if route in _ROUTES:
            request = kind.build(route=_ROUTES[route], **fields)
        else:
            # Not awaited: a local node might block the loop before the purchase is on its way.
            with_key = routes_with_key(choices.profile)
            request = best_of(lambda one: kind.build(route=one, **fields), cls.operation, fields["model"], with_key)
        return await cls.pictures_of(request, choices)

    @classmethod
    async def bought(cls, request: Request, choices: Choices) -> Bought:
        from ..request import FluxRequest

        if not isinstance(request, FluxRequest):
            raise TypeError(f"FLUX is not asked for {type(request).__name__}")
        if request.choice:
            host.show_text(host.place().node, request.choice)
        bought = await super().bought(request, choices)
        return replace(bought, report="\n".join([bought.report, *_said(bought, request)]))


def _said(bought: Bought, request: FluxRequest) -> Iterator[str]:
    """What FLUX's reports say beside what every report says: what stands for the seed, another size, the route."""
    outcome, asked = bought.outcome, ROUTES[request.route]
    if outcome is None:
        yield from filter(None, [request.choice])
        return
    if outcome.record["parameters"].get("seed") is None:
        yield f"seed {outcome.record['take']} (it only tells takes apart: this model draws without one)"
    model, route = outcome.record["model"], outcome.record["provider"]
    if request.size is not None and model == request.model:
        others = {(picture.width, picture.height) for picture in outcome.pictures} - {request.size}
        yield from (f"The model made {w}x{h} of the {request.size[0]}x{request.size[1]} asked." for w, h in others)
    if route != request.route:
        reason = "where it was bought before" if outcome.reused else f"because {asked} cannot do this with {model}"
        yield f"Route: {ROUTES[route]}, {reason}."
    elif request.choice:
        yield request.choice


def routes_with_key(profile: str) -> list[str]:
    """The routes that can be bought from now: those with a key in this profile; all of them in the sandbox."""
    return [route for route in ROUTES if _has_key(route, profile)]


def _has_key(route: str, profile: str) -> bool:
    from ...buying import engine

    account = engine().providers[route].account
    destination = engine().destination(account)
    if destination.realm == "sandbox":
        return True
    try:
        engine().keys.find(account, destination.address, profile)
    except (MissingKey, InvalidKey):
        return False
    return True


def model_inputs(operation: Operation) -> list[io.Input]:
    """Who makes the picture, through whom, and from which seed."""
    seedless = (
        "" if all(offer.seed for offer in every_offer(operation)) else " A model without seeds tells takes apart by it."
    )
    return [
        io.Combo.Input(
            "model", options=models_that(operation), tooltip="The help page says what each takes and costs, and where."
        ),
        io.Combo.Input(
            "route",
            options=[BEST, *_ROUTES],
            default=BEST,
            tooltip="Who serves the model, and whose key pays. The best available has a key of yours, can do what is asked, "
            "and costs least; the report says which it was.",
        ),
        io.Int.Input(
            "seed",
            default=0,
            min=RANDOM_SEED,
            max=MAX_SEED,
            # The editor would change a seed after each run on its own, and each change is a purchase.
            control_after_generate=False,
            tooltip="The same seed and inputs give the picture you already have, for nothing; another number buys another. "
            f"-1 draws one each time, and the report says which.{seedless}",
        ),
    ]


def prompt_input(tooltip: str) -> io.Input:
    return io.String.Input("prompt", multiline=True, dynamic_prompts=True, tooltip=tooltip)


def ratio_input(operation: Operation, *, may_follow: bool, may_be_custom: bool = True) -> io.Input:
    """The shape of the result; ``may_follow`` where there is an input picture whose shape it may take."""
    has_ultra = any("ultra" in model for model in models_that(operation))
    return io.Combo.Input(
        "aspect_ratio",
        options=[*([AUTO] if may_follow else []), *RATIOS, *([_CUSTOM] if may_be_custom else [])],
        tooltip=f"Width to height; about one megapixel{', four for ultra' if has_ultra else ''}."
        + (' "custom" takes the two numbers below.' if may_be_custom else "")
        + (' "auto" keeps the shape of the first picture.' if may_follow else ""),
    )


def side_inputs() -> list[io.Input]:
    """Width and height in pixels."""
    return [
        io.Int.Input(side, default=1024, min=64, max=4096, step=16, tooltip='Pixels, when aspect_ratio is "custom".')
        for side in ("width", "height")
    ]


def size_inputs(operation: Operation, *, may_follow: bool) -> list[io.Input]:
    """How large the picture is made, with what FLUX 3 alone has."""
    return [
        ratio_input(operation, may_follow=may_follow),
        *side_inputs(),
        advanced(
            io.Combo.Input(
                "resolution",
                options=[DEFAULT, *_RESOLUTIONS],
                default=DEFAULT,
                tooltip="FLUX 3 only: how large the picture is. The default is 1k; 4k costs twelve times as much.",
            )
        ),
        advanced(
            io.Boolean.Input(
                "grounding", default=False, tooltip="FLUX 3 only: look things up on the web before drawing. Not at fal."
            )
        ),
    ]


def sized(
    aspect_ratio: str,
    width: int = 1024,
    height: int = 1024,
    resolution: str = DEFAULT,
    grounding: bool = False,
    **others: Any,
) -> dict[str, Any]:
    """The widgets of :func:`size_inputs` and of all the others as fields of a request."""
    is_custom = aspect_ratio == _CUSTOM
    return {
        "aspect_ratio": None if is_custom else aspect_ratio,
        "width": width if is_custom else None,
        "height": height if is_custom else None,
        "resolution": given(resolution),
        "grounding": grounding or None,
        **fields_of(**others),
    }
