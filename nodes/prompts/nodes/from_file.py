"""Prompts that stand in a table."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import TYPE_CHECKING

from comfy_api.latest import io

from ... import host
from ...widgets import advanced
from .. import files
from ..choices import AUTO, ENDINGS, FORMATS
from ..data import PromptProblem
from .shared import CATEGORY, seed_input

if TYPE_CHECKING:
    from .. import tables

TABLE = "the table below"
_EXAMPLE = (
    "prompt,seed,label\na red circle on a blue background,1,circle\na green triangle on a yellow background,2,triangle"
)
_LARGEST_COUNT = 1_000_000
_USES = {
    "prompt": ("prompt", "prompt, text or positive", "must be there"),
    "negative": ("negative prompt", "negative or negative_prompt", "empty where there is none"),
    "seed": ("seed", "seed", "the seed above where there is none"),
    "label": ("label", "label, name, title or id", "the prompt where there is none"),
}


class EaselPromptsFromFile(io.ComfyNode):
    """A list of prompts from a file in the input folder, or from a table typed here."""

    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id="EaselPromptsFromFile",
            display_name="Prompts From File",
            category=CATEGORY,
            description="Reads prompts from lines of text, a CSV or JSON lines in ComfyUI's input folder, with seeds and negative "
            "prompts of their own. Image nodes make a picture of each. Costs nothing itself.",
            inputs=[
                io.Combo.Input(
                    "file",
                    options=[TABLE, *files.listed(host.input_folder(), ENDINGS)],
                    default=TABLE,
                    tooltip="A .txt, .csv, .tsv, .jsonl or .ndjson file in ComfyUI's input folder. Press R after adding one.",
                ),
                io.String.Input(
                    "table",
                    multiline=True,
                    default=_EXAMPLE,
                    tooltip="Used where no file is chosen: a prompt a line, a CSV with its header, or JSON lines.",
                ),
                io.Int.Input(
                    "start", default=1, min=1, max=_LARGEST_COUNT, tooltip="The first row to take; 1 is the first."
                ),
                io.Int.Input(
                    "limit",
                    default=100,
                    min=1,
                    max=_LARGEST_COUNT,
                    tooltip="How many rows to take at most. The node says how many there are in all.",
                ),
                seed_input("The seed of rows that have none of their own."),
                advanced(
                    io.Combo.Input(
                        "format",
                        options=list(FORMATS),
                        tooltip="What is in the file, if its name does not say so. A table above is recognised by its first line.",
                    )
                ),
                *(_column_input(use) for use in _USES),
            ],
            outputs=[
                _list_output("prompts", "prompts", "The prompts, as a list: an image node makes a picture of each."),
                _list_output(
                    "negatives", "negative prompts", "The negative prompt of each row; empty where it has none."
                ),
                io.Int.Output("seeds", display_name="seeds", is_output_list=True, tooltip="The seed of each row."),
                _list_output("labels", "labels", "A short name of each row, fit for file names."),
                _list_output("rows", "rows", "All cells of each row, as JSON."),
                io.Int.Output("count", display_name="count", tooltip="How many rows were taken."),
            ],
            is_output_node=True,
        )

    @classmethod
    def validate_inputs(cls, file: str | None) -> bool | str:
        """Says that a file is missing before anything in the graph is bought; files in folders below may be named too."""
        if file is None or file == TABLE:
            return True
        try:
            _path(file)
        except PromptProblem as problem:
            return str(problem)
        return True

    @classmethod
    def fingerprint_inputs(cls, file: str | None, **_inputs: object) -> str:
        """Reads the file again once something else stands in it."""
        return "" if file in (None, TABLE) else files.digest(_path(str(file)))

    @classmethod
    async def execute(
        cls,
        file: str,
        table: str,
        start: int,
        limit: int,
        seed: int,
        format: str = AUTO,
        **columns: str,
    ) -> io.NodeOutput:
        named = {use: columns.get(f"{use}_column", "") for use in _USES}
        taken, count = await asyncio.to_thread(_taken, file, table, format, start, limit, named, seed)
        last = start + len(taken) - 1
        told = f"Rows {start} to {last} of {count}" + ("; raise limit for more" if last < count else "")
        lists = ([getattr(one, part) for one in taken] for part in ("prompt", "negative", "seed", "label", "row"))
        return io.NodeOutput(*lists, len(taken), ui={"text": [told]})


def _taken(
    file: str, table: str, format: str, start: int, limit: int, columns: dict[str, str], seed: int
) -> tuple[list[tables.Wish], int]:
    """The rows that were asked for, and how many there are in all."""
    from .. import tables

    name = "" if file == TABLE else file
    text = tables.decode(files.contents(_path(file))) if name else table
    found = list(tables.rows(text, tables.format_of(text, name) if format == AUTO else format))
    return tables.wishes(tables.part(found, start, limit, name or "the table"), columns, seed), len(found)


def _path(file: str) -> Path:
    return files.found(host.input_folder(), file, ENDINGS)


def _column_input(use: str) -> io.Input:
    what, usual, otherwise = _USES[use]
    return advanced(
        io.String.Input(
            f"{use}_column",
            default="",
            tooltip=f"The column with the {what}. Empty: {usual}; {otherwise}.",
        )
    )


def _list_output(name: str, shown: str, tooltip: str) -> io.Output:
    return io.String.Output(name, display_name=shown, is_output_list=True, tooltip=tooltip)
