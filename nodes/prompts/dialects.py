"""A wish in the words that a family of models understands best."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from .brief import Brief
from .choices import SECTIONS
from .families import Family
from .style_types import style_type

_ENDS = (".", "!", "?", "…")
_SENTENCES = {
    "style": "The picture is {}",
    "lighting": "It is lit by {}",
    "composition": "The view: {}",
    "mood": "The mood is {}",
    "technical": "Technique: {}",
}
_COMMAS = ",;"


@dataclass(frozen=True)
class Rendered:
    """A prompt, and what the image node takes beside it."""

    prompt: str
    negative: str = ""
    style_type: str = "default"
    parameters: str = ""


def render(brief: Brief, family: Family) -> Rendered:
    """The wish in the family's dialect. Raises :class:`PromptProblem` for an empty one."""
    brief.check()
    parameters = _parameters(brief, family) if family.form == "phrases" else ""
    text = _FORMS[family.form](brief)
    if family.avoid == "sentence" and brief.avoid.strip():
        text = f"{text} Leave out: {_ended(brief.avoid.strip())}"
    return Rendered(
        prompt=f"{text} {parameters}".strip(),
        negative=_negative(brief) if family.avoid == "field" else "",
        style_type=style_type(brief, family),
        parameters=parameters,
    )


def is_balanced(text: str) -> bool:
    """Whether every bracket that opens closes again; those behind a backslash do not count."""
    depth = 0
    for before, letter in zip(f" {text}", text, strict=False):
        if before != "\\" and letter in "()":
            depth += 1 if letter == "(" else -1
        if depth < 0:
            return False
    return depth == 0


def _sentences(brief: Brief) -> str:
    subject, setting = _opening(brief), ", ".join(brief.section("setting", "say"))
    if subject and setting:
        first = (
            f"{subject} Setting: {_ended(setting)}"
            if subject.endswith(_ENDS)
            else f"{_bare(subject)}, {_ended(setting)}"
        )
    else:
        first = _ended(subject or _begun(setting))
    said = [first] if first else []
    if brief.lettering.strip():
        said.append(f"The words {_quoted(brief.lettering)} stand in it.")
    for section, frame in _SENTENCES.items():
        if phrases := brief.section(section, "say"):
            said.append(_ended(frame.format(_listed(phrases))))
    if details := brief.details.strip():
        said.append(_ended(details if details[0].isupper() else f"Details: {details}"))
    return " ".join(said)


def _phrases(brief: Brief) -> str:
    said = [_opening(brief, is_sentence=False), *brief.section("setting", "say")]
    said += [phrase for section in list(SECTIONS)[1:] for phrase in brief.section(section, "tags")]
    said.append(brief.details.strip())
    if brief.lettering.strip():
        said.append(f"the words {_quoted(brief.lettering)}")
    return _listed([phrase for phrase in said if phrase])


def _tags(brief: Brief) -> str:
    kind, subject = brief.chosen("subject_type"), brief.subject.strip()
    said = [_weighted(_bare(subject), brief.subject_weight), kind.tags if kind else ""]
    said += brief.section("setting", "tags")
    said += [_weighted(_bare(tag), brief.style_weight) for tag in brief.section("style", "tags")]
    said += [tag for section in list(SECTIONS)[2:] for tag in brief.section(section, "tags")]
    said.append(brief.details.strip())
    if brief.lettering.strip():
        said.append(f"text that reads {_quoted(brief.lettering)}")
    return _listed([tag for tag in said if tag])


_FORMS: dict[str, Callable[[Brief], str]] = {"sentences": _sentences, "phrases": _phrases, "tags": _tags}


def _opening(brief: Brief, *, is_sentence: bool = True) -> str:
    """The subject, as the kind of view that was chosen."""
    kind, subject = brief.chosen("subject_type"), brief.subject.strip()
    if kind is None:
        return subject
    filled = kind.say.replace("{}", subject) if subject else kind.tags
    ours = filled if kind.say.startswith("{}") and subject else _begun(filled)
    return ours if is_sentence else filled


def _parameters(brief: Brief, family: Family) -> str:
    """Midjourney's parameters; what somebody wrote comes last."""
    ratio = f"--ar {brief.aspect_ratio}" if brief.aspect_ratio else ""
    unwanted = f"--no {brief.avoid.strip()}" if family.avoid == "parameter" and brief.avoid.strip() else ""
    style = brief.medium.midjourney if brief.medium else ""
    if "--style" in brief.parameters or "--niji" in brief.parameters:
        style = ""
    return " ".join(part for part in (ratio, style, unwanted, brief.parameters.strip()) if part)


def _negative(brief: Brief) -> str:
    """What is not wanted, and what would contradict the chosen style."""
    against = brief.medium.against if brief.medium else ""
    return ", ".join(part for part in (brief.avoid.strip().rstrip(","), against) if part)


def _weighted(text: str, weight: float) -> str:
    return f"({text}:{weight:g})" if text and weight != 1 and is_balanced(text) else text


def _quoted(text: str) -> str:
    """In the quotation marks that are not in the text; one that has them already keeps them."""
    text = text.strip()
    if len(text) > 1 and text.startswith(('"', "“")) and text.endswith(('"', "”")):
        return text
    return f"“{text}”" if '"' in text else f'"{text}"'


def _listed(phrases: list[str]) -> str:
    """Phrases with commas between; a full stop in the middle would end the sentence."""
    return ", ".join([*map(_bare, phrases[:-1]), phrases[-1].strip()])


def _bare(text: str) -> str:
    """The text without the comma or the one full stop at its end."""
    text = text.strip().rstrip(_COMMAS)
    return text[:-1] if text.endswith(".") and not text.endswith("..") else text


def _ended(text: str) -> str:
    return text if not text or text.endswith(_ENDS) else f"{_bare(text)}."


def _begun(text: str) -> str:
    return text[:1].upper() + text[1:]
