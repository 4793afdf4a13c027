"""The settings that some of FLUX's models have, as widgets, and how they become fields of a request.

What came after a node's release stands at its end and may be missing, so that workflows saved before still load.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from comfy_api.latest import io

from ....widgets import advanced, late
from ...schema import DEFAULT, choice_inputs, given
from ..models import ROUTES, USUAL_SAFETY, Operation, every_offer, listed, models_that

_ON_OFF = {"on": True, "off": False}
_SWITCH = [DEFAULT, *_ON_OFF]
_MOST_COUNT = 4
_USUAL_QUALITY = 80
"""What every model that takes a quality uses by itself."""
_RELEASED = ("output_format", "safety_tolerance", "prompt_upsampling", "steps", "guidance", "end_user")
_NEWER = ("output_quality", "megapixels", "go_fast", "acceleration", "safety_checker", "interval", "loras", "mode")
_FAMILIES = {"flux-2-": "FLUX.2", "flux-3-": "FLUX 3"}
_TOOLS = ("flux-erase", "flux-outpainting")
"""BFL's own, of no family."""
_COLUMNS = {"end_user": "user", "output_format": "formats"}
"""What the rows of the models call a widget, where that is something else."""


def model_settings(operation: Operation, *, without: Collection[str] = ()) -> list[io.Input]:
    """What the nodes were released with: settings that some model has, and what is decided about the purchase."""
    names = [name for name in (*_RELEASED, *_choices(operation)) if name not in without]
    return _inputs(operation, names)


def late_settings(operation: Operation, *first: str) -> list[io.Input]:
    """What came later, ``first`` the inputs that came one by one, in the order in which they did."""
    return [late(entry) for entry in _inputs(operation, (*first, *_NEWER))]


def fields_of(
    prompt_upsampling: str = DEFAULT,
    steps: int = 0,
    guidance: float = 0.0,
    end_user: str = "",
    count: int = 1,
    output_quality: int = _USUAL_QUALITY,
    megapixels: str = DEFAULT,
    go_fast: str = DEFAULT,
    acceleration: str = DEFAULT,
    safety_checker: str = DEFAULT,
    interval: float = 0.0,
    loras: str = "",
    **others: Any,
) -> dict[str, Any]:
    """The widgets of this module as fields of a request."""
    from ..loras import read_loras

    return {
        "prompt_upsampling": _ON_OFF.get(prompt_upsampling),
        "steps": steps or None,
        "guidance": guidance or None,
        "user": end_user.strip() or None,
        "count": None if count == 1 else count,
        "output_quality": None if output_quality == _USUAL_QUALITY else output_quality,
        "megapixels": given(megapixels),
        "go_fast": _ON_OFF.get(go_fast),
        "acceleration": given(acceleration),
        "safety_checker": _ON_OFF.get(safety_checker),
        "interval": interval or None,
        "loras": read_loras(loras),
        **others,
    }


def _inputs(operation: Operation, names: Collection[str]) -> list[io.Input]:
    known = {entry.id: entry for entry in (*_settings(operation), *_newer_settings(operation))}
    wanted = {name: known[name] for name in names if name in known and _anyone_has(operation, name)}
    # What is decided about a purchase needs no model that has it.
    wanted |= {name: entry for name, entry in _choices(operation).items() if name in names}
    return [advanced(wanted[name]) for name in names if name in wanted]


def _choices(operation: Operation) -> dict[str, io.Input]:
    first, *others = models_that(operation)
    # To ask the same model again is no second chance, so that another one is offered first.
    return {entry.id: entry for entry in choice_inputs([*others, first] if others else ())}


def _anyone_has(operation: Operation, name: str) -> bool:
    return any(getattr(offer, _COLUMNS.get(name, name)) for offer in every_offer(operation))


def _options(operation: Operation, name: str) -> list[str]:
    """Every choice that some model has."""
    return list(dict.fromkeys(one for offer in every_offer(operation) for one in getattr(offer, name)))


def _only(operation: Operation, name: str) -> str:
    """Which of a node's models take a setting, and where."""
    takers = [offer for offer in every_offer(operation) if getattr(offer, name)]
    models = list(dict.fromkeys(offer.model for offer in takers))
    if not takers:
        return ""
    return f" Only {listed(models)} at {listed(ROUTES[one.route] for one in takers)} {'has' if len(models) == 1 else 'have'} it."


def _safety_tooltip(operation: Operation) -> str:
    """How far the content filter of each family goes."""
    offers = every_offer(operation)
    steps = [(_family(offer.model), *offer.safety_tolerance) for offer in offers if offer.safety_tolerance is not None]
    most: dict[str, float] = {}
    for family, _, high in steps:
        most[family] = max(high, most.get(family, 0))
    told = sorted(most.items(), key=lambda one: one[1], reverse=True)
    limits = ", ".join(f"{high:g} for {family}" if len(most) > 1 else f"{high:g}" for family, high in told)
    others = "; models that have no such steps take only 2" if len(steps) < len(offers) else ""
    return (
        f"How much the content filter lets pass: {min(low for _, low, _ in steps):g} is strict. Up to {limits}{others}."
    )


def _family(model: str) -> str:
    if model in _TOOLS:
        return model
    return next((name for begin, name in _FAMILIES.items() if model.startswith(begin)), "FLUX.1")


def _settings(operation: Operation) -> list[io.Input]:
    return [
        io.Combo.Input(
            "output_format",
            options=["png", "jpeg", "webp"],
            default="png",
            tooltip="How the picture travels. png loses nothing; jpeg and webp arrive sooner; webp is not made everywhere.",
        ),
        io.Int.Input(
            "safety_tolerance",
            default=USUAL_SAFETY,
            min=0,
            max=6,
            tooltip=_safety_tooltip(operation),
        ),
        io.Combo.Input(
            "prompt_upsampling",
            options=_SWITCH,
            default=DEFAULT,
            tooltip="Whether the provider rewrites the prompt with more detail. Not every model has this switch on every "
            "route: the help page says which.",
        ),
        io.Int.Input(
            "steps",
            default=0,
            min=0,
            max=50,
            tooltip="0 leaves it to the model. Only some models have it: the help page says which.",
        ),
        io.Float.Input(
            "guidance",
            default=0.0,
            min=0.0,
            max=100.0,
            step=0.1,
            tooltip="How closely the prompt is followed; 0 leaves it to the model. Only some models have it.",
        ),
        io.String.Input(
            "end_user",
            default="",
            tooltip="A stable, anonymous name of your end user, if you make pictures for others. Only BFL takes it.",
        ),
        io.Int.Input(
            "count",
            default=1,
            min=1,
            max=_MOST_COUNT,
            tooltip="Pictures in one request, each paid. Only some models at Replicate and fal make more than one; for "
            "all others use a list of prompts or seeds.",
        ),
    ]


def _newer_settings(operation: Operation) -> list[io.Input]:
    """Each a model's own at Replicate or fal."""
    return [
        io.Int.Input(
            "output_quality",
            default=_USUAL_QUALITY,
            min=0,
            max=100,
            tooltip="How much of a jpeg or webp is kept: 100 is the best and largest. Only Replicate takes another than 80.",
        ),
        io.Combo.Input(
            "megapixels",
            options=[DEFAULT, *_options(operation, "megapixels")],
            default=DEFAULT,
            tooltip="About how large the picture is: 0.25 is a quick sketch at half the width and height."
            + (
                " match_input keeps the size of the picture."
                if "match_input" in _options(operation, "megapixels")
                else ""
            )
            + _only(operation, "megapixels"),
        ),
        io.Combo.Input(
            "go_fast",
            options=_SWITCH,
            default=DEFAULT,
            tooltip="On, a quicker and slightly coarser build of the model draws, which is usual; off, the full one."
            + _only(operation, "go_fast"),
        ),
        io.Combo.Input(
            "acceleration",
            options=[DEFAULT, *_options(operation, "acceleration")],
            default=DEFAULT,
            tooltip="How many shortcuts the model takes: more are sooner done and may cost detail. Only some models at "
            "fal have it.",
        ),
        io.Combo.Input(
            "safety_checker",
            options=_SWITCH,
            default=DEFAULT,
            tooltip="Whether the provider's own checker withholds pictures that it takes for indecent; it is on unless you "
            "switch it off. Only some models at Replicate and fal let you: with others use safety_tolerance.",
        ),
        io.Float.Input(
            "interval",
            default=0.0,
            min=0.0,
            max=4.0,
            step=0.1,
            tooltip="How far pictures of one prompt may lie apart, 1 to 4; 0 leaves it to the model."
            + _only(operation, "interval"),
        ),
        io.String.Input(
            "loras",
            default="",
            multiline=True,
            tooltip="LoRAs to draw with, one a line: the address of the file (anyone must be able to fetch it) or its name at "
            "Hugging Face, a space, and a weight from 0 to 4. Only fal has it, with some models.",
        ),
        io.Combo.Input(
            "mode",
            options=[DEFAULT, *_options(operation, "mode")],
            default=DEFAULT,
            tooltip=f"high takes more care, fast is sooner done.{_only(operation, 'mode')}",
        ),
    ]
