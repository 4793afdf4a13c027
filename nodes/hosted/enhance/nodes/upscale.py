"""Pictures made larger."""

from __future__ import annotations

import asyncio
import secrets
from typing import Any

from comfy_api.latest import io

from .... import pictures
from ...engine.request import RANDOM_SEED
from ...schema import DEFAULT, advanced, blocked, choice_inputs, choices_of, given, hidden
from ...sockets import all_pictures, with_alphas
from ..models import MAX_SEED, UPSCALERS
from .shared import CATEGORY, EnhanceNode, colours_of, outputs_with, report_on

_LEFT_TO_MODEL = -1.0


class EaselUpscale(EnhanceNode):
    """Pictures made larger by an upscaler on Replicate or fal."""

    @classmethod
    def define_schema(cls) -> io.Schema:
        variants = [choice for row in UPSCALERS.values() if (o := row.options.get("variant")) for choice in o.choices]
        return io.Schema(
            node_id="EaselUpscale",
            display_name="Upscale",
            category=CATEGORY,
            description="Makes pictures larger with an upscaler on Replicate or fal, paid with your own key. Transparency "
            "is kept.",
            inputs=[
                io.Image.Input("image", tooltip="The pictures to enlarge. Each one of a batch is paid for."),
                io.Combo.Input(
                    "model",
                    options=list(UPSCALERS),
                    tooltip="The upscaler, and in brackets who serves it and whose key pays. Real-ESRGAN, ESRGAN and "
                    "AuraSR stay close to the picture; Clarity paints new detail into it and costs more.",
                ),
                io.Float.Input(
                    "scale",
                    default=2.0,
                    min=1.0,
                    max=10.0,
                    step=0.5,
                    tooltip="How many times as wide and high. Real-ESRGAN takes up to 10, ESRGAN up to 8, Clarity on fal up "
                    "to 4; AuraSR takes 4 and nothing else. The result has at most 40 megapixels.",
                ),
                io.Int.Input(
                    "seed",
                    default=0,
                    min=RANDOM_SEED,
                    max=MAX_SEED,
                    # The editor would change a seed after each run on its own, and each change is a purchase.
                    control_after_generate=False,
                    tooltip="The same seed and inputs give the picture you already have, for nothing; another number buys "
                    "another. -1 draws one each time. Only Clarity has a real seed: elsewhere it only tells takes apart.",
                ),
                advanced(
                    io.Boolean.Input(
                        "face_enhancement",
                        default=False,
                        tooltip="Real-ESRGAN and ESRGAN only: restore faces as well. Drawn faces come out better without.",
                    )
                ),
                advanced(
                    io.String.Input(
                        "prompt",
                        default="",
                        multiline=True,
                        dynamic_prompts=True,
                        tooltip="Clarity only: what the picture shows, so that the new detail fits. Empty leaves it to the "
                        "model.",
                    )
                ),
                advanced(_dial("creativity", 1.0, "how much may be invented, from 0 to 1; its own is 0.35")),
                advanced(
                    _dial(
                        "resemblance",
                        3.0,
                        "how closely to keep to the picture, up to 1 on fal and 3 on Replicate; its own is 0.6",
                    )
                ),
                advanced(
                    io.Combo.Input(
                        "variant",
                        options=[DEFAULT, *variants],
                        default=DEFAULT,
                        tooltip="Another training of the same model: anime for drawings (ESRGAN), v2 for AuraSR.",
                    )
                ),
                advanced(
                    io.Boolean.Input(
                        "overlapping_tiles",
                        default=False,
                        tooltip="AuraSR only: hides the seams between its tiles, and takes twice as long.",
                    )
                ),
                *choice_inputs(()),
                io.Mask.Input(
                    "image_alpha",
                    optional=True,
                    tooltip="Transparency of the pictures (1 = transparent). It is enlarged here and comes out at alpha.",
                ),
            ],
            outputs=outputs_with(),
            hidden=hidden(),
        )

    @classmethod
    def fingerprint_inputs(cls, **inputs: Any) -> str:
        # The host would hand out the last picture again, because the inputs are the same.
        drawn = secrets.token_hex(8) if inputs.get("seed") == RANDOM_SEED else ""
        return super().fingerprint_inputs(**inputs) + drawn

    @classmethod
    async def execute(
        cls,
        image: Any,
        face_enhancement: bool = False,
        prompt: str = "",
        creativity: float = _LEFT_TO_MODEL,
        resemblance: float = _LEFT_TO_MODEL,
        variant: str = DEFAULT,
        overlapping_tiles: bool = False,
        on_refusal: str = "",
        key_profile: str = "default",
        image_alpha: Any = None,
        **fields: Any,
    ) -> io.NodeOutput:
        from ..requests import Upscale
        from .finishing import drawn_seed, enlarged

        sent = await with_alphas("image_alpha", await all_pictures(image), image_alpha)
        options = {
            "face_enhancement": face_enhancement or None,
            "prompt": prompt.strip() or None,
            "creativity": None if creativity < 0 else creativity,
            "resemblance": None if resemblance < 0 else resemblance,
            "variant": given(variant),
            "overlapping_tiles": overlapping_tiles or None,
        }
        requests = [Upscale.build(image=colours_of(one), **fields, **options) for one in sent]
        bought = await cls.each_bought(requests, choices_of(on_refusal, key_profile=key_profile))
        report = report_on(bought, [drawn_seed(*pair) for pair in zip(bought, requests, strict=True)])
        made = await asyncio.to_thread(enlarged, bought, sent)
        if not made:
            return blocked(report, len(outputs_with()))
        images, alphas = await asyncio.to_thread(pictures.to_batches, made)
        return io.NodeOutput(images, alphas, report, ui={"text": [report]})


def _dial(name: str, most: float, what: str) -> io.Input:
    return io.Float.Input(
        name,
        default=_LEFT_TO_MODEL,
        min=_LEFT_TO_MODEL,
        max=most,
        step=0.05,
        tooltip=f"Clarity only: {what}. -1 leaves it to the model.",
    )
