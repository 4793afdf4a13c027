"""What can be chosen about prompts and models, as the nodes offer it."""

from __future__ import annotations

from collections.abc import Mapping

QUALITIES = ("draft", "standard", "best")
HOSTED, OWN_MACHINE = "hosted", "own machine"
ANYWHERE = "anywhere"
PLACES = (ANYWHERE, HOSTED, OWN_MACHINE)
TEXTS: Mapping[str, int] = {"no text": 0, "a word or two": 3, "a headline": 4, "whole sentences": 5}
"""How much text there will be in the picture, and how well a model must write for it."""
LICENCES = ("any licence", "results may be sold", "open weights")

EVERY, PAIRS, RANDOM = "every combination", "in pairs", "random picks"
WAYS = (EVERY, PAIRS, RANDOM)
MOST = 10_000
"""Prompts that may come out at once."""

AUTO, TXT, CSV, JSONL = "by its name", "lines of text", "CSV", "JSON lines"
FORMATS = (AUTO, TXT, CSV, JSONL)
ENDINGS: Mapping[str, str] = {".txt": TXT, ".csv": CSV, ".tsv": CSV, ".jsonl": JSONL, ".ndjson": JSONL}
"""The files that can be read."""

SECTIONS: Mapping[str, tuple[str, ...]] = {
    "setting": ("setting",),
    "style": ("style",),
    "lighting": ("lighting",),
    "composition": ("framing", "angle", "arrangement", "depth"),
    "mood": ("mood",),
    "technical": ("camera", "lens", "finish"),
}
"""What is said together: the parts that are chosen; own words come behind them."""
