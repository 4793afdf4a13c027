"""A picture on a larger canvas, ready for a model that paints the rest."""

from __future__ import annotations

import asyncio
from typing import Any

from comfy_api.latest import io

from ....widgets import advanced
from ..choices import ANCHORS, EXTEND_BY, FILLS, MAX_SIDE, MULTIPLES, RATIOS

_LARGEST_SEED = 2**32 - 1


class EaselOutpaintCanvas(io.ComfyNode):
    """A larger canvas round a picture, with the mask of what is to be painted."""

    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id="EaselOutpaintCanvas",
            display_name="Outpaint Canvas",
            category="Easel/Masks",
            description="Puts a picture on a larger canvas and masks what is new, ready for a node that fills or inpaints. "
            "Runs on this machine; costs nothing.",
            inputs=[
                io.Image.Input("image", tooltip="The picture to extend; a whole batch if you like."),
                *size_inputs(),
                *_fill_inputs(),
                io.Mask.Input(
                    "alpha",
                    optional=True,
                    tooltip="Transparency of the picture (1 = transparent): it is filled and painted too. A fourth channel of "
                    "the picture counts as well.",
                ),
                io.Mask.Input(
                    "mask",
                    optional=True,
                    tooltip="Something else in the picture to paint anew (1 = change here); joins the mask.",
                ),
            ],
            outputs=_outputs(),
        )

    @classmethod
    async def execute(
        cls,
        image: Any,
        fill: str = FILLS[0],
        overlap: int = 8,
        feather: int = 0,
        blur: int = 32,
        seed: int = 0,
        colour: str = "#808080",
        alpha: Any = None,
        mask: Any = None,
        **size: Any,
    ) -> io.NodeOutput:
        from ..canvas import Wish
        from ..fills import Fill
        from ..outpaint import Seam, outpaint

        made = await asyncio.to_thread(
            outpaint, image, Wish(**size), Fill(fill, blur, seed, colour), Seam(overlap, feather), alpha, mask
        )
        return io.NodeOutput(made.canvas, made.mask, made.alpha, made.report, ui={"text": [made.report]})


def size_inputs() -> list[io.Input]:
    """How large the canvas gets, and where the picture lies on it."""
    sides: list[io.Input] = [
        io.Int.Input(
            side,
            default=256 if side in ("left", "right") else 0,
            min=0,
            max=MAX_SIDE,
            tooltip=f"What to add {where}: pixels, or percent of the picture's {length}, as extend_by says.",
        )
        for side, where, length in (
            ("left", "on the left", "width"),
            ("top", "at the top", "height"),
            ("right", "on the right", "width"),
            ("bottom", "at the bottom", "height"),
        )
    ]
    return [
        io.Combo.Input(
            "extend_by",
            options=EXTEND_BY,
            tooltip="How you say what to add: pixels or percent at each side, a shape to reach (aspect ratio), or a size in "
            "pixels to reach. Nothing of the picture is ever cut off.",
        ),
        *sides,
        io.Combo.Input(
            "aspect_ratio",
            options=RATIOS,
            default="16:9",
            tooltip='Width to height, when extend_by is "aspect ratio". "custom" takes the ratio of the two numbers below.',
        ),
        io.Int.Input(
            "width",
            default=1920,
            min=1,
            max=MAX_SIDE,
            tooltip='Pixels, when extend_by is "size"; one half of a custom aspect ratio otherwise.',
        ),
        io.Int.Input(
            "height",
            default=1080,
            min=1,
            max=MAX_SIDE,
            tooltip='Pixels, when extend_by is "size"; the other half of a custom aspect ratio otherwise.',
        ),
        io.Combo.Input(
            "anchor",
            options=list(ANCHORS),
            tooltip="Where the picture sits on the canvas, for aspect ratio and size: at the left, what is new comes on the "
            "right.",
        ),
        io.Combo.Input(
            "multiple_of",
            options=MULTIPLES,
            default="16",
            tooltip="Makes width and height multiples of this, as most models want it, by adding a few pixels more; the report "
            'says so. 1 leaves them alone, and so does extend_by "size".',
        ),
    ]


def _fill_inputs() -> list[io.Input]:
    return [
        io.Combo.Input(
            "fill",
            options=FILLS,
            tooltip="What lies in the new parts until a model paints there. edge continues the picture's border; blur does so "
            "softly; noise scatters the picture's own colours; transparent leaves them empty (see alpha).",
        ),
        io.Int.Input(
            "overlap",
            default=8,
            min=0,
            max=512,
            tooltip="How many pixels of the picture along the seam are painted anew too, so that the seam does not show. 0 keeps "
            "every pixel of the picture.",
        ),
        advanced(
            io.Int.Input(
                "feather",
                default=0,
                min=0,
                max=512,
                tooltip="Over how many more pixels, further inside the picture, the mask fades out. 0 gives a hard mask, as "
                "hosted fill models want it; local inpainting often blends better with 16 to 48.",
            )
        ),
        advanced(
            io.Int.Input(
                "blur",
                default=32,
                min=0,
                max=512,
                tooltip='How soft, in pixels, when fill is "blur"; 0 is the same as edge.',
            )
        ),
        advanced(
            io.Int.Input(
                "seed",
                default=0,
                min=0,
                max=_LARGEST_SEED,
                # Noise that changes by itself would make the purchase that hangs on it another one.
                control_after_generate=False,
                tooltip='Which noise, when fill is "noise": the same number gives the same noise.',
            )
        ),
        advanced(
            io.String.Input(
                "colour", default="#808080", tooltip='When fill is "colour": a name such as white, or #rrggbb.'
            )
        ),
    ]


def _outputs() -> list[io.Output]:
    return [
        io.Image.Output(
            "canvas", display_name="canvas", tooltip="The picture on its larger canvas; red, green and blue."
        ),
        io.Mask.Output(
            "fill_mask",
            display_name="mask",
            tooltip="Where to paint: 1 in the new parts and along the seam, 0 elsewhere.",
        ),
        io.Mask.Output(
            "canvas_alpha",
            display_name="alpha",
            tooltip='Transparency of the canvas: 1 is transparent. All opaque unless fill is "transparent".',
        ),
        io.String.Output("report", display_name="report", tooltip="The size of the canvas and what was added where."),
    ]
