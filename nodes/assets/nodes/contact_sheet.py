"""Many pictures on one sheet."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from comfy_api.latest import io

from ... import pictures
from ...hosted.engine.errors import InputRefused
from ...hosted.sockets import all_pictures
from ..choices import THEMES

if TYPE_CHECKING:
    from torch import Tensor

    from ..facts import KnownPicture


class EaselContactSheet(io.ComfyNode):
    """A labelled grid of pictures, with what is known of each."""

    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id="EaselContactSheet",
            display_name="Contact Sheet",
            category="Easel/Assets",
            description="Lays pictures out on one sheet, each with its prompt, model, price and seed. Bought pictures are "
            "recognised by their pixels; nothing needs to be connected for that.",
            is_input_list=True,
            inputs=[
                io.Image.Input("images", tooltip="The pictures, in any sizes: one batch, or a whole list."),
                io.String.Input("title", default="", tooltip="What stands at the top. Empty leaves no room for it."),
                io.Int.Input(
                    "columns",
                    default=0,
                    min=0,
                    max=64,
                    tooltip="Pictures side by side. 0 makes the sheet about square.",
                ),
                io.Int.Input(
                    "cell",
                    default=384,
                    min=64,
                    max=2048,
                    tooltip="Pixels of a picture's longer side on the sheet. Smaller pictures are not blown up.",
                ),
                io.Int.Input("lines", default=4, min=1, max=20, tooltip="The most lines of text below a picture."),
                io.Boolean.Input("show_prompt", default=True, tooltip="Write the prompt below each picture."),
                io.Boolean.Input("show_model", default=True, tooltip="Write the model below each picture."),
                io.Boolean.Input("show_cost", default=True, tooltip="Write what each picture cost."),
                io.Boolean.Input("show_seed", default=True, tooltip="Write the seed, where the provider tells it."),
                io.Combo.Input(
                    "theme", options=list(THEMES), tooltip="Light text on dark paper, or dark text on white."
                ),
                io.String.Input(
                    "labels",
                    optional=True,
                    force_input=True,
                    tooltip="A text for each picture, above all else, such as the labels of Prompt Variations.",
                ),
            ],
            outputs=[
                io.Image.Output("sheet", display_name="sheet", tooltip="The sheet, one picture."),
                io.String.Output(
                    "report", display_name="report", tooltip="How many pictures it shows, and what they cost."
                ),
            ],
        )

    @classmethod
    async def execute(
        cls,
        images: list[Tensor],
        title: list[str],
        columns: list[int],
        cell: list[int],
        lines: list[int],
        show_prompt: list[bool],
        show_model: list[bool],
        show_cost: list[bool],
        show_seed: list[bool],
        theme: list[str],
        labels: list[str] | None = None,
    ) -> io.NodeOutput:
        from ..sheets import Cell, Layout, sheet
        from .lookup import known_of

        known = await known_of(await all_pictures(*images))
        named = _named(labels or [], len(known))
        shown = (show_prompt[0], show_model[0], show_cost[0], show_seed[0])
        cells = [Cell(one.picture, _caption(one, label, *shown)) for one, label in zip(known, named, strict=True)]
        layout = Layout(columns[0], cell[0], lines[0], theme[0], title[0].strip())
        made = await asyncio.to_thread(sheet, cells, layout)
        report = _report(known, made)
        ((image,), _) = pictures.to_batches([made])
        return io.NodeOutput(image, report, ui={"text": [report]})


def _named(labels: list[str], count: int) -> list[str]:
    """A label for each picture: none, one each, or one for as many pictures as the next."""
    if not labels:
        return [""] * count
    each, rest = divmod(count, len(labels))
    if rest or not each:
        raise InputRefused(
            f"There are {len(labels)} labels for {count} pictures: give one for each picture, or for each prompt.",
            input_name="labels",
        )
    return [label for label in labels for _ in range(each)]


def _caption(known: KnownPicture, label: str, prompt: bool, model: bool, cost: bool, seed: bool) -> tuple[str, ...]:
    facts = [known.model if model else "", known.cost if cost else ""]
    facts.append(f"seed {known.seed}" if seed and known.seed is not None else "")
    facts.append("sandbox" if known.sandbox else "")
    return tuple(part for part in (label, known.prompt if prompt else "", " · ".join(filter(None, facts))) if part)


def _report(known: list[KnownPicture], made: pictures.Pixels) -> str:
    from ..facts import total_cost

    bought = sum(one.cost_usd is not None for one in known)
    paid = f", bought for {total_cost(known)} together" if bought else ""
    few = f" ({bought} of them bought)" if 0 < bought < len(known) else ""
    return f"{len(known)} pictures{few} on {made.width}x{made.height} pixels{paid}"
