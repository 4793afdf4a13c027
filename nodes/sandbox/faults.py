"""Faults on demand: rules that make the stand-in providers misbehave, the way the real ones sometimes do."""

from __future__ import annotations

import random
from collections.abc import Collection, Mapping
from dataclasses import asdict, dataclass, fields
from typing import Any

KINDS: Mapping[str, str] = {
    "slow": "waits `seconds` before answering; the work is done and charged even if the client has gone",
    "rate_limit": "429; with Retry-After when `retry_after` is set; not charged",
    "insufficient_quota": "429 that says the credit is used up; not charged",
    "server_error": "500; not charged",
    "unavailable": "503; with Retry-After when `retry_after` is set; not charged",
    "connection_refused": "stops listening at once, for `seconds` (default 1)",
    "cut_before_body": "resets the connection before the body was read; not charged",
    "cut_after_body": "reads the body, does the work, charges it, then resets the connection",
    "cut_stream": "a streamed answer ends after its partial pictures; charged",
    "half_picture": "the picture's bytes stop in the middle; charged",
    "html": "an HTML page with status 200 in place of the answer; not charged",
    "wrong_content_type": "a link answers its bytes as text/html",
    "no_data": "200 and JSON without `data`; not charged",
    "expired_link": "a link answers `status` (403, or 404)",
    "too_many_bytes": "a picture that goes on for `megabytes` (default 1024; not in streams); charged",
    "too_many_pixels": "a PNG whose header claims 50000 x 50000 pixels; charged",
    "refuse_input": "the input filter refuses; `details` false leaves out stage and categories; not charged",
    "refuse_output": "the output filter refuses; `details` as above; not charged",
    "refuse_some": "`count` (default 1) of the pictures asked for are held back; the others are charged",
    "bill_without_picture": "200 with usage and an empty `data`; charged",
    "bad_key": "401 invalid key; not charged",
    "not_verified": "403 the organisation is not verified; not charged",
    "model_not_found": "404 the model is not found; not charged",
}

BEFORE_BODY = frozenset({"cut_before_body"})
LINK = frozenset({"wrong_content_type", "expired_link"})
LINK_WITH_PATH = LINK | {"slow", "server_error", "unavailable", "html", "half_picture", "too_many_bytes"}
"""What a rule whose `path` names the link may also do to a download."""
AT_ONCE = frozenset({"connection_refused"})
CALL = frozenset(KINDS) - BEFORE_BODY - LINK - AT_ONCE


class BadRule(ValueError):
    """A rule that cannot be followed; the sentence says which field is wrong."""


@dataclass
class Rule:
    """One fault and when it strikes. `times` counts down; None means until cleared."""

    kind: str
    times: int | None = None
    path: str = ""
    """Only requests whose path contains this."""
    prompt: str = ""
    """Only requests whose prompt contains this, in any case."""
    method: str = ""
    """Only this HTTP method."""
    probability: float = 1.0
    seconds: float = 1.0
    retry_after: float | None = None
    """Seconds, for the Retry-After header."""
    status: int = 403
    count: int = 1
    details: bool = True
    category: str = "sexual"
    megabytes: int = 1024

    @classmethod
    def read(cls, given: Mapping[str, Any]) -> Rule:
        """A rule from JSON. Raises BadRule for an unknown kind or field, or a value of the wrong type."""
        known = {field.name: field for field in fields(cls)}
        unknown = sorted(set(given) - set(known))
        if unknown:
            raise BadRule(f"unknown field {unknown[0]!r}; known: {', '.join(known)}")
        kind = given.get("kind")
        if kind not in KINDS:
            raise BadRule(f"unknown kind {kind!r}; known: {', '.join(KINDS)}")
        for name, value in given.items():
            if not _fits(name, value):
                raise BadRule(f"{name!r} cannot be {value!r}")
        rule = cls(**given)
        if rule.prompt and kind in BEFORE_BODY | LINK | AT_ONCE:
            raise BadRule(f"{kind} cannot look at the prompt: it strikes before one is known")
        return rule

    def matches(self, method: str, path: str, prompt: str) -> bool:
        """Whether this rule is about such a request, chance left aside."""
        return (
            self.times != 0
            and self.path in path
            and self.prompt.lower() in prompt.lower()
            and self.method.upper() in ("", method)
        )


def _fits(name: str, value: object) -> bool:
    number = isinstance(value, (int, float)) and not isinstance(value, bool) and value >= 0
    whole = number and isinstance(value, int)
    if name in ("times", "retry_after") and value is None:
        return True
    if name in ("times", "status", "count", "megabytes"):
        return whole
    if name in ("probability", "seconds", "retry_after"):
        return number
    if name == "details":
        return isinstance(value, bool)
    return isinstance(value, str)


class Faults:
    """The rules in force, oldest first. Chance is seeded, so that a run can be repeated."""

    def __init__(self) -> None:
        self._rules: list[Rule] = []
        self._chance = random.Random(0)

    def add(self, rule: Rule) -> None:
        """Put a rule in force after those that are there."""
        self._rules.append(rule)

    def clear(self) -> None:
        """Forget every rule and start chance afresh."""
        self._rules.clear()
        self._chance = random.Random(0)

    def listed(self) -> list[dict[str, Any]]:
        """The rules that can still strike, as JSON."""
        return [asdict(rule) for rule in self._rules if rule.times != 0]

    def take(
        self, kinds: Collection[str], *, method: str, path: str, prompt: str = "", named_only: bool = False
    ) -> list[Rule]:
        """The rules that strike this request now, each counted down by one.

        Every matching `slow` strikes, and the first matching rule of any other kind. With `named_only`,
        only rules that name a path.
        """
        struck: list[Rule] = []
        for rule in self._rules:
            if rule.kind not in kinds or (named_only and not rule.path):
                continue
            if rule.kind != "slow" and any(other.kind != "slow" for other in struck):
                continue
            if not rule.matches(method, path, prompt):
                continue
            if rule.probability < 1 and self._chance.random() >= rule.probability:
                continue
            if rule.times is not None:
                rule.times -= 1
            struck.append(rule)
        return struck
