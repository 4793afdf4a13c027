"""Which sizes a model takes of those that its node shows: the node's own code is asked with each, and nothing is sent."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from .engine.engine import Engine
from .engine.errors import EaselError, InputRefused
from .estimating_free import called
from .estimating_graph import Node
from .estimating_values import Sight, stand_in
from .quoting import Book, KnownLater, Quoted, Quotes, noting

SIZES = ("size", "aspect_ratio", "resolution", "megapixels")
"""The inputs of which a model may take some choices only."""
_PROMPT = "prompt"
_SMALL = (512, 512)
"""Of pictures that stand in: every model takes it, and it is packed in a moment."""


async def offered(kind: Any, chosen: Mapping[str, str], engine: Engine) -> dict[str, list[str]]:
    """Of each of the node's :data:`SIZES` that is a list, the choices that go with ``chosen``.

    What ``chosen`` leaves out stands as on a new node. A choice counts as taken unless it is refused by its name.
    """
    inputs = {**_usual(kind), **chosen}
    book = Book(engine)
    taken = {}
    for name in SIZES:
        if choices := _choices(_declared(kind).get(name, ())):
            taken[name] = [one for one in choices if not await _is_refused(kind, {**inputs, name: one}, name, book)]
    return taken


def may_choose(kind: Any, chosen: Mapping[Any, Any]) -> bool:
    """Whether every one of ``chosen`` is among the choices of an input of that name."""
    declared = _declared(kind)
    return all(value in _choices(declared.get(name, ())) for name, value in chosen.items())


async def _is_refused(kind: Any, inputs: dict[str, Any], name: str, book: Book) -> bool:
    node = Node("", "", kind, inputs, {})
    try:
        with noting(Quotes(book, is_certain=False, wants_outcome=False)):
            await called(node, inputs)
    except InputRefused as refusal:
        return refusal.input_name == name
    except (Quoted, KnownLater, EaselError):
        return False
    return False


def _usual(kind: Any) -> dict[str, Any]:
    """What a new node's inputs stand at, and stand-ins for the prompt and for what has to be connected."""
    required = kind.INPUT_TYPES().get("required", {})
    found = {}
    for name, entry in _declared(kind).items():
        usual = _default(entry)
        if name == _PROMPT or (usual is None and name in required):
            usual = stand_in(entry[0], Sight(size=_SMALL)).value
        if usual is not None:
            found[name] = usual
    return found


def _declared(kind: Any) -> dict[str, Sequence[Any]]:
    """Type and options of each input, by its name."""
    told = kind.INPUT_TYPES()
    return {**told.get("required", {}), **told.get("optional", {})}


def _default(entry: Sequence[Any]) -> Any:
    options = entry[1] if len(entry) > 1 else {}
    return options.get("default", next(iter(_choices(entry)), None))


def _choices(entry: Sequence[Any]) -> Sequence[str]:
    if not entry:
        return ()
    return entry[0] if isinstance(entry[0], list) else (entry[1] if len(entry) > 1 else {}).get("options", ())
