"""What FLUX's nodes share."""

from __future__ import annotations

import secrets
from typing import Any

from comfy_api.latest import io

from ...engine.request import RANDOM_SEED
from ...schema import DEFAULT, HostedNode, advanced, choice_inputs, given
from ..models import Operation, models_that
from ..requests import MAX_SEED, USUAL_SAFETY
from ..sizes import AUTO, RATIOS

CATEGORY = "Easel/FLUX"
_ROUTES = ["BFL"]
_CUSTOM = "custom"
_RESOLUTIONS = ["768sq", "1k", "1.5k", "2k", "4k"]
_ON_OFF = {"on": True, "off": False}


class FluxNode(HostedNode):
    """Base of the family's nodes: a seed of -1 is another picture each time."""

    provider = "bfl"

    @classmethod
    def fingerprint_inputs(cls, **inputs: Any) -> str:
        # The host would hand out the last picture again, because the inputs are the same.
        drawn = secrets.token_hex(8) if inputs.get("seed") == RANDOM_SEED else ""
        return super().fingerprint_inputs(**inputs) + drawn


def model_inputs(operation: Operation) -> list[io.Input]:
    """Who makes the picture, and from which seed."""
    seedless = " FLUX 3 has no seed: there it only tells takes apart." if operation in ("generate", "edit") else ""
    return [
        io.Combo.Input(
            "model", options=models_that(operation), tooltip="The help page says what each takes and costs."
        ),
        io.Combo.Input("route", options=_ROUTES, tooltip="Who serves the model, and whose key pays."),
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


def model_settings(operation: Operation) -> list[io.Input]:
    """The settings that only some models have, and what is decided about the purchase."""
    first, *others = models_that(operation)
    return [
        advanced(
            io.Combo.Input(
                "output_format",
                options=["png", "jpeg", "webp"],
                default="png",
                tooltip="How the picture travels. png loses nothing; jpeg and webp arrive sooner.",
            )
        ),
        advanced(
            io.Int.Input(
                "safety_tolerance",
                default=USUAL_SAFETY,
                min=0,
                max=6,
                tooltip="How much the content filter lets pass: 0 is strict. Up to 6 for FLUX.1, 5 for FLUX.2, 4 for FLUX 3.",
            )
        ),
        advanced(
            io.Combo.Input(
                "prompt_upsampling",
                options=[DEFAULT, *_ON_OFF],
                default=DEFAULT,
                tooltip="Whether the provider rewrites the prompt with more detail. FLUX.2 pro, max and flex do unless told "
                "not to, FLUX.1 only when asked; klein and FLUX 3 have no such switch.",
            )
        ),
        advanced(
            io.Int.Input(
                "steps",
                default=0,
                min=0,
                max=50,
                tooltip="0 leaves it to the model. Only some models have it: the help page says which.",
            )
        ),
        advanced(
            io.Float.Input(
                "guidance",
                default=0.0,
                min=0.0,
                max=100.0,
                step=0.1,
                tooltip="How closely the prompt is followed; 0 leaves it to the model. Only some models have it.",
            )
        ),
        advanced(
            io.String.Input(
                "end_user",
                default="",
                tooltip="A stable, anonymous name of your end user, if you make pictures for others.",
            )
        ),
        # To ask the same model again is no second chance, so that another one is offered first.
        *choice_inputs([*others, first] if others else ()),
    ]


def fields_of(
    route: str = _ROUTES[0],
    prompt_upsampling: str = DEFAULT,
    steps: int = 0,
    guidance: float = 0.0,
    end_user: str = "",
    **others: Any,
) -> dict[str, Any]:
    """The widgets of :func:`model_inputs` and :func:`model_settings` as fields of a request."""
    return {
        "prompt_upsampling": _ON_OFF.get(prompt_upsampling),
        "steps": steps or None,
        "guidance": guidance or None,
        "user": end_user.strip() or None,
        **others,
    }


def prompt_input(tooltip: str) -> io.Input:
    return io.String.Input("prompt", multiline=True, dynamic_prompts=True, tooltip=tooltip)


def size_inputs(*, may_follow: bool) -> list[io.Input]:
    """How large the picture is made; ``may_follow`` where there is an input picture whose shape it may take."""
    return [
        io.Combo.Input(
            "aspect_ratio",
            options=[*([AUTO] if may_follow else []), *RATIOS, _CUSTOM],
            tooltip='Width to height; about one megapixel, four for ultra. "custom" takes the two numbers below.'
            + (' "auto" keeps the shape of the first picture.' if may_follow else ""),
        ),
        io.Int.Input(
            "width", default=1024, min=64, max=4096, step=16, tooltip='Pixels, when aspect_ratio is "custom".'
        ),
        io.Int.Input(
            "height", default=1024, min=64, max=4096, step=16, tooltip='Pixels, when aspect_ratio is "custom".'
        ),
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
                "grounding", default=False, tooltip="FLUX 3 only: look things up on the web before drawing."
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
