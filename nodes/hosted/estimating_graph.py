"""A graph in API format, as an estimate reads it: which nodes matter, in which order, with which inputs."""

from __future__ import annotations

import graphlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from .schema import HostedNode

_CASTS = {"INT": int, "FLOAT": float, "STRING": str, "BOOLEAN": bool}
_MOST_NODES = 5000


class NoGraph(ValueError):
    """What was sent is no graph in API format; the message says why."""


class _Hidden:
    """What the host tells a node beside its inputs: here the prompt, and nothing of a run."""

    def __init__(self, prompt: Mapping[str, Any]) -> None:
        self.prompt = prompt

    def __getattr__(self, _name: str) -> None:
        return None


@dataclass
class Node:
    """One node; ``inputs`` holds constants, and links as (node id, output)."""

    id: str
    class_type: str
    kind: Any
    """Its class; None where no pack that is installed has it."""
    inputs: dict[str, Any]
    prompt: Mapping[str, Any]
    will_run: bool = True
    """Whether something that saves or shows hangs on it."""
    is_wanted: bool = False
    """Whether a node behind it buys too."""

    @property
    def buys(self) -> bool:
        return isinstance(self.kind, type) and issubclass(self.kind, HostedNode)

    @cached_property
    def prepared(self) -> Any:
        """The class as the host would lend it for one run."""
        return type(self.kind.__name__, (self.kind,), {"hidden": _Hidden(self.prompt)})

    @cached_property
    def output_kinds(self) -> Sequence[str]:
        # Some packs name outputs without a type that is a text (a list of choices, say).
        return [str(kind) for kind in getattr(self.kind, "RETURN_TYPES", ())]

    @cached_property
    def output_is_list(self) -> Sequence[bool]:
        told = list(getattr(self.kind, "OUTPUT_IS_LIST", ()) or ())
        return (told + [False] * len(self.output_kinds))[: len(self.output_kinds)]

    @property
    def takes_lists(self) -> bool:
        return bool(getattr(self.kind, "INPUT_IS_LIST", False))

    @cached_property
    def required(self) -> Sequence[str]:
        return list(self.kind.INPUT_TYPES().get("required", {}))


@dataclass
class Graph:
    """The nodes of a graph that an estimate has to look at, sources first."""

    in_order: list[Node]

    @classmethod
    def read(cls, prompt: Any, kinds: Mapping[str, type]) -> Graph:
        """Raises :class:`NoGraph` for what is no graph in API format."""
        if not isinstance(prompt, Mapping) or len(prompt) > _MOST_NODES:
            raise NoGraph(f"A graph in API format is an object of nodes, {_MOST_NODES} at most.")
        nodes = {str(name): _node(str(name), told, kinds, prompt) for name, told in prompt.items()}
        sources = {name: _sources(node, nodes) for name, node in nodes.items()}
        try:
            order = list(graphlib.TopologicalSorter(sources).static_order())
        except graphlib.CycleError:
            raise NoGraph("The links of this graph lead in a circle.") from None
        _mark(nodes, sources, order)
        matters = _before({name for name, node in nodes.items() if node.buys}, sources, order)
        return cls([nodes[name] for name in order if name in matters])


def _node(name: str, told: Any, kinds: Mapping[str, type], prompt: Mapping[str, Any]) -> Node:
    if not isinstance(told, Mapping) or not isinstance(told.get("inputs"), Mapping) or "class_type" not in told:
        raise NoGraph(f"Node {name} is not in API format: it needs class_type and inputs.")
    class_type = str(told["class_type"])
    kind = kinds.get(class_type)
    types = _input_types(kind)
    inputs = {key: _input(value, types.get(key)) for key, value in told["inputs"].items()}
    return Node(name, class_type, kind, inputs, prompt)


def _input_types(kind: Any) -> dict[str, Any]:
    """Socket types by input name, of a node that buys; what others are told is theirs to read."""
    if not (isinstance(kind, type) and issubclass(kind, HostedNode)):
        return {}
    declared = kind.INPUT_TYPES()
    return {name: entry[0] for group in ("required", "optional") for name, entry in declared.get(group, {}).items()}


def _input(value: Any, kind: Any) -> Any:
    """A constant as the host would hand it over, or a link as a tuple."""
    if isinstance(value, list):
        if len(value) != 2 or not isinstance(value[1], int):
            raise NoGraph("A link is a list of a node's id and the number of its output.")
        return str(value[0]), value[1]
    if isinstance(value, Mapping) and "__value__" in value:
        return value["__value__"]
    cast = _CASTS.get(kind) if isinstance(kind, str) else None
    try:
        return value if cast is None else cast(value)
    except (TypeError, ValueError):
        # The request refuses it, in words.
        return value


def _sources(node: Node, nodes: Mapping[str, Node]) -> set[str]:
    return {link[0] for link in node.inputs.values() if isinstance(link, tuple) and link[0] in nodes}


def _mark(nodes: Mapping[str, Node], sources: Mapping[str, set[str]], order: Sequence[str]) -> None:
    shown = {name for name, node in nodes.items() if getattr(node.kind, "OUTPUT_NODE", False)}
    running = _before(shown, sources, order)
    direct = {source for name, node in nodes.items() if node.buys for source in sources[name]}
    wanted = _before(direct, sources, order)
    for name, node in nodes.items():
        node.will_run = name in running
        node.is_wanted = name in wanted


def _before(ends: set[str], sources: Mapping[str, set[str]], order: Sequence[str]) -> set[str]:
    """``ends`` and everything that leads to them."""
    found = set(ends)
    for name in reversed(order):
        if name in found:
            found |= sources[name]
    return found
