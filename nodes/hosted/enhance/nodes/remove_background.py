"""Pictures cut out from their background."""

from __future__ import annotations

import asyncio
from typing import Any

from comfy_api.latest import io

from .... import pictures
from ....widgets import advanced, late
from ...schema import DEFAULT, blocked, choice_inputs, choices_of, given, hidden, take_input
from ...sockets import all_pictures, one_picture
from ..models import CUTTERS
from .shared import CATEGORY, EnhanceNode, colours_of, outputs_with, report_on

_AUTO, _RGBA = "auto", "rgba"
_UNSET = -1
"""A number that leaves the setting to remove.bg."""
_REMOVE_BG = CUTTERS["remove.bg"].options


class EaselRemoveBackground(EnhanceNode):
    """Pictures cut out by remove.bg, or by a model on Replicate or fal."""

    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id="EaselRemoveBackground",
            display_name="Remove Background",
            category=CATEGORY,
            description="Cuts the subject out of pictures with remove.bg, or with a model on Replicate or fal, paid with "
            "your own key.",
            inputs=[
                io.Image.Input("image", tooltip="The pictures to cut out. Each one of a batch is paid for."),
                io.Combo.Input(
                    "model",
                    options=list(CUTTERS),
                    tooltip="Who cuts it out. Those on Replicate and fal cost a fraction of a cent, bria about 2 cents, "
                    "remove.bg one of your credits there.",
                ),
                *_remove_bg_inputs(),
                *_other_inputs(),
                advanced(take_input()),
                *choice_inputs(()),
                *_placing_inputs(),
                io.Image.Input(
                    "background",
                    optional=True,
                    tooltip="remove.bg only: a picture to lay behind the subject. Nothing is transparent then.",
                ),
            ],
            outputs=outputs_with(
                io.Mask.Output(
                    "subject",
                    display_name="subject",
                    is_output_list=True,
                    tooltip="The subject as a mask: 1 where it is. The opposite of alpha.",
                )
            ),
            hidden=hidden(),
        )

    @classmethod
    async def execute(
        cls,
        image: Any,
        model: str,
        size: str = _AUTO,
        format: str = _AUTO,
        subject_type: str = _AUTO,
        crop: bool = False,
        crop_margin: str = "",
        background_color: str = "",
        variant: str = DEFAULT,
        threshold: float = 0.0,
        reverse: bool = False,
        take: int = 0,
        on_refusal: str = "",
        key_profile: str = "default",
        channels: str = _RGBA,
        roi: str = "",
        scale: int = _UNSET,
        position: str = "",
        add_shadow: bool = False,
        shadow_type: str = DEFAULT,
        shadow_opacity: int = _UNSET,
        semitransparency: bool = True,
        background: Any = None,
    ) -> io.NodeOutput:
        from ..requests import RemoveBackground
        from .finishing import cut_outs, notes_on

        sent = await all_pictures(image)
        options = {
            "size": _asked(size),
            "format": _asked(format),
            "subject_type": _asked(subject_type),
            "crop": crop or None,
            "crop_margin": crop_margin.strip() or None,
            "background_color": background_color.strip() or None,
            "background": None if background is None else await one_picture("background", background),
            "variant": given(variant),
            "threshold": threshold or None,
            "reverse": reverse or None,
            "channels": None if channels == _RGBA else channels,
            "roi": roi.strip() or None,
            "scale": None if scale == _UNSET else scale,
            "position": position.strip() or None,
            "add_shadow": add_shadow or None,
            "shadow_type": given(shadow_type),
            "shadow_opacity": None if shadow_opacity == _UNSET else shadow_opacity,
            "semitransparency": None if semitransparency else False,
        }
        requests = [RemoveBackground.build(model=model, image=colours_of(one), take=take, **options) for one in sent]
        bought = await cls.each_bought(requests, choices_of(on_refusal, key_profile=key_profile))
        # A new background is to be seen everywhere, also where the picture was transparent before.
        before = [colours_of(one) if asked.has_background else one for one, asked in zip(sent, requests, strict=True)]
        cut = await asyncio.to_thread(cut_outs, bought, before, masks=requests[0].is_mask)
        report = report_on(bought, [notes_on(*one) for one in zip(bought, requests, sent, cut, strict=True)])
        made = [picture for picture in cut if picture is not None]
        if not made:
            return blocked(report, len(cls.GET_SCHEMA().outputs))
        images, alphas = await asyncio.to_thread(pictures.to_batches, made)
        subjects = [1 - alpha for alpha in alphas]
        return io.NodeOutput(images, alphas, subjects, report, ui={"text": [report]})


def _remove_bg_inputs() -> list[io.Input]:
    entries: list[io.Input] = [
        io.Combo.Input(
            "size",
            options=[_AUTO, *_REMOVE_BG["size"].choices],
            default=_AUTO,
            tooltip="remove.bg only: how large, and how many credits. preview is a quarter of a megapixel for 1/4 credit; "
            "medium (1.5), hd (4), full (25) and 50MP (50 megapixels) take 1 credit; auto is full where you have a credit, "
            "else a preview.",
        ),
        io.Combo.Input(
            "format",
            options=[_AUTO, *_REMOVE_BG["format"].choices],
            default=_AUTO,
            tooltip="remove.bg only: how the picture travels. auto is png up to 10 megapixels, and zip beyond, which keeps "
            "transparency up to 25 (50 with size 50MP). webp is smaller than png and reaches as far as zip. jpg has no "
            "transparency.",
        ),
        io.Combo.Input(
            "subject_type",
            options=[_AUTO, *_REMOVE_BG["subject_type"].choices],
            default=_AUTO,
            tooltip="remove.bg only: what stands in front, where it guesses wrong.",
        ),
        io.Boolean.Input(
            "crop", default=False, tooltip="remove.bg and rembg only: cut off what is empty around the subject."
        ),
        io.String.Input(
            "crop_margin",
            default="",
            tooltip="remove.bg only: what stays around a cropped subject, such as 30px or 10%; up to four of them for top, "
            "right, bottom and left.",
        ),
        io.String.Input(
            "background_color",
            default="",
            tooltip="remove.bg only: a colour to lay behind the subject, such as white or #81d4fa. Nothing is transparent "
            "then.",
        ),
    ]
    return [advanced(entry) for entry in entries]


def _other_inputs() -> list[io.Input]:
    entries: list[io.Input] = [
        io.Combo.Input(
            "variant",
            options=[DEFAULT, *CUTTERS["birefnet (fal)"].options["variant"].choices],
            default=DEFAULT,
            tooltip="birefnet only: another training of it. Matting for hair and glass, Portrait for people.",
        ),
        io.Float.Input(
            "threshold",
            default=0.0,
            min=0.0,
            max=1.0,
            step=0.05,
            tooltip="851-labs only: above 0 the edge is hard, and this opacity is where it runs. 0 keeps soft edges.",
        ),
        io.Boolean.Input(
            "reverse", default=False, tooltip="851-labs only: remove the subject, and keep the background."
        ),
    ]
    return [advanced(entry) for entry in entries]


def _placing_inputs() -> list[io.Input]:
    entries: list[io.Input] = [
        io.Combo.Input(
            "channels",
            options=list(_REMOVE_BG["channels"].choices),
            default=_RGBA,
            tooltip="remove.bg only: alpha makes the mask alone, and the colours stay exactly those of your picture, also "
            "where a small size was bought. rgba lets remove.bg clean the colours along the edges.",
        ),
        io.String.Input(
            "roi",
            default="",
            tooltip="remove.bg only: the region in which the subject stands, as left top right bottom, such as 10% 0% 90% 100% "
            "or 40px 0px 600px 480px. Everything outside is removed. Empty looks everywhere.",
        ),
        io.Int.Input(
            "scale",
            default=_UNSET,
            min=_UNSET,
            max=100,
            tooltip="remove.bg only: how much of the picture the subject fills, 10 to 100 percent. It is then centred, unless "
            "position says otherwise. -1 leaves it as it is.",
        ),
        io.String.Input(
            "position",
            default="",
            tooltip="remove.bg only: where the subject stands: original, center, or percentages across and down, such as "
            "50% 90%. Empty leaves it to remove.bg.",
        ),
        io.Boolean.Input(
            "add_shadow",
            default=False,
            tooltip="remove.bg only: paint a shadow below the subject. Made for cars first.",
        ),
        io.Combo.Input(
            "shadow_type",
            options=[DEFAULT, *_REMOVE_BG["shadow_type"].choices],
            default=DEFAULT,
            tooltip="remove.bg only, with add_shadow: which kind. The default is remove.bg's usual one.",
        ),
        io.Int.Input(
            "shadow_opacity",
            default=_UNSET,
            min=_UNSET,
            max=100,
            tooltip="remove.bg only, with add_shadow: how dark the shadow is, 0 to 100 percent. -1 leaves it to remove.bg.",
        ),
        io.Boolean.Input(
            "semitransparency",
            default=True,
            tooltip="remove.bg only: let the windows of cars be half transparent. Off makes them solid.",
        ),
    ]
    return [late(advanced(entry)) for entry in entries]


def _asked(choice: str) -> str | None:
    return None if choice == _AUTO else choice
