"""The widgets and sockets that Ideogram's nodes share: each node shows those that some model takes for its operation."""

from __future__ import annotations

from comfy_api.latest import io

from ....widgets import advanced, late
from ...engine.request import RANDOM_SEED
from ...schema import DEFAULT, choice_inputs
from ..models import AUTO, MAX_SEED, MOST_AT_ONCE, Offer, Operation, listed, offers_for
from ..styling import PALETTES, PRESETS

CUSTOM = "custom"
NONE = "none"
RATIOS = ("1:1", "16:9", "9:16", "4:3", "3:4", "3:2", "2:3", "5:4", "4:5", "16:10", "10:16", "2:1", "1:2", "3:1", "1:3")
# A remix keeps its picture's shape, and a square made square is no reframing.
_USUAL_SHAPES: dict[str, str] = {"remix": AUTO, "reframe": "16:9"}
_MAGIC = [AUTO, "on", "off"]


def prompt_input(tooltip: str) -> io.Input:
    return io.String.Input("prompt", multiline=True, dynamic_prompts=True, tooltip=tooltip)


def model_inputs(operation: Operation) -> list[io.Input]:
    """Who makes the picture, from which seed, and how many."""
    offers = offers_for(operation)
    seedless = tuple(name for name, offer in offers.items() if not offer.seed)
    only_takes = f" {listed(seedless)} has no seed: there it only tells takes apart." if seedless else ""
    return [
        io.Combo.Input(
            "model",
            options=list(offers),
            tooltip="The help page says what each takes and costs."
            + (" Names with V_ are the old API." if any(name.startswith("V_") for name in offers) else ""),
        ),
        io.Int.Input(
            "seed",
            default=0,
            min=RANDOM_SEED,
            max=MAX_SEED,
            # The editor would change a seed after each run on its own, and each change is a purchase.
            control_after_generate=False,
            tooltip="The same seed and inputs give the picture you already have, for nothing; another number buys another. "
            f"-1 draws one each time, and the report says which.{only_takes}",
        ),
        io.Int.Input(
            "num_images",
            default=1,
            min=1,
            max=MOST_AT_ONCE,
            tooltip="How many pictures are made at once; each is paid for.",
        ),
    ]


def shape_inputs(operation: Operation, auto: str = "") -> list[io.Input]:
    """The shape of the result; ``auto`` says what is kept or chosen where it is left to the model."""
    return [
        io.Combo.Input(
            "aspect_ratio",
            options=[*([AUTO] if auto else []), *RATIOS, CUSTOM],
            default=_USUAL_SHAPES.get(operation, RATIOS[0]),
            tooltip=f'Width to height. "custom" takes the two numbers below.{f" {auto}" if auto else ""}',
        ),
        io.Int.Input(
            "width",
            default=1024,
            min=256,
            max=4096,
            step=16,
            tooltip='Pixels, when aspect_ratio is "custom". Each model makes a fixed list of sizes; the nearest is named.',
        ),
        io.Int.Input(
            "height", default=1024, min=256, max=4096, step=16, tooltip='Pixels, when aspect_ratio is "custom".'
        ),
    ]


def setting_inputs(operation: Operation) -> list[io.Input]:
    """How it is made and how it looks: what only some models take is refused by name for the others."""
    offers = offers_for(operation)
    return [
        *_effort(offers),
        *_words(offers),
        *_style(offers),
        *_colours(offers),
        *_pictures(offers),
    ]


def purchase_inputs(operation: Operation) -> list[io.Input]:
    """What is decided about the purchase beside the request."""
    offers = offers_for(operation)
    first, *others = offers
    # To ask the same model again is no second chance, so that another one is offered first.
    inputs = choice_inputs([*others, first] if others else ())
    return [*inputs, *([_custom_model(offers)] if _some(offers, "custom_model") else [])]


def _custom_model(offers: dict[str, Offer]) -> io.Input:
    # The last of all widgets: saved workflows know theirs by their place.
    entry = io.String.Input(
        "custom_model",
        default="",
        tooltip="A model of your own that you trained at Ideogram, such as model/my-model/version/1. It brings its own style, "
        f"and no price of it is published.{_only(offers, 'custom_model')}",
    )
    return late(advanced(entry))


def _effort(offers: dict[str, Offer]) -> list[io.Input]:
    found: list[io.Input] = []
    if qualities := _union(offers, "qualities"):
        found.append(
            io.Combo.Input(
                "quality",
                options=[DEFAULT, *qualities],
                default=DEFAULT,
                tooltip="How much effort goes into the picture: more is slower and dearer, and default may be high."
                + _only(offers, "quality"),
            )
        )
    if speeds := _union(offers, "speeds"):
        quick = [name for name, offer in offers.items() if "flash" in offer.speeds]
        flash = "" if len(quick) == len(offers) else f"; flash only with {listed(tuple(quick))}"
        found.append(
            io.Combo.Input(
                "rendering_speed",
                options=[DEFAULT, *(speed for speed in speeds if speed != DEFAULT)],
                default=DEFAULT,
                tooltip=f"turbo is fast and cheap, quality slow and dear{flash}.{_only(offers, 'rendering_speed')}",
            )
        )
    return found


def _words(offers: dict[str, Offer]) -> list[io.Input]:
    found: list[io.Input] = []
    if _some(offers, "magic_prompt"):
        found.append(
            io.Combo.Input(
                "magic_prompt",
                options=_MAGIC,
                default=AUTO,
                tooltip="Whether Ideogram rewrites the prompt with more detail; auto lets it decide. The rewritten prompt "
                f"comes out as revised_prompt.{_only(offers, 'magic_prompt')}",
            )
        )
    if _some(offers, "negative_prompt"):
        found.append(
            io.String.Input(
                "negative_prompt",
                default="",
                tooltip="What should not be there; where it contradicts the prompt, the prompt wins."
                + _only(offers, "negative_prompt"),
            )
        )
    return found


def _style(offers: dict[str, Offer]) -> list[io.Input]:
    found: list[io.Input] = []
    if styles := _union(offers, "styles"):
        is_mixed = {"fiction", "anime"} <= set(styles)
        found.append(
            io.Combo.Input(
                "style_type",
                options=[DEFAULT, *styles],
                default=DEFAULT,
                tooltip="The kind of picture."
                + (" fiction is for model 3, render_3d and anime for model 2." if is_mixed else "")
                + _only(offers, "style_type"),
            )
        )
    if _some(offers, "style_preset"):
        found.append(
            io.Combo.Input(
                "style_preset",
                options=[NONE, *PRESETS],
                default=NONE,
                tooltip=f"A ready-made look.{_only(offers, 'style_preset')}",
            )
        )
    if _some(offers, "style_codes"):
        found.append(
            advanced(
                io.String.Input(
                    "style_codes",
                    default="",
                    tooltip="Codes of looks found at Ideogram, such as AAFF5733, with commas between. Not together with "
                    f"{'style_type or ' if styles else ''}style_images.{_only(offers, 'style_codes')}",
                )
            )
        )
    return found


def _colours(offers: dict[str, Offer]) -> list[io.Input]:
    if not _some(offers, "color_palette"):
        return []
    return [
        io.Combo.Input(
            "color_palette",
            options=[NONE, *PALETTES],
            default=NONE,
            tooltip=f"A ready-made set of colours.{_only(offers, 'color_palette')}",
        ),
        advanced(
            io.String.Input(
                "colors",
                default="",
                tooltip="Your own colours in place of a palette, up to eight: #FF8800, #224466. A number from 0.05 to 1 "
                "behind a colour is its weight: #FF8800 0.6.",
            )
        ),
    ]


def _pictures(offers: dict[str, Offer]) -> list[io.Input]:
    found: list[io.Input] = []
    if any(offer.style_images for offer in offers.values()):
        found.append(
            io.Image.Input(
                "style_images",
                optional=True,
                tooltip="Up to ten pictures whose look is taken over. A batch counts each."
                + _only(offers, "style_images"),
            )
        )
    if _some(offers, "character_image"):
        found += [
            io.Image.Input(
                "character_image",
                optional=True,
                tooltip="A picture of the person or figure that should appear. It costs more."
                + _only(offers, "character_image"),
            ),
            io.Mask.Input(
                "character_mask",
                optional=True,
                tooltip="Where the character is in that picture (1 = the character); of the same size.",
            ),
        ]
    return found


def _union(offers: dict[str, Offer], name: str) -> list[str]:
    return list(dict.fromkeys(value for offer in offers.values() for value in getattr(offer, name)))


def _only(offers: dict[str, Offer], name: str) -> str:
    """Which of a node's models take an input, where not all of them do."""
    takers = tuple(model for model, offer in offers.items() if offer.has(name))
    return "" if len(takers) == len(offers) else f" Only {listed(takers)} {'has' if len(takers) == 1 else 'have'} it."


def _some(offers: dict[str, Offer], name: str) -> bool:
    return any(offer.has(name) for offer in offers.values())
