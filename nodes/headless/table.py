"""The rows of a table: CSV, TSV or JSON lines, read one by one however many there are."""

from __future__ import annotations

import csv
import itertools
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TextIO

from .problem import Problem

Row = Mapping[str, Any]

_SAMPLE = 64 * 1024


@dataclass(frozen=True)
class Table:
    """A file with a row for every run."""

    path: Path

    def rows(self) -> Iterator[tuple[int, Row]]:
        """Each row with its number, 1 for the first below the header. Raises :class:`Problem` for what is no table."""
        try:
            with self.path.open(encoding="utf-8-sig", newline="") as file:
                read = self._json_lines if self.path.suffix.lower() in (".jsonl", ".ndjson") else self._cells
                yield from enumerate(read(file), start=1)
        except FileNotFoundError:
            raise Problem(f"There is no table {self.path}.") from None
        except UnicodeDecodeError:
            raise Problem(f"{self.path} is not UTF-8 text: save it as CSV with UTF-8.") from None
        except OSError as error:
            raise Problem(f"The table {self.path} cannot be read: {error.strerror}.") from None

    def columns(self) -> list[str]:
        """The names of the columns; of all rows, for JSON lines need not all have the same."""
        names = {name: None for _, row in self.rows() for name in row}
        if not names:
            raise Problem(f"{self.path} has no rows.")
        return list(names)

    def _cells(self, file: TextIO) -> Iterator[Row]:
        sample = file.read(_SAMPLE)
        file.seek(0)
        delimiter = "\t" if self.path.suffix.lower() == ".tsv" else _delimiter(sample)
        reader = csv.DictReader(file, delimiter=delimiter, strict=True)
        try:
            self._check_header([name.strip() for name in reader.fieldnames or ()])
            for row in reader:
                if None in row or None in row.values():
                    raise Problem(f"Line {reader.line_num} of {self.path} has not as many cells as the header.")
                if any(value.strip() for value in row.values()):
                    yield {name.strip(): value for name, value in row.items()}
        except csv.Error as error:
            raise Problem(f"Line {reader.line_num} of {self.path} cannot be read: {error}.") from None

    def _check_header(self, names: list[str]) -> None:
        # Columns that spreadsheets leave empty at the side have no name, and go nowhere.
        if twice := [name for name in names if name and names.count(name) > 1]:
            raise Problem(f"{self.path} has two columns {twice[0]}: give one another name.")

    def _json_lines(self, file: TextIO) -> Iterator[Row]:
        for number, line in enumerate(file, start=1):
            if not line.strip():
                continue
            try:
                row = json.loads(line)
            except ValueError:
                row = None
            if not isinstance(row, dict):
                raise Problem(f"Line {number} of {self.path} is no JSON object.")
            yield row


def _delimiter(sample: str) -> str:
    """What stands between the cells of the header: spreadsheets of many countries write semicolons."""
    header = "".join(itertools.takewhile(lambda letter: letter not in "\r\n", sample))
    return max((",", ";", "\t"), key=header.count)
