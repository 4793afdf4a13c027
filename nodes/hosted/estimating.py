"""What a whole graph will cost, before it runs: every node that buys is asked through its own code, and nothing is sent."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from .. import host
from . import estimating_free as free
from .engine.engine import Engine
from .engine.errors import EaselError, InputRefused
from .estimating_graph import Graph, Node
from .estimating_values import Sight, Value, Values, is_blocker, real, sight_of, stand_in
from .quoting import Book, KnownLater, Quote, Quoted, Quotes, noting, total

log = logging.getLogger("easel")

_PATIENCE = 8.0
"""Seconds that an estimate may take; what is left then is said to be unknown."""
_AT_ONCE = 32
_PICTURES = ("IMAGE", "MASK")
_LATER = "The price is known once what is connected to it is there."
_ASKS_FIRST = "The price is known when it runs: the provider has to be asked first."
_UNPRICED = "Nobody publishes a price for this; the ledger has it after the run."
_NO_TIME = "The graph is too large to be priced in a moment."
_UNUSED = "Nothing that saves or shows hangs on this, so it will not run."


@dataclass
class Priced:
    """What is known of one node that buys."""

    quotes: list[Quote] = field(default_factory=list)
    times_known: bool = True
    notes: list[str] = field(default_factory=list)
    is_priced: bool = True
    """False where some of its requests could not be asked about at all."""
    will_run: bool = True

    @property
    def usd(self) -> Decimal | None:
        return total(self.quotes) if self.is_priced else None

    @property
    def known_usd(self) -> Decimal:
        """The part of the price that is known."""
        return sum((quote.usd for quote in self.quotes if quote.usd is not None), Decimal(0))

    @property
    def saves(self) -> Decimal:
        return sum((quote.saves for quote in self.quotes), Decimal(0))

    def as_json(self) -> dict[str, Any]:
        kept = bool(self.quotes) and self.is_priced and all(quote.is_kept for quote in self.quotes)
        return {
            "usd": _number(self.usd),
            "kept": kept,
            "runs": len(self.quotes),
            "times_known": self.times_known,
            "note": " ".join(dict.fromkeys(self._sentences(kept))),
        }

    def _sentences(self, kept: bool) -> list[str]:
        said = list(self.notes)
        if not self.will_run:
            said.append(_UNUSED)
        if self.is_priced and self.usd is None:
            said.append(_UNPRICED)
        free_ones = sum(quote.is_kept for quote in self.quotes)
        if free_ones and not kept:
            said.append(f"{free_ones} of {len(self.quotes)} are kept from before: free.")
        if any(quote.is_joined for quote in self.quotes):
            said.append("The same is asked for twice and paid once.")
        return said


async def estimate(prompt: Mapping[str, Any], engine: Engine, kinds: Mapping[str, type]) -> dict[str, Any]:
    """The price of a graph in API format, and of each node in it that buys, as plain JSON.

    Needs an event loop that nobody waits for: nodes that cost nothing are really run here. Raises
    :class:`estimating_graph.NoGraph` for what is no graph.
    """
    graph = Graph.read(prompt, kinds)
    walk = _Walk(graph, Book(engine))
    await walk.all()
    return _sum(walk.priced, sandbox=engine.settings().sandbox)


_Run = dict[str, Value | Values]
"""The inputs of one run of a node: one value each, or all of them where the node takes lists."""


@dataclass
class _Asked:
    """What one run of a node answered."""

    outputs: Sequence[Any] | None = None
    quotes: Sequence[Quote] = ()
    note: str = ""
    is_priced: bool = True


class _Walk:
    """One way through a graph, from its sources to what it shows."""

    def __init__(self, graph: Graph, book: Book) -> None:
        self.priced: dict[str, Priced] = {}
        self._graph = graph
        self._book = book
        self._made: dict[str, list[Values]] = {}
        self._until = time.monotonic() + _PATIENCE

    async def all(self) -> None:
        for node in self._graph.in_order:
            inputs = {name: self._values(link) for name, link in node.inputs.items()}
            if node.buys:
                self.priced[node.id] = Priced(
                    times_known=all(values.is_counted for values in inputs.values()), will_run=node.will_run
                )
            self._made[node.id] = await self._outputs(node, inputs)

    def _values(self, link: Any) -> Values:
        if not isinstance(link, tuple):
            return Values((real(link),))
        made = self._made.get(link[0], [])
        return made[link[1]] if 0 <= link[1] < len(made) else Values((stand_in("*", Sight()),), is_counted=False)

    async def _outputs(self, node: Node, inputs: dict[str, Values]) -> list[Values]:
        runs: list[_Run] = [dict(inputs)] if node.takes_lists else _mapped(inputs)
        counted = all(values.is_counted for values in inputs.values())
        if any(not values.items for values in inputs.values()):
            return [Values((), counted) for _ in node.output_kinds]
        asked: list[tuple[_Asked, dict[str, Any]]] = []
        for start in range(0, len(runs), _AT_ONCE):
            asked += await self._ask_some(node, runs[start : start + _AT_ONCE])
        return _merged(node, asked, counted)

    async def _ask_some(self, node: Node, runs: Sequence[_Run]) -> list[tuple[_Asked, dict[str, Any]]]:
        """Each run's answer with the inputs it had. Runs with the very same stand-ins are asked once."""
        tasks: dict[Any, asyncio.Task[_Asked]] = {}
        keys: list[Any] = []
        for place, run in enumerate(runs):
            is_certain = all(_is_real(one) for one in run.values())
            key = place if is_certain else tuple((name, id(_plain(one))) for name, one in run.items())
            keys.append(key)
            if key not in tasks:
                tasks[key] = asyncio.create_task(self._ask(node, run, is_certain))
        answers = [(await tasks[key], _all_plain(run)) for key, run in zip(keys, runs, strict=True)]
        if node.buys:
            self._note(node, [answer for answer, _ in answers])
        return answers

    def _note(self, node: Node, answers: Sequence[_Asked]) -> None:
        priced = self.priced[node.id]
        for answer in answers:
            priced.quotes += answer.quotes
            priced.is_priced &= answer.is_priced
            if answer.note and answer.note not in priced.notes:
                priced.notes.append(answer.note)

    async def _ask(self, node: Node, run: _Run, is_certain: bool) -> _Asked:
        values = _all_plain(run)
        if time.monotonic() > self._until:
            return _Asked(note=_NO_TIME, is_priced=False)
        if any(is_blocker(value) for value in values.values()):
            return _Asked(outputs=[host.blocker() for _ in node.output_kinds])
        if node.buys:
            return await self._quote(node, run, is_certain)
        if is_certain and free.may_run(node, values):
            return _Asked(outputs=await free.run(node, values))
        return _Asked()

    async def _quote(self, node: Node, run: _Run, is_certain: bool) -> _Asked:
        """What the node itself would buy."""
        if missing := [name for name in node.required if name not in run]:
            return _Asked(note=f"Nothing is connected to {missing[0]}.", is_priced=False)
        quotes = Quotes(self._book, is_certain, node.is_wanted)
        outputs: Sequence[Any] | None = None
        note = ""
        try:
            with noting(quotes):
                outputs = free.results_of(await free.called(node, _all_plain(run)))
        except Quoted:
            pass
        except KnownLater:
            note = _ASKS_FIRST
        except EaselError as refusal:
            note = str(refusal) if is_certain or _is_about_real(refusal, run) else _LATER
        except Exception:
            # A graph half finished: what is wrong with it, the host says when it runs.
            log.debug("A node could not be priced", exc_info=True)
            note = _LATER
        await quotes.settled()
        return _Asked(outputs if is_certain else None, quotes.noted, note, is_priced=not note)


def _mapped(inputs: dict[str, Values]) -> list[_Run]:
    """One set of inputs for each run, as the host maps lists."""
    most = max((len(values.items) for values in inputs.values()), default=1)
    return [{name: values.at(place) for name, values in inputs.items() if values.items} for place in range(most)]


def _is_about_real(refusal: EaselError, run: _Run) -> bool:
    """Whether what is refused is no stand-in of ours."""
    name = refusal.input_name if isinstance(refusal, InputRefused) else ""
    return name in run and _is_real(run[name])


def _is_real(one: Value | Values) -> bool:
    return all(item.is_real for item in one.items) and one.is_counted if isinstance(one, Values) else one.is_real


def _plain(one: Value | Values) -> Any:
    return [item.value for item in one.items] if isinstance(one, Values) else one.value


def _all_plain(run: _Run) -> dict[str, Any]:
    return {name: _plain(one) for name, one in run.items()}


def _merged(node: Node, asked: list[tuple[_Asked, dict[str, Any]]], counted: bool) -> list[Values]:
    """The node's outputs as the host would merge those of its runs, with stand-ins for what is yet to be made."""
    merged = []
    for place, (kind, is_list) in enumerate(zip(node.output_kinds, node.output_is_list, strict=True)):
        items: list[Value] = []
        is_counted = counted
        for answer, inputs in asked:
            if answer.outputs is not None and place < len(answer.outputs):
                made = answer.outputs[place]
                several = made if is_list and isinstance(made, (list, tuple)) else [made]
                items += [real(one) for one in several]
                continue
            often = _most_pictures(inputs) if node.takes_lists and is_list and kind in _PICTURES else 1
            items += [stand_in(kind, _sight(node, answer, inputs))] * often
            # What is bought comes as one batch; how many parts anything else makes is not known.
            is_one_batch = node.buys and kind in _PICTURES
            is_counted = is_counted and (is_one_batch or not (is_list or node.takes_lists))
        merged.append(Values(tuple(items), is_counted))
    return merged


def _most_pictures(inputs: dict[str, Any]) -> int:
    """How many items a node makes that lets pictures of its lists pass: all, before anybody knows which."""
    lists = [value for value in inputs.values() if isinstance(value, list)]
    return max((len(value) for value in lists if value and hasattr(value[0], "shape")), default=1)


def _sight(node: Node, answer: _Asked, inputs: dict[str, Any]) -> Sight:
    values = [one for value in inputs.values() for one in (value if isinstance(value, list) else [value])]
    if not node.buys:
        return sight_of(values)
    pictures = sum(quote.pictures for quote in answer.quotes) or 1
    size = next((quote.size for quote in answer.quotes if quote.size), None)
    return Sight(pictures, size) if size else sight_of(values, pictures)


def _sum(priced: Mapping[str, Priced], *, sandbox: bool) -> dict[str, Any]:
    running = [one for one in priced.values() if one.will_run]
    known = sum((one.known_usd for one in running), Decimal(0))
    at_least = any(one.usd is None or not one.times_known for one in running)
    nothing_known = at_least and known == 0 and all(one.usd is None for one in running)
    return {
        "usd": None if nothing_known else _number(known),
        "at_least": at_least,
        "kept_usd": _number(sum((one.saves for one in running), Decimal(0))),
        "sandbox": sandbox,
        "nodes": {node: one.as_json() for node, one in priced.items()},
    }


def _number(usd: Decimal | None) -> float | None:
    return None if usd is None else round(float(usd), 6)
