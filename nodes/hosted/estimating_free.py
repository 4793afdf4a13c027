"""Nodes that an estimate really runs, because they cost nothing, change nothing, and are done in a moment."""

from __future__ import annotations

import inspect
import json
import logging
from collections import OrderedDict
from collections.abc import Sequence
from typing import Any

from .estimating_graph import Node

log = logging.getLogger("easel")

_OURS = {
    "EaselPromptBuilder",
    "EaselNegativePrompt",
    "EaselPromptVariations",
    "EaselPromptsFromFile",
    "EaselChooseModel",
}
_HOSTS = {
    "EmptyImage",
    "ImageBatch",
    "ImageFromBatch",
    "ImageInvert",
    "ImageToMask",
    "InvertMask",
    "JoinImageWithAlpha",
    "LoadImage",
    "LoadImageMask",
    "MaskToImage",
    "PrimitiveBoolean",
    "PrimitiveFloat",
    "PrimitiveInt",
    "PrimitiveString",
    "PrimitiveStringMultiline",
    "SolidMask",
    "SplitImageWithAlpha",
    "StringConcatenate",
    "StringReplace",
    "StringTrim",
}
_MOST_PIXELS = 16_000_000
"""What a node that makes pictures of nothing may make here."""
_KEPT = 8
_kept: OrderedDict[str, Sequence[Any]] = OrderedDict()
"""The newest results of nodes without links: a photograph is not read again for every letter of a prompt."""


def may_run(node: Node, values: dict[str, Any]) -> bool:
    """Whether the node is one of these, and what it is asked for is not too much."""
    if node.kind is None or node.class_type not in _OURS | _HOSTS:
        return False
    pixels = 1
    for name in ("width", "height", "batch_size"):
        value = values.get(name, 1)
        pixels *= value if isinstance(value, int) else 1
    return pixels <= _MOST_PIXELS


async def run(node: Node, values: dict[str, Any]) -> Sequence[Any] | None:
    """What it gives; None where it cannot run as it is."""
    try:
        if any(isinstance(value, tuple) for value in node.inputs.values()):
            return results_of(await called(node, values))
        key = json.dumps([node.class_type, values, await _changing(node, values)], sort_keys=True, default=str)
        if key not in _kept:
            _kept[key] = results_of(await called(node, values)) or ()
    except Exception:
        # A file that is not there, a graph half finished: the host says so when it runs.
        log.debug("A node could not be looked at for an estimate", exc_info=True)
        return None
    _kept.move_to_end(key)
    outputs = _kept[key]
    while len(_kept) > _KEPT:
        _kept.popitem(last=False)
    return outputs


async def called(node: Node, values: dict[str, Any]) -> Any:
    """What the node returns, called as the host would."""
    work = node.prepared.execute if hasattr(node.kind, "define_schema") else getattr(node.kind(), node.kind.FUNCTION)
    result = work(**values)
    return await result if inspect.isawaitable(result) else result


def results_of(result: Any) -> Sequence[Any] | None:
    """The outputs in what a node returned, in whichever of the host's ways."""
    if isinstance(result, dict):
        return result.get("result")
    if isinstance(result, tuple):
        return result
    return getattr(result, "result", None)


async def _changing(node: Node, values: dict[str, Any]) -> Any:
    """What tells that the same inputs give something else now: a file that was changed."""
    look = getattr(node.kind, "IS_CHANGED", None)
    if "fingerprint_inputs" in vars(node.kind):
        look = node.kind.fingerprint_inputs
    found = None if look is None else look(**values)
    return await found if inspect.isawaitable(found) else found
