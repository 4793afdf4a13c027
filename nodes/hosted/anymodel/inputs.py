"""A user's inputs: a JSON object in which ``$image``, ``$mask`` and ``$text`` stand for what is connected."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from ..engine.errors import InputRefused

if TYPE_CHECKING:
    from ..engine.inputs import InputMask, InputPicture

WHITE, BLACK = "$mask", "$mask_black"
_IMAGE = re.compile(r"\$(image(?:_\d+)?)")
_TEXT = re.compile(r"\$(text(?:_2)?)\b")
_FILE = re.compile(r"\$file/(picture|white|black)/(\d+)")


@dataclass
class Filled:
    """Inputs with every file named by a token, ``$file/KIND/NUMBER``, and the files themselves."""

    values: dict[str, Any]
    pictures: list[InputPicture] = field(default_factory=list)
    masks: list[InputMask] = field(default_factory=list)


def read(text: str) -> dict[str, Any]:
    """The JSON object in ``text``; empty text is an empty one. Raises :class:`InputRefused` for anything else."""
    try:
        values = json.loads(text.strip() or "{}", parse_constant=_no_constant)
    except ValueError as error:
        raise InputRefused(
            f'The inputs are not JSON ({error}). Write them like {{"prompt": "a red boat", "steps": 20}}.',
            input_name="inputs",
        ) from None
    if not isinstance(values, dict):
        raise InputRefused('The inputs must be one JSON object, like {"prompt": "a red boat"}.', input_name="inputs")
    return values


def fill(
    values: dict[str, Any],
    pictures: Mapping[str, Sequence[InputPicture]],
    masks: Mapping[str, InputMask],
    texts: Mapping[str, str],
    takes_list: Callable[[str], bool],
) -> Filled:
    """``values`` with what is connected in the place of its name.

    ``pictures`` are the batches by socket (``image``, ``image_2``, …). A batch becomes a list where the input is one;
    elsewhere it must hold one picture. Raises :class:`InputRefused` for a name without a connection, and for a
    connection without a name: what is connected and not sent would be missed only in the bought picture.
    """
    filled = Filled({})
    used: set[str] = set()

    def filled_in(value: Any, *, as_list: bool) -> Any:
        if isinstance(value, list):
            # A batch named inside a list becomes several of its entries.
            each = [(isinstance(entry, str), filled_in(entry, as_list=True)) for entry in value]
            return [
                one for is_name, entry in each for one in (entry if is_name and isinstance(entry, list) else [entry])
            ]
        if isinstance(value, dict):
            return {name: filled_in(entry, as_list=False) for name, entry in value.items()}
        if not isinstance(value, str):
            return value
        if value in (WHITE, BLACK):
            used.add("mask")
            filled.masks.append(_connected(masks, "mask", value))
            return f"$file/{'black' if value == BLACK else 'white'}/{len(filled.masks) - 1}"
        if image := _IMAGE.fullmatch(value):
            batch = _connected(pictures, image[1], value)
            used.add(image[1])
            return _tokens(filled, batch, value, as_list=as_list)
        for name in _TEXT.findall(value):
            used.add(name)
            _connected(texts, name, f"${name}")
        said = _TEXT.sub(lambda found: texts[found[1]], value)
        if _FILE.fullmatch(said):
            raise InputRefused(f'"{said}" cannot be an input: write "$image" or "$mask".', input_name="inputs")
        return said

    for name, value in values.items():
        filled.values[name] = filled_in(value, as_list=takes_list(name))
    for name in (*pictures, *masks, *texts):
        if name not in used:
            raise InputRefused(
                f'What is connected at {name} is not used: write "${name}" in the inputs where it belongs.',
                input_name=name,
            )
    return filled


def replaced(values: Any, file: Callable[[str, int], Any]) -> Any:
    """``values`` with every token replaced by ``file(kind, number)``."""
    if isinstance(values, dict):
        return {name: replaced(value, file) for name, value in values.items()}
    if isinstance(values, list):
        return [replaced(value, file) for value in values]
    if isinstance(values, str) and (found := _FILE.fullmatch(values)):
        return file(found[1], int(found[2]))
    return values


def _tokens(filled: Filled, batch: Sequence[InputPicture], value: str, *, as_list: bool) -> Any:
    if not as_list and len(batch) != 1:
        raise InputRefused(
            f"{value} holds {len(batch)} pictures where the model takes one: pick one with Image From Batch.",
            input_name=value[1:],
        )
    first = len(filled.pictures)
    filled.pictures.extend(batch)
    tokens = [f"$file/picture/{number}" for number in range(first, len(filled.pictures))]
    return tokens if as_list else tokens[0]


def _no_constant(name: str) -> Any:
    raise ValueError(f"{name} is no JSON number")


def _connected(sockets: Mapping[str, Any], name: str, placeholder: str) -> Any:
    if name not in sockets:
        raise InputRefused(f"The inputs name {placeholder}, and nothing is connected at {name}.", input_name=name)
    return sockets[name]
