"""How a refusal and a fault of the platform are told: by text alone, in a prediction that failed."""

from __future__ import annotations

import re
from collections.abc import Mapping

from ..faults import Rule

FORBIDDEN = re.compile(r"\bforbidden\b", re.IGNORECASE)
"""A prompt with this word is always refused, so that a refusal can be tried out."""
REFUSALS = frozenset({"refuse_input", "refuse_output", "refuse_some"})
JOB = "/jobs/"
"""What the path of a rule must contain to strike a run in place of a call: `/jobs/owner/name`."""
JOB_FAULTS = frozenset({"server_error", "unavailable", "slow"})

NSFW = "NSFW content detected. Try running it again, or try a different prompt."
SENSITIVE = "The input or output was flagged as sensitive. Please try again with different inputs. (E005)"
OUT_OF_MEMORY = "CUDA out of memory. Tried to allocate {gigabytes:.2f} GiB."
_BROKEN: Mapping[str, str] = {
    "server_error": "Director: unexpected error handling prediction (E8765)",
    "unavailable": "Prediction interrupted; please retry (code: PA)",
}

_WORDS: Mapping[str, tuple[str, str]] = {
    "nsfw": (NSFW, NSFW),
    "bfl": ("Request Moderated", "Content Moderated"),
    "ideogram": (SENSITIVE, "The image did not pass the safety checks (is_image_safe: false)"),
    "plain": (SENSITIVE, SENSITIVE),
}
"""By whose filter it is: the words for a refused input and for a refused output."""


class ModelFailure(Exception):
    """The run ends as failed; the text is what the model raised."""


def refusal(refuses: str, prompt: str, fault: Rule, *, unchecked: bool) -> str | None:
    """The words of a refused run, or None. `unchecked`: the model's own safety checker was left out."""
    if fault.kind not in REFUSALS:
        if unchecked or not FORBIDDEN.search(prompt):
            return None
        return NSFW if refuses == "nsfw" else SENSITIVE
    words = _WORDS[refuses] if fault.details or refuses == "nsfw" else (SENSITIVE, SENSITIVE)
    return words[fault.kind != "refuse_input"]


def breakdown(rules: list[Rule]) -> str | None:
    """The words of the first rule that breaks a run, or None."""
    return next((_BROKEN[rule.kind] for rule in rules if rule.kind in _BROKEN), None)
