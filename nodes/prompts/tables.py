"""Prompts from a table: lines of text, CSV or JSON lines, with columns mapped to inputs."""

from __future__ import annotations

import codecs
import csv
import io
import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from .choices import CSV, ENDINGS, JSONL, TXT
from .data import PromptProblem
from .variations import safe_label

USUAL = {
    "prompt": ("prompt", "text", "positive"),
    "negative": ("negative", "negative_prompt", "negative prompt"),
    "seed": ("seed",),
    "label": ("label", "name", "title", "id"),
}
"""What a column is usually called, where nobody says."""

_QUOTED = re.compile(r'"[^"]*"')
_DELIMITERS = ",;\t|"
_LARGEST_SEED = 2**64 - 1


@dataclass(frozen=True)
class Row:
    """One line of a table, and its number in the file."""

    line: int
    cells: Mapping[str, Any]


@dataclass(frozen=True)
class Wish:
    """What an image node takes of a row."""

    prompt: str
    negative: str
    seed: int
    label: str
    row: str
    """All cells, as JSON."""


def decode(data: bytes) -> str:
    """The text of a file: UTF-8, or UTF-16 as spreadsheets write it. Raises :class:`PromptProblem` naming the broken line."""
    encoding = "utf-16" if data.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)) else "utf-8-sig"
    try:
        return data.decode(encoding)
    except UnicodeDecodeError as error:
        line = data[: error.start].count(b"\n") + 1
        raise PromptProblem(
            f"Line {line} is not UTF-8 text. Save the file again as UTF-8 (in Excel: CSV UTF-8)."
        ) from error


def format_of(text: str, name: str = "") -> str:
    """The format that a file's name says, or that a text without a name looks like."""
    if name:
        return next(found for ending, found in ENDINGS.items() if name.lower().endswith(ending))
    first = next((line for line in text.splitlines() if line.strip()), "")
    if first.lstrip().startswith("{"):
        return JSONL
    header = [cell.strip().casefold() for cell in next(csv.reader([first], delimiter=_delimiter(first)), [])]
    return CSV if len(header) > 1 and set(header) & set(USUAL["prompt"]) else TXT


def rows(text: str, format: str) -> Iterator[Row]:
    """The rows of a table. Raises :class:`PromptProblem` naming the line that is broken."""
    return {TXT: _lines, CSV: _csv, JSONL: _json_lines}[format](text)


def part(found: Sequence[Row], start: int, limit: int, name: str) -> Sequence[Row]:
    """``limit`` rows from the one numbered ``start``, from 1. Raises :class:`PromptProblem` where there are none."""
    if not found:
        raise PromptProblem(f"There are no prompts in {name}: write one a line, or rows below the header.")
    if start > len(found):
        raise PromptProblem(f"There is no row {start}: {name} has {len(found)}.")
    return found[start - 1 : start - 1 + limit]


def wishes(found: Sequence[Row], columns: Mapping[str, str], seed: int) -> list[Wish]:
    """What the rows ask for; ``columns`` names the columns of prompt, negative, seed and label, empty for the usual names.

    Rows without a seed get ``seed``. Raises :class:`PromptProblem` for a column that is missing, naming those there are, and
    for a row without a prompt or with a seed that is no whole number.
    """
    known: dict[str, None] = dict.fromkeys(name for row in found for name in row.cells)
    names = {use: _column(use, columns.get(use, "").strip(), known) for use in USUAL}
    if found and names["prompt"] is None:
        raise PromptProblem(
            f"There is no column prompt. There are: {', '.join(known)}. Name one of them in prompt_column."
        )
    return [_wish(row, names, seed) for row in found]


def _wish(row: Row, names: Mapping[str, str | None], seed: int) -> Wish:
    prompt, negative, label = (_text(row, names[use]) for use in ("prompt", "negative", "label"))
    if not prompt.strip():
        raise PromptProblem(f"Line {row.line} has no prompt in the column {names['prompt']}.")
    return Wish(
        prompt=prompt,
        negative=negative,
        seed=_seed(row, names["seed"], seed),
        label=safe_label(label or prompt),
        row=json.dumps(row.cells, ensure_ascii=False),
    )


def _column(use: str, wanted: str, known: Mapping[str, None]) -> str | None:
    """The column for a use. A name that was asked for must be there; a usual one may be missing."""
    by_name = {name.strip().casefold(): name for name in known}
    if not wanted:
        return next((by_name[usual] for usual in USUAL[use] if usual in by_name), None)
    if known and wanted.casefold() not in by_name:
        raise PromptProblem(f"There is no column {wanted!r} for the {use}. There are: {', '.join(known)}.")
    return by_name.get(wanted.casefold())


def _text(row: Row, name: str | None) -> str:
    value = row.cells.get(name) if name else None
    if value is None:
        return ""
    if isinstance(value, (dict, list)):
        raise PromptProblem(f"Line {row.line}: {name} must be a text, and it is {json.dumps(value)[:60]}.")
    return value.strip() if isinstance(value, str) else json.dumps(value)


def _seed(row: Row, name: str | None, seed: int) -> int:
    value = row.cells.get(name) if name else None
    if value is None or value == "":
        return seed
    try:
        number = _whole(value)
    except (ValueError, OverflowError):
        number = None
    if number is None or not 0 <= number <= _LARGEST_SEED:
        raise PromptProblem(f"Line {row.line}: the seed {value!r} is no whole number from 0 to {_LARGEST_SEED}.")
    return number


def _whole(value: Any) -> int | None:
    """A whole number, also as the 3.0 that spreadsheets make of 3; None, or ValueError, for anything else."""
    if isinstance(value, str):
        # Seeds are too long for a float.
        value = float(value) if "." in value else int(value)
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return None
    return int(value) if value == int(value) else None


def _lines(text: str) -> Iterator[Row]:
    for number, line in enumerate(text.splitlines(), 1):
        if line.strip() and not line.lstrip().startswith("#"):
            yield Row(number, {"prompt": line.strip()})


def _csv(text: str) -> Iterator[Row]:
    first = next((line for line in text.splitlines() if line.strip()), "")
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=_delimiter(first), strict=True, skipinitialspace=True)
    header: list[str] = []
    while True:
        begins = reader.line_num + 1
        try:
            cells = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            raise PromptProblem(f"Line {begins} is no proper CSV: {error}. Is a quotation mark missing?") from error
        if not any(cell.strip() for cell in cells):
            continue
        if not header:
            header = _header(cells)
        elif len(cells) > len(header):
            raise PromptProblem(
                f"Line {begins} has {len(cells)} cells and the header has {len(header)}. Put a text that holds the separator in "
                'quotation marks: "a fox, at night".'
            )
        else:
            # Columns that a spreadsheet leaves empty at the side have no name.
            yield Row(begins, {name: cell for name, cell in zip(header, cells, strict=False) if name})


def _header(cells: Sequence[str]) -> list[str]:
    names = [cell.strip() for cell in cells]
    twice = next((name for name in names if name and names.count(name) > 1), None)
    if twice is not None:
        raise PromptProblem(f"The header names the column {twice!r} twice: give one another name.")
    return names


def _delimiter(header: str) -> str:
    """What parts the cells of a header: whatever makes the most of them."""
    return max(_DELIMITERS, key=_QUOTED.sub("", header).count)


def _json_lines(text: str) -> Iterator[Row]:
    # Not splitlines: JSON texts may hold the separators of Unicode as they are.
    for number, line in enumerate(text.split("\n"), 1):
        if not line.strip():
            continue
        try:
            value = json.loads(line)
        except (ValueError, RecursionError) as error:
            raise PromptProblem(f"Line {number} is no JSON: {error}.") from error
        if isinstance(value, str):
            value = {"prompt": value}
        if not isinstance(value, dict):
            raise PromptProblem(f'Line {number} must be a JSON object such as {{"prompt": "a fox"}}.')
        yield Row(number, value)
