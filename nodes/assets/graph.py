"""What a graph in API format tells of a picture that was not bought: the last node that made it, and its values.

Only what stands there in so many words is told. A value that another node computes is followed to a text or a number that
somebody typed; where that leads nowhere, nothing is told.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

Graph = Mapping[str, Any]

_WORDS = ("prompt", "text", "conditioning", "value", "string", "clip_l", "t5xxl")
# A ControlNet passes both on; which of them is meant is known from where the way began.
_POSITIVE, _NEGATIVE = ("positive", *_WORDS), ("negative", *_WORDS)
_NEGATIVES = ("negative", "negative_prompt")
_WISHES = ("prompt", "positive", "text")
_SEEDS = ("seed", "noise_seed")
_MODELS = ("model", "model_name", "ckpt_name", "unet_name", "checkpoint")
_PLAIN = ("steps", "cfg", "sampler_name", "sampler", "scheduler", "denoise", "width", "height", "strength", "guidance")
_FROM_FILES = ("image", "pixels", "images")
_MASK_FILES = ("LoadImageMask",)
_EMPTY_IMAGES = ("EmptyImage",)
_DEEPEST = 64


def facts_of(graph: Graph | None, node: str, socket: str = "images") -> dict[str, Any]:
    """Prompt, negative, seed, model and parameters of the node that made what comes into ``socket``; empty where unknown.

    Where several nodes made parts of it, only their kinds. ``from_pictures`` says whether that node was given pictures to
    start from.
    """
    if not graph or node not in graph:
        return {}
    makers = [name for name in _upstream(graph, _links(graph, node, socket)) if _makes_pictures(graph[name])]
    # A picture that went into another is told of by the node that made the other.
    earlier = {above for name in makers for above in _upstream(graph, _links(graph, name))}
    last = [name for name in makers if name not in earlier]
    if len(last) == 1:
        told = _told(graph, last[0])
        return told | {"from_pictures": told["from_pictures"] or _joined_by_pictures(graph, node, socket, makers)}
    kinds = dict.fromkeys(str(graph[name].get("class_type", "")) for name in last)
    return {"made_by": ", ".join(kinds), "from_pictures": True} if last else {}


def _joined_by_pictures(graph: Graph, node: str, socket: str, makers: list[str]) -> bool:
    """Whether a picture from a file comes into the socket by a way around what made pictures: a photograph below a cut-out."""
    around = _upstream(graph, _links(graph, node, socket), frozenset(makers))
    return any(_is_from_file(graph[name]) for name in around)


def _is_from_file(node: Mapping[str, Any]) -> bool:
    inputs = node.get("inputs", {})
    return node.get("class_type") not in _MASK_FILES and any(
        isinstance(inputs.get(socket), str) and inputs[socket] for socket in _FROM_FILES
    )


def _makes_pictures(node: Mapping[str, Any]) -> bool:
    inputs = node.get("inputs", {})
    draws = "take" in inputs or any(name in inputs for name in _SEEDS)
    return draws and any(name in inputs for name in _WISHES)


def _told(graph: Graph, maker: str) -> dict[str, Any]:
    inputs = graph[maker]["inputs"]
    seed = next((name for name in _SEEDS if name in inputs), None)
    told = {
        "made_by": str(graph[maker].get("class_type", "")),
        "prompt": _first(graph, inputs, _WISHES, _POSITIVE),
        "negative": _first(graph, inputs, _NEGATIVES, _NEGATIVE),
        "seed": _number(graph, inputs[seed]) if seed else None,
        "model": _first(graph, inputs, _MODELS, _MODELS),
        "parameters": {name: value for name in _PLAIN if _is_plain(value := inputs.get(name))} or None,
    }
    known = {name: value for name, value in told.items() if value not in (None, "")}
    return known | {"from_pictures": _begins_with_pictures(graph, maker)}


def _links(graph: Graph, node: str, *sockets: str) -> list[str]:
    """The nodes that are linked to these sockets of a node, or to any."""
    inputs = graph[node].get("inputs", {})
    wanted = sockets or tuple(inputs)
    return [inputs[name][0] for name in wanted if _is_link(graph, inputs.get(name))]


def _upstream(graph: Graph, begin: list[str], without: frozenset[str] = frozenset()) -> Iterator[str]:
    """Nodes from near to far; none of ``without``, nor what leads to those only."""
    seen = set(without)
    row = begin
    for _ in range(_DEEPEST):
        row = [name for name in dict.fromkeys(row) if name not in seen]
        seen.update(row)
        yield from row
        row = [above for name in row for above in _links(graph, name)]


def _is_link(graph: Graph, value: Any) -> bool:
    return isinstance(value, (list, tuple)) and len(value) == 2 and isinstance(value[0], str) and value[0] in graph


def _is_plain(value: Any) -> bool:
    return isinstance(value, (str, int, float, bool))


def _first(graph: Graph, inputs: Mapping[str, Any], names: tuple[str, ...], further: tuple[str, ...]) -> str:
    """The first of these inputs that is a text, or leads to one through inputs of the ``further`` names."""
    found = (_text(graph, inputs[name], further) for name in names if name in inputs)
    return next((text for text in found if text), "")


def _text(graph: Graph, value: Any, names: tuple[str, ...], depth: int = 0) -> str:
    if isinstance(value, str):
        return value
    if depth > _DEEPEST or not _is_link(graph, value):
        return ""
    inputs = graph[value[0]].get("inputs", {})
    words = (_text(graph, inputs.get(name), names, depth + 1) for name in names)
    return next((text for text in words if text), "")


def _number(graph: Graph, value: Any) -> int | None:
    if isinstance(value, int) and not isinstance(value, bool):
        return value
    if not _is_link(graph, value):
        return None
    inputs = graph[value[0]].get("inputs", {})
    names = [name for name in (*_SEEDS, "value", "int", "number") if isinstance(inputs.get(name), int)]
    return int(inputs[names[0]]) if names else None


def _begins_with_pictures(graph: Graph, maker: str) -> bool:
    """Whether a picture leads to this node: one from a file, or one that another node made."""
    sources = [maker, *_upstream(graph, _links(graph, maker))]
    for name in sources:
        inputs = graph[name].get("inputs", {})
        for socket in _FROM_FILES:
            value = inputs.get(socket)
            if isinstance(value, str) and value:
                return True
            if _is_link(graph, value) and graph[value[0]].get("class_type") not in _EMPTY_IMAGES:
                return True
    return False
