"""Four pictures from words."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from comfy_api.latest import io

from .... import pictures
from ...schema import DEFAULT, advanced, choice_inputs, choices_of, given, hidden, report_output, take_input
from ...sockets import all_pictures, one_picture
from ..parameters import DEFAULT_VERSION, VERSIONS
from .shared import CATEGORY, MidjourneyNode, grid_outputs, outputs_of, shown

_CUSTOM = "custom"
_RATIOS = ["1:1", "16:9", "9:16", "3:2", "2:3", "4:3", "3:4", "5:4", "4:5", "7:4", "4:7", "21:9", "9:21", _CUSTOM]
_STYLES = [DEFAULT, "raw", "cute", "expressive", "original", "scenic", "4a", "4b", "4c"]
_MOST_SEED = 2**32 - 1
_NO_SEED = -1
_COMBOS = ("style", "quality", "resolution", "style_version", "speed", "visibility")
_SWITCHES = ("tile", "draft")
_TEXTS = ("no", "style_reference", "character_reference", "omni_reference", "profile")


class EaselMidjourneyImagine(MidjourneyNode):
    """Four pictures from words, by Midjourney."""

    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id="EaselMidjourneyImagine",
            display_name="Midjourney Imagine",
            category=CATEGORY,
            description="Makes four pictures from words with Midjourney, through a gateway that you or your operator runs: "
            "Midjourney sells no public API. Read the help page before you use it with an account of yours.",
            inputs=[*_usual_inputs(), *_rare_inputs(), *_reference_inputs(), *choice_inputs(()), *_image_inputs()],
            outputs=[
                *grid_outputs(several=True),
                io.String.Output(
                    "full_prompt",
                    display_name="prompt",
                    tooltip="The prompt with all its parameters, exactly as it was composed.",
                ),
                report_output(),
            ],
            hidden=hidden(),
        )

    @classmethod
    async def execute(
        cls,
        prompt: str,
        version: str,
        take: int = 0,
        image: Any = None,
        style_images: Any = None,
        character_images: Any = None,
        omni_image: Any = None,
        on_refusal: str = "",
        key_profile: str = "default",
        **inputs: Any,
    ) -> io.NodeOutput:
        from ..requests import OMNI, Imagine

        references: dict[str, Sequence[pictures.Pixels]] = {
            "style_reference": await all_pictures(style_images),
            "character_reference": await all_pictures(character_images),
            OMNI: [] if omni_image is None else [await one_picture("omni_image", omni_image)],
        }
        requests, composed = Imagine.of(
            prompt, version, _values(**inputs), images=await all_pictures(image), references=references, take=take
        )
        bought = await cls.each_bought(requests, choices_of(on_refusal, key_profile=key_profile), "Grid")
        made = [await outputs_of(one) for one in bought]
        grids, fours, tasks = zip(*(one.outputs for one in made), strict=True)
        report = "\n".join([*(one.report for one in bought), f"prompt: {composed.prompt}", *composed.notes])
        return io.NodeOutput(list(grids), list(fours), list(tasks), composed.prompt, report, ui=shown(report, made))


def _values(aspect_ratio: str, custom_ratio: str = "", seed: int = _NO_SEED, **inputs: Any) -> dict[str, str | None]:
    """The widgets as parameters by name; None where one is not asked for."""
    values: dict[str, str | None] = {name: str(value) for name, value in inputs.items()}
    values |= {name: given(inputs[name]) for name in _COMBOS if name in inputs}
    values |= {name: "" if inputs[name] else None for name in _SWITCHES if name in inputs}
    values |= {name: inputs[name].strip() or None for name in _TEXTS if name in inputs}
    values["aspect_ratio"] = custom_ratio.strip() if aspect_ratio == _CUSTOM else aspect_ratio
    values["seed"] = None if seed == _NO_SEED else str(seed)
    return values


def _usual_inputs() -> list[io.Input]:
    return [
        io.String.Input(
            "prompt",
            multiline=True,
            dynamic_prompts=True,
            tooltip="What the pictures should show. Parameters that you type here (--ar 16:9) go before the inputs below, and "
            "weights (cat::2) pass as they are. Links to pictures come first.",
        ),
        io.Combo.Input(
            "version",
            options=list(VERSIONS),
            default=DEFAULT_VERSION,
            tooltip="Which Midjourney; niji draws anime. A version typed in the prompt (--v 6.1, --niji 6) goes before this.",
        ),
        io.Combo.Input("aspect_ratio", options=_RATIOS, tooltip='Width to height (--ar). "custom" takes custom_ratio.'),
        io.Combo.Input(
            "style",
            options=_STYLES,
            tooltip="raw is less prettified (5.1 and later); cute, expressive, original and scenic are niji 5's; 4a to 4c "
            "version 4's (--style).",
        ),
        io.Int.Input(
            "stylize",
            default=100,
            min=0,
            max=60000,
            tooltip="How much of Midjourney's own taste, 0 to 1000; version 3 takes 625 to 60000 (--stylize).",
        ),
        io.Int.Input("chaos", default=0, min=0, max=100, tooltip="How much the four pictures differ (--chaos)."),
        io.Int.Input(
            "weird", default=0, min=0, max=3000, tooltip="How odd they may be. Version 5 and later (--weird)."
        ),
        io.String.Input("no", default="", tooltip="What should not be there, with commas between (--no)."),
        take_input(),
    ]


def _rare_inputs() -> list[io.Input]:
    inputs: list[io.Input] = [
        io.String.Input(
            "custom_ratio", default="1:1", tooltip='Such as 7:3, in whole numbers, when aspect_ratio is "custom".'
        ),
        io.Combo.Input(
            "speed",
            options=[DEFAULT, "fast", "relax", "turbo"],
            tooltip="relax is cheap and slow, turbo dear and quick; the default is your gateway's.",
        ),
        io.Combo.Input(
            "quality",
            options=[DEFAULT, "0.25", "0.5", "1", "2", "4"],
            tooltip="Time spent on details: 1, 2 or 4 with version 7; less with older ones (--quality).",
        ),
        io.Boolean.Input(
            "draft", default=False, tooltip="Half the price, a quarter of the pixels. Version 7 (--draft)."
        ),
        io.Combo.Input(
            "resolution",
            options=[DEFAULT, "hd", "sd"],
            tooltip="Twice the pixels on each side, or not. Version 8 (--hd, --sd).",
        ),
        io.Boolean.Input(
            "tile", default=False, tooltip="A pattern that repeats without seams. Not in 4 and 8 (--tile)."
        ),
        io.Int.Input(
            "seed",
            default=_NO_SEED,
            min=_NO_SEED,
            max=_MOST_SEED,
            # The editor would change a seed after each run on its own, and each change is a purchase.
            control_after_generate=False,
            tooltip="Where the noise begins: nearly the same pictures for the same words. −1 leaves it to Midjourney; for other "
            "pictures change take (--seed).",
        ),
        io.Int.Input(
            "repeat",
            default=1,
            min=1,
            max=40,
            tooltip="How many grids of the same prompt; each is paid for. They come as a list (--repeat).",
        ),
        io.Int.Input("stop", default=100, min=10, max=100, tooltip="Stop early, in percent. Up to version 6 (--stop)."),
        io.Int.Input(
            "experimental", default=0, min=0, max=100, tooltip="More life in the picture. Versions 7 and 8.1 (--exp)."
        ),
        io.String.Input("profile", default="", tooltip="Codes of your account's own taste. Version 6 and later (--p)."),
        io.Combo.Input(
            "visibility",
            options=[DEFAULT, "public", "stealth"],
            tooltip="Whether others see the pictures at Midjourney. stealth needs a Pro plan (--stealth).",
        ),
    ]
    return [advanced(entry) for entry in inputs]


def _reference_inputs() -> list[io.Input]:
    inputs: list[io.Input] = [
        io.String.Input(
            "style_reference",
            default="",
            tooltip="Links to pictures whose style is taken, style codes, or random. Version 6 and later (--sref).",
        ),
        io.Int.Input("style_weight", default=100, min=0, max=1000, tooltip="How strongly the style is taken (--sw)."),
        io.Combo.Input(
            "style_version",
            options=[DEFAULT, *map(str, range(1, 8))],
            tooltip="How the style is read: 1 to 4 with version 6, 1 to 6 with 7, 7 with 8 (--sv).",
        ),
        io.String.Input(
            "character_reference",
            default="",
            tooltip="Links to pictures of the person to draw. Versions 6, 6.1 and niji 6 only (--cref).",
        ),
        io.Int.Input(
            "character_weight",
            default=100,
            min=0,
            max=100,
            tooltip="0 takes only the face, 100 hair and clothes too (--cw).",
        ),
        io.String.Input(
            "omni_reference",
            default="",
            tooltip="One link to a picture of what should be in it. Version 7; costs twice as much (--oref).",
        ),
        io.Int.Input("omni_weight", default=100, min=1, max=1000, tooltip="How closely that is followed (--ow)."),
        io.Float.Input(
            "image_weight",
            default=1.0,
            min=0.0,
            max=3.0,
            step=0.25,
            tooltip="How much the picture counts beside the words, if one is connected or linked (--iw).",
        ),
    ]
    return [advanced(entry) for entry in inputs]


def _image_inputs() -> list[io.Input]:
    return [
        io.Image.Input(
            "image",
            optional=True,
            tooltip="Pictures to begin with, up to 5; a batch counts as several. midjourney-proxy takes any, other gateways "
            "only pictures that came whole from a Midjourney node.",
        ),
        io.Image.Input(
            "style_images",
            optional=True,
            tooltip="Up to 5 pictures whose style is taken. They are uploaded where the gateway can, and their links go to "
            "--sref beside those of style_reference. Version 6 and later.",
        ),
        io.Image.Input(
            "character_images",
            optional=True,
            tooltip="Up to 5 pictures of the person to draw (--cref). Versions 6, 6.1 and niji 6 only.",
        ),
        io.Image.Input(
            "omni_image",
            optional=True,
            tooltip="One picture of what should be in it (--oref), in place of a link. Version 7; costs twice as much.",
        ),
    ]
