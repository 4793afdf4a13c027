"""A prompt and its parameters: read, checked against the version, and written again with nothing twice."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field

from ..engine.errors import InputRefused
from .parameters import DEFAULT_VERSION, FILMS, IMAGE, PARAMETERS, SPELLINGS, VERSIONS, WEIGHTS_UNSURE, Parameter

VERSION_FLAGS = ("version", "v")
NIJI = "niji"
MOST_LETTERS = 6000
"""About what Discord takes; gateways say 5000 to 8192."""

A_LINK = "https://pictures.example/a.png"
"""Stands for a picture whose link is made only when it is sent."""

_FLAG = re.compile(r"(?:^|(?<=[\s,]))(--|—|–)([A-Za-z][\w-]*)")
_LINK_FIRST = re.compile(r"https?://\S")
_WEIGHT = re.compile(r"::(-?\d+(?:\.\d+)?|-?\.\d+)?")


@dataclass(frozen=True)
class Typed:
    """What somebody typed: the words, the parameters that are known, by name, and those that nobody knows."""

    words: str
    version: str | None = None
    values: Mapping[str, str] = field(default_factory=dict)
    unknown: tuple[str, ...] = ()


@dataclass(frozen=True)
class Composed:
    """A prompt that is ready to be sent."""

    prompt: str
    version: str
    values: Mapping[str, str]
    """Every parameter that is set, by name; those that are not written into the prompt too."""
    notes: tuple[str, ...] = ()


def read(prompt: str) -> Typed:
    """The words and parameters of a prompt. Raises :class:`InputRefused` for a parameter that cannot be read."""
    found = _flags(prompt)
    words = " ".join(prompt[: found[0].start() if found else None].split())
    ends = [*(match.start() for match in found[1:]), len(prompt)][: len(found)]
    values: dict[str, str] = {}
    versions: dict[str, None] = {}
    unknown: dict[str, None] = {}
    for match, end in zip(found, ends, strict=True):
        flag, value = match[2].lower(), " ".join(prompt[match.end() : end].split())
        if flag in FILMS:
            raise InputRefused(f"--{flag} asks for a film, and this makes pictures: take it out.", input_name="prompt")
        if flag in (*VERSION_FLAGS, NIJI):
            versions[_version(flag, value)] = None
        elif flag in SPELLINGS:
            parameter, stands_for = SPELLINGS[flag]
            _add(values, parameter, flag, _value(parameter, flag, value, stands_for))
        else:
            unknown[f"--{match[2]} {value}".rstrip()] = None
    if len(versions) > 1:
        raise InputRefused(
            f"The prompt asks for several versions ({', '.join(versions)}): keep one.", input_name="prompt"
        )
    return Typed(words, next(iter(versions), None), values, tuple(unknown))


def compose(
    prompt: str,
    version: str,
    inputs: Mapping[str, str | None],
    *,
    has_image: bool = False,
    pictured: Collection[str] = (),
) -> Composed:
    """The prompt with every parameter once: those typed in it stand, those of ``inputs`` (by name) are added.

    ``has_image`` says that pictures go along; ``pictured`` names the references whose pictures become links only when
    it is sent. Raises :class:`InputRefused` for what the version does not take.
    """
    typed = read(prompt)
    notes: list[str] = []
    chosen = typed.version or version
    if chosen not in VERSIONS:
        raise InputRefused(f"The input version = {chosen!r} cannot be used: there are {', '.join(VERSIONS)}.")
    if chosen != version:
        notes.append(f"The prompt's own version {chosen} was used in place of {version}.")
    values = _merged(typed, _inputs_read(inputs), notes)
    for name, value in values.items():
        _check(PARAMETERS[name], chosen, value, values, _where(name, typed), notes)
    for name in pictured:
        _check_pictured(PARAMETERS[name], chosen, values, notes)
    given = {*values, *pictured, *([IMAGE] if has_image or _LINK_FIRST.match(typed.words) else [])}
    _check_needs(values, typed, given)
    if not typed.words and not has_image:
        raise InputRefused("The prompt is empty: say what the picture should show.", input_name="prompt")
    _check_weights(typed.words, chosen, notes)
    if typed.unknown:
        notes.append(f"Easel does not know {', '.join(typed.unknown)}; it was sent as it is.")
    written = _written(typed.words, chosen, values, typed.unknown)
    if len(written) > MOST_LETTERS:
        raise InputRefused(
            f"The prompt has {len(written)} letters with its parameters, and {MOST_LETTERS} are the most.",
            input_name="prompt",
        )
    return Composed(written, chosen, values, tuple(notes))


def without(prompt: str, name: str) -> tuple[str, str | None]:
    """A composed prompt without one of its parameters, and that parameter's value."""
    typed = read(prompt)
    values = {other: value for other, value in typed.values.items() if other != name}
    return _written(typed.words, typed.version or DEFAULT_VERSION, values, typed.unknown), typed.values.get(name)


def with_links(prompt: str, links: Mapping[str, Sequence[str]]) -> str:
    """A composed prompt whose references (by name) have these links behind what stands there already."""
    if not any(links.values()):
        return prompt
    typed = read(prompt)
    values = dict(typed.values)
    for name, several in links.items():
        if several:
            values[name] = PARAMETERS[name].joined(values.get(name, ""), *several)
    return _written(typed.words, typed.version or DEFAULT_VERSION, values, typed.unknown)


def reworded(prompt: str, wish: str, version: str) -> Composed:
    """Other words in place of a prompt's own: its parameters stay, but for those that the wish says itself.

    Raises :class:`InputRefused` for a wish that cannot be read, or that the version does not take.
    """
    has_link = bool(_LINK_FIRST.match(wish.strip()))
    kept = {
        name: value
        for name, value in read(prompt).values.items()
        if PARAMETERS[name].written != "apart" and (PARAMETERS[name].needs != IMAGE or has_link)
    }
    return compose(wish, version, kept)


def picture_input(name: str) -> str:
    """The input that takes a reference as pictures: ``style_images`` for ``style_reference``."""
    return name.replace("_reference", "_image" if name == "omni_reference" else "_images")


def version_text(version: str) -> str:
    """How a prompt asks for a version."""
    return f"--{version}" if version.startswith(NIJI) else f"--v {version}"


def _flags(text: str) -> list[re.Match[str]]:
    """Where parameters begin; a long dash, which some keyboards make of two hyphens, counts before a known one only."""
    return [match for match in _FLAG.finditer(text) if match[1] == "--" or _is_known(match[2])]


def _is_known(flag: str) -> bool:
    flag = flag.lower()
    return flag in SPELLINGS or flag in FILMS or flag in (*VERSION_FLAGS, NIJI)


def _version(flag: str, value: str) -> str:
    number = value.rstrip(",.;").removesuffix(".0")
    name = f"{NIJI} {number}" if flag == NIJI else number
    if name not in VERSIONS:
        numbers = [one.removeprefix(f"{NIJI} ") for one in VERSIONS if one.startswith(NIJI) == (flag == NIJI)]
        raise InputRefused(
            f"The prompt's --{flag} {value} cannot be used: it takes {', '.join(numbers)}.", input_name="prompt"
        )
    return name


def _value(parameter: Parameter, flag: str, value: str, stands_for: str | None) -> str:
    try:
        if stands_for is None:
            return parameter.read(value)
        if value.rstrip(",.;"):
            raise ValueError("it takes no value, and the prompt's words go before all parameters")
    except ValueError as error:
        raise InputRefused(
            f"The prompt's {f'--{flag} {value}'.rstrip()} cannot be used: {error}.", input_name="prompt"
        ) from None
    return stands_for


def _add(values: dict[str, str], parameter: Parameter, flag: str, value: str) -> None:
    before = values.get(parameter.name)
    if before is not None and parameter.is_list:
        value = parameter.joined(before, value)
    elif before not in (None, value):
        raise InputRefused(
            f"The prompt says --{flag} twice, once {before} and once {value}: keep one.", input_name="prompt"
        )
    values[parameter.name] = value


def _inputs_read(inputs: Mapping[str, str | None]) -> dict[str, str]:
    """What the inputs ask for, but for what Midjourney does anyway."""
    values = {}
    for name, given in inputs.items():
        if given is None:
            continue
        parameter = PARAMETERS[name]
        try:
            if _flags(given):
                raise ValueError("parameters go into the prompt")
            value = parameter.read(given)
        except ValueError as error:
            raise InputRefused(f"The input {name} = {given!r} cannot be used: {error}.", input_name=name) from None
        if value != parameter.usual:
            values[name] = value
    return values


def _merged(typed: Typed, inputs: Mapping[str, str], notes: list[str]) -> dict[str, str]:
    """Both, in the order of writing; what is typed in the prompt goes before what an input says."""
    values: dict[str, str] = {}
    for name, parameter in PARAMETERS.items():
        in_prompt, in_input = typed.values.get(name), inputs.get(name)
        if in_prompt is not None and in_input is not None:
            if parameter.is_list:
                in_prompt = parameter.joined(in_prompt, in_input)
            elif in_prompt != in_input:
                notes.append(
                    f"The prompt's own {_spoken(parameter, in_prompt)} was used in place of {name} = {in_input}."
                )
        value = in_input if in_prompt is None else in_prompt
        if value is not None:
            values[name] = value
    return values


def _spoken(parameter: Parameter, value: str) -> str:
    return parameter.text(value) if parameter.flags else f"--{value}"


def _where(name: str, typed: Typed) -> tuple[str, str]:
    """How a sentence names a parameter by where it came from, and the input that is to be changed."""
    if name in typed.values:
        return f"The prompt's {_spoken(PARAMETERS[name], typed.values[name])}", "prompt"
    return f"The input {name}", name


def _check(
    parameter: Parameter,
    version: str,
    value: str,
    values: Mapping[str, str],
    where: tuple[str, str],
    notes: list[str],
) -> None:
    what, input_name = where
    if problem := parameter.problem(version, value):
        raise InputRefused(f"{what} cannot be used: {problem}.", input_name=input_name)
    for other, excluded in parameter.not_with.items():
        if values.get(other) == excluded:
            raise InputRefused(
                f"{what} cannot be used together with {PARAMETERS[other].text(excluded)}.", input_name=input_name
            )
    rule = parameter.rule(version)
    if rule is not None and rule.unsure:
        notes.append(f"Sources differ on whether version {version} takes {parameter.shown}; it was sent.")


def _check_pictured(parameter: Parameter, version: str, values: Mapping[str, str], notes: list[str]) -> None:
    """As :func:`_check`, for a reference that comes as pictures."""
    name = picture_input(parameter.name)
    if not parameter.is_list and parameter.name in values:
        raise InputRefused(
            f"The input {name} cannot be used together with a link: {parameter.shown} takes exactly one picture.",
            input_name=name,
        )
    _check(parameter, version, A_LINK, values, (f"The input {name}", name), notes)


def _check_needs(values: Mapping[str, str], typed: Typed, given: Collection[str]) -> None:
    for name in values:
        needs = PARAMETERS[name].needs
        if not needs or needs in given:
            continue
        what, input_name = _where(name, typed)
        missing = "a picture, or a link to one before the words" if needs == IMAGE else PARAMETERS[needs].shown
        raise InputRefused(f"{what} means nothing without {missing}.", input_name=input_name)


def _check_weights(words: str, version: str, notes: list[str]) -> None:
    """``hot::2 dog::-0.5``: Midjourney takes any weights whose sum is above zero."""
    # A link may hold "::" of its own.
    text = " ".join(word for word in words.split() if not _LINK_FIRST.match(word))
    weights = [1.0 if weight[1] is None else float(weight[1]) for weight in _WEIGHT.finditer(text)]
    if not weights:
        return
    rest = _WEIGHT.split(text)[-1]
    total = sum(weights) + (1.0 if rest and rest.strip() else 0.0)
    if total <= 0:
        raise InputRefused(
            f"The prompt's weights ({', '.join(f'{one:g}' for one in weights)}) must have a sum above 0.",
            input_name="prompt",
        )
    if version in WEIGHTS_UNSURE:
        notes.append(f"Sources differ on whether version {version} follows :: weights; they were sent.")


def _written(words: str, version: str, values: Mapping[str, str], unknown: tuple[str, ...]) -> str:
    known = [
        parameter.text(values[name])
        for name, parameter in PARAMETERS.items()
        if name in values and parameter.written != "apart"
    ]
    return " ".join(part for part in (words, version_text(version), *known, *unknown) if part)
