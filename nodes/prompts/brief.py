"""What somebody wants to see: choices from the vocabulary and words of their own, part by part."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from . import vocabulary
from .choices import SECTIONS
from .data import PromptProblem


@dataclass(frozen=True)
class Brief:
    """A wish, before it is put into a family's dialect. Texts stay as they were written."""

    subject: str = ""
    choices: Mapping[str, str] = field(default_factory=dict)
    """Name by part; a part that is missing or ``none`` is left out."""
    words: Mapping[str, str] = field(default_factory=dict)
    """Own words by section."""
    details: str = ""
    lettering: str = ""
    """What is to be read in the picture."""
    avoid: str = ""
    aspect_ratio: str = ""
    parameters: str = ""
    """Midjourney parameters that go behind the prompt."""
    subject_weight: float = 1.0
    style_weight: float = 1.0

    def chosen(self, part: str) -> vocabulary.Term | None:
        """The term chosen for a part."""
        return vocabulary.term(part, self.choices.get(part, vocabulary.NONE))

    @property
    def medium(self) -> vocabulary.Medium | None:
        """What the chosen style means to the models."""
        return vocabulary.medium(self.choices.get("style", vocabulary.NONE))

    def own(self, section: str) -> str:
        return self.words.get(section, "").strip()

    def section(self, name: str, form: str) -> list[str]:
        """What is said of a section, as ``say`` or ``tags``: the choices, then the own words."""
        chosen = [term for part in SECTIONS[name] if (term := self.chosen(part))]
        return [*(getattr(term, form) for term in chosen), *([self.own(name)] if self.own(name) else [])]

    @property
    def written(self) -> str:
        """Everything that somebody wrote and that goes into the prompt."""
        texts = [self.subject, *map(self.own, SECTIONS), self.details]
        return "\n".join(text.strip() for text in texts if text.strip())

    def check(self) -> None:
        """Raises :class:`PromptProblem` where nothing is said that could be drawn."""
        said = self.written or self.lettering.strip()
        if not said and not any(self.chosen(part) for part in vocabulary.PARTS):
            raise PromptProblem("The prompt is empty: write a subject, or choose at least one thing to show.")
