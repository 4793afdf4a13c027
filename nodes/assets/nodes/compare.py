"""Models side by side."""

from __future__ import annotations

import asyncio
import json
from typing import TYPE_CHECKING, Any

from comfy_api.latest import io

from ... import pictures
from ...hosted.engine.errors import InputRefused
from ...hosted.sockets import all_pictures
from ..choices import THEMES

if TYPE_CHECKING:
    from ..comparing import Contender

SOCKETS = ("a", "b", "c", "d", "e", "f")


class EaselCompare(io.ComfyNode):
    """The same prompts over several models: a sheet, a table and a manifest."""

    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id="EaselCompare",
            display_name="A/B Compare",
            category="Easel/Assets",
            description="Puts the pictures of several models side by side, a row for each prompt, with prices and times in a "
            "table. Connect the same prompts to every model.",
            is_input_list=True,
            inputs=[
                *(
                    io.Image.Input(
                        letter,
                        optional=number > 1,
                        tooltip=f"The pictures of {'the first' if number == 0 else 'another'} model, in the order of the prompts.",
                    )
                    for number, letter in enumerate(SOCKETS)
                ),
                io.String.Input(
                    "prompts",
                    optional=True,
                    force_input=True,
                    tooltip="The prompts that every model was given. Not needed where the pictures were bought: theirs are known.",
                ),
                io.String.Input(
                    "names",
                    multiline=True,
                    default="",
                    tooltip="What stands above the columns, one name a line, for a, b, c and so on. An empty line takes the "
                    "model's own name.",
                ),
                io.String.Input("title", default="", tooltip="What stands at the top. Empty leaves no room for it."),
                io.Int.Input(
                    "cell", default=384, min=64, max=2048, tooltip="Pixels of a picture's longer side on the sheet."
                ),
                io.Combo.Input(
                    "theme", options=list(THEMES), tooltip="Light text on dark paper, or dark text on white."
                ),
            ],
            outputs=[
                io.Image.Output(
                    "sheet", display_name="sheet", tooltip="All pictures: a row a prompt, a column a model."
                ),
                io.String.Output(
                    "table",
                    display_name="table",
                    tooltip="CSV, a line a model: pictures, cost in US dollars, seconds each, sizes.",
                ),
                io.String.Output(
                    "manifest",
                    display_name="manifest",
                    tooltip="One JSON object a picture and line: prompt, model, cost, seed, size, and the digest of its pixels.",
                ),
                io.String.Output(
                    "report", display_name="report", tooltip="The table in words. The same words show on the node."
                ),
            ],
            is_output_node=True,
        )

    @classmethod
    async def execute(
        cls,
        names: list[str],
        title: list[str],
        cell: list[int],
        theme: list[str],
        prompts: list[str] | None = None,
        **images: list[Any] | None,
    ) -> io.NodeOutput:
        from ..comparing import cells_of, layout_of, lines_of, prompts_of, table_of
        from ..sheets import sheet

        contenders = await _contenders(images, names[0].split("\n"))
        asked = prompts_of(contenders, prompts or [])
        layout = layout_of(contenders, cell[0], theme[0], title[0].strip())
        made = await asyncio.to_thread(sheet, cells_of(contenders, asked), layout)
        ((image,), _) = pictures.to_batches([made])
        manifest = "\n".join(json.dumps(line, ensure_ascii=False) for line in lines_of(contenders, asked))
        report = _report(contenders, asked)
        return io.NodeOutput(image, table_of(contenders), manifest, report, ui={"text": [report]})


async def _contenders(images: dict[str, list[Any] | None], names: list[str]) -> list[Contender]:
    from ..comparing import Contender, name_of
    from .lookup import known_of

    contenders = []
    for number, socket in enumerate(SOCKETS):
        if (batches := images.get(socket)) is None:
            continue
        known = await known_of(await all_pictures(*batches))
        given = names[number] if number < len(names) else ""
        contenders.append(Contender(name_of(known, given, socket), tuple(known)))
    if len(contenders) < 2:
        raise InputRefused("There is nothing to compare: connect the pictures of at least two models.", input_name="b")
    return contenders


def _report(contenders: list[Contender], prompts: list[str]) -> str:
    from ..facts import total_cost

    lines = [f"{len(prompts)} prompts, {len(contenders)} models" if len(prompts) > 1 else f"{len(contenders)} models"]
    for contender in contenders:
        paid = f", {total}" if (total := total_cost(contender.pictures)) else ""
        lines.append(f"{contender.name}: {len(contender.pictures)} pictures{paid}")
    return "\n".join(lines)
