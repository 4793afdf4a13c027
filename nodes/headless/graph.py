"""A workflow in API format with a row's cells put into its inputs."""

from __future__ import annotations

import copy
import hashlib
import json
import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from .problem import Problem
from .table import Row

_RANDOM = -1
_INTEGER = "PrimitiveInt"
_LARGEST_SEED = 2**31 - 1
"""What every provider takes."""
_TRUE, _FALSE = ("true", "yes", "on", "1"), ("false", "no", "off", "0")


@dataclass(frozen=True)
class Target:
    """An input of a node."""

    node: str
    name: str

    def __str__(self) -> str:
        return f"{self.node}.{self.name}"


@dataclass(frozen=True)
class Workflow:
    """A graph as the editor's Export (API) writes it."""

    nodes: Mapping[str, Any]

    @classmethod
    def read(cls, path: Path) -> Workflow:
        """Raises :class:`Problem` for what is no such file."""
        try:
            told = json.loads(path.read_text(encoding="utf-8-sig"))
        except FileNotFoundError:
            raise Problem(f"There is no workflow {path}.") from None
        except ValueError:
            raise Problem(f"{path} is no JSON.") from None
        except OSError as error:
            raise Problem(f"The workflow {path} cannot be read: {error.strerror}.") from None
        if isinstance(told, dict) and isinstance(told.get("nodes"), list):
            raise Problem(f"{path} is the editor's own file: in ComfyUI use Workflow > Export (API) and give that one.")
        is_graph = isinstance(told, dict) and told and all(_is_node(node) for node in told.values())
        if not is_graph:
            raise Problem(f"{path} is no workflow in API format: in ComfyUI use Workflow > Export (API).")
        return cls(told)

    def targets(self, columns: Sequence[str], mapped: Sequence[str]) -> dict[Target, str]:
        """The inputs that columns go into, each with its column; ``mapped`` are the user's own ``column=NODE.input``.

        A column may also be called NODE.input, or like an input that only one node has. Columns that are neither are
        left out. Raises :class:`Problem` for an input that is not there, for two columns that belong to the same one, or
        where nothing would change from row to row.
        """
        found: dict[Target, str] = {}
        for entry in mapped:
            self._add(found, *self._mapped(entry, columns))
        said = dict(found)
        for column in columns:
            target = None if column in said.values() else self._target(column) or self._only_input(column)
            # What was said goes before what a name suggests.
            if target is not None and target not in said:
                self._add(found, target, column)
        if not found:
            raise Problem(
                f"No column ({', '.join(columns)}) belongs to an input of the workflow: name columns like an input "
                f"(prompt) or NODE.input (6.prompt), or say --map column=NODE.input. Its inputs: {self._inputs()}."
            )
        return found

    def with_fractions(self, takes_fractions: Callable[[str, str], bool], targets: Iterable[Target]) -> Workflow:
        """The same with 4.0 where the editor, which writes whole numbers only so, has left a 4 in an input for fractions.

        ``takes_fractions`` is asked with a node's class and the name of an input.
        """
        nodes = copy.deepcopy(dict(self.nodes))
        for target in targets:
            node = nodes[target.node]
            value = node["inputs"][target.name]
            is_whole = isinstance(value, int) and not isinstance(value, bool)
            if is_whole and takes_fractions(node["class_type"], target.name):
                node["inputs"][target.name] = float(value)
        return Workflow(nodes)

    def filled(self, row: Row, targets: Mapping[Target, str], number: int) -> dict[str, Any]:
        """The graph with this row's cells. An empty cell leaves what the workflow says. Raises :class:`Problem`."""
        nodes: dict[str, Any] = copy.deepcopy(dict(self.nodes))
        for target, column in targets.items():
            cell = row.get(column)
            if cell is None or cell == "":
                continue
            inputs = nodes[target.node]["inputs"]
            inputs[target.name] = _like(inputs.get(target.name), cell, f"Row {number}, column {column}")
        return nodes

    def _add(self, found: dict[Target, str], target: Target, column: str) -> None:
        if found.setdefault(target, column) != column:
            raise Problem(
                f"The columns {found[target]} and {column} both belong to {target}: say --map COLUMN={target}."
            )

    def _mapped(self, entry: str, columns: Sequence[str]) -> tuple[Target, str]:
        column, equals, place = entry.partition("=")
        if not equals:
            raise Problem(f"--map {entry}: write it as column=NODE.input.")
        if column not in columns:
            raise Problem(f"--map {entry}: the table has no column {column}, only {', '.join(columns)}.")
        target = self._target(place)
        if target is None:
            raise Problem(f"--map {entry}: the workflow has no input {place}. Its inputs: {self._inputs()}.")
        return target, column

    def _target(self, place: str) -> Target | None:
        """``NODE.input``, where NODE is an id or a title that only one node has."""
        node, dot, name = place.rpartition(".")
        if not dot:
            return None
        named = [key for key, told in self.nodes.items() if _title(told) == node]
        key = node if node in self.nodes else named[0] if len(named) == 1 else ""
        return Target(key, name) if key and name in self.nodes[key]["inputs"] else None

    def _only_input(self, name: str) -> Target | None:
        found = [key for key, told in self.nodes.items() if _is_constant(told["inputs"].get(name))]
        return Target(found[0], name) if len(found) == 1 else None

    def _inputs(self) -> str:
        names = [
            f"{key}.{name}"
            for key, told in self.nodes.items()
            for name, value in told["inputs"].items()
            if _is_constant(value)
        ]
        return ", ".join(names[:20]) + (", …" if len(names) > 20 else "")


def digest_of(graph: Mapping[str, Any]) -> str:
    """SHA-256 of a graph: what was run for a row, whatever the table's other columns say."""
    text = json.dumps(graph, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()


def drawn(graph: Mapping[str, Any], draw: str) -> dict[str, Any]:
    """The graph with a seed in place of every -1 that Easel would draw one for; the same ``draw`` gives the same seeds.

    A node with a ``take`` leaves its seed to the provider: there -1 asks for none.
    """
    return {name: _with_seed(node, graph, f"{draw}/{name}") for name, node in graph.items()}


def _with_seed(node: Mapping[str, Any], graph: Mapping[str, Any], draw: str) -> Mapping[str, Any]:
    inputs = node["inputs"]
    if not str(node["class_type"]).startswith("Easel") or _seed_of(inputs, graph) != _RANDOM or "take" in inputs:
        return node
    seed = int.from_bytes(hashlib.sha256(draw.encode()).digest()[:4], "big") & _LARGEST_SEED
    return {**node, "inputs": {**inputs, "seed": seed}}


def _seed_of(inputs: Mapping[str, Any], graph: Mapping[str, Any]) -> Any:
    """The seed, also where it stands in a node of its own."""
    seed = inputs.get("seed")
    if _is_constant(seed):
        return seed
    source = graph.get(str(seed[0])) if seed else None
    return source["inputs"].get("value") if source and source["class_type"] == _INTEGER else None


def _is_node(node: Any) -> bool:
    return isinstance(node, dict) and "class_type" in node and isinstance(node.get("inputs"), dict)


def _title(node: Mapping[str, Any]) -> str:
    return str((node.get("_meta") or {}).get("title", ""))


def _is_constant(value: Any) -> bool:
    return value is not None and not isinstance(value, list)


def _like(before: Any, cell: Any, where: str) -> Any:
    """The cell as the kind of value that the workflow has there."""
    if isinstance(cell, (list, dict)):
        raise Problem(f"{where}: a cell is a text, a number, true or false.")
    text = cell.strip() if isinstance(cell, str) else json.dumps(cell)
    try:
        if isinstance(before, bool):
            return _switch(text)
        if isinstance(before, int):
            # Seeds are too long for a float; 3.0 is what spreadsheets make of 3.
            return int(text) if "." not in text else _whole(float(text))
        if isinstance(before, float):
            return _finite(float(text))
    except (ValueError, OverflowError):
        kind = (
            "true or false"
            if isinstance(before, bool)
            else "a number"
            if isinstance(before, float)
            else "a whole number"
        )
        raise Problem(f"{where}: {text!r} is not {kind}.") from None
    return cell


def _switch(text: str) -> bool:
    if text.lower() in _TRUE:
        return True
    if text.lower() in _FALSE:
        return False
    raise ValueError(text)


def _finite(value: float) -> float:
    if not math.isfinite(value):
        raise ValueError(value)
    return value


def _whole(value: float) -> int:
    if value != int(value):
        raise ValueError(value)
    return int(value)
