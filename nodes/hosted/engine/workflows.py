"""Prompts that something was bought for: what tells them apart, what they are called, and how they are kept."""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

_LARGEST = 1_000_000
"""Letters of a prompt that is kept whole; a larger one holds pictures or tables of its own."""
_MOST_TITLES = 4
_MOST_LETTERS = 200


@dataclass(frozen=True)
class Known:
    """A prompt as the books keep it."""

    digest: str
    shape: str
    label: str
    at: float
    graph: Any
    """The prompt itself; None where it is too large to be kept."""


def digest_of(graph: Any) -> str:
    """SHA-256 of the prompt as exported, by which runs of one workflow are told from others."""
    return hashlib.sha256(_text(graph).encode()).hexdigest()


def known(graph: Any, text: str) -> Known:
    """``graph`` for the books; ``text`` is its JSON without any key that somebody typed into it."""
    nodes = {str(name): node for name, node in graph.items() if isinstance(node, Mapping)}
    kept = json.loads(text) if len(text) <= _LARGEST else None
    return Known(digest_of(graph), _shape(nodes), _label(nodes), time.time(), kept)


def _shape(nodes: Mapping[str, Mapping[str, Any]]) -> str:
    wiring = {
        name: [node.get("class_type"), {key: value for key, value in _inputs(node).items() if isinstance(value, list)}]
        for name, node in nodes.items()
    }
    return hashlib.sha256(_text(wiring).encode()).hexdigest()


def _label(nodes: Mapping[str, Mapping[str, Any]]) -> str:
    """The titles of its nodes of ours, as far as they fit."""
    ours = [node for node in nodes.values() if str(node.get("class_type")).startswith("Easel")]
    titles = list(dict.fromkeys(str((node.get("_meta") or {}).get("title") or node["class_type"]) for node in ours))
    more = f", {len(titles) - _MOST_TITLES} more" if len(titles) > _MOST_TITLES else ""
    return (", ".join(titles[:_MOST_TITLES]) + more)[:_MOST_LETTERS]


def _inputs(node: Mapping[str, Any]) -> Mapping[str, Any]:
    inputs = node.get("inputs")
    return inputs if isinstance(inputs, Mapping) else {}


def _text(value: Any) -> str:
    return json.dumps(value, sort_keys=True, separators=(",", ":"), default=str)
