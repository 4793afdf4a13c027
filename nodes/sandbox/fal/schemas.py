"""What an endpoint takes and answers, by its schemas in `specs/fal.json`."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from functools import cache
from typing import Any

from jsonschema import Draft202012Validator
from jsonschema.exceptions import ValidationError, best_match

from .. import specs

Schema = dict[str, Any]

_TYPES: Mapping[str, str] = {
    "required": "missing",
    "enum": "one_of",
    "minimum": "greater_than",
    "maximum": "less_than",
    "multipleOf": "multiple_of",
    "minLength": "sequence_too_short",
    "minItems": "sequence_too_short",
    "maxLength": "sequence_too_long",
    "maxItems": "sequence_too_long",
}
"""JSON Schema's rules as the `type` of fal's error details; any other is a value_error."""

_LIMITS: Mapping[str, str] = {"minimum": "ge", "maximum": "le", "minItems": "min_length", "maxItems": "max_length"}


@cache
def document() -> Schema:
    """The specification: `$defs`, and `endpoints` with `input` and `output`."""
    found: Schema = json.loads((specs.FOLDER / "fal.json").read_text("utf-8"))
    return found


def properties(path: str, side: str = "input") -> Schema:
    """The fields of an endpoint's input or output, each with its schema."""
    found: Schema = document()["endpoints"][path][side]["properties"]
    return found


def with_defaults(path: str, body: Mapping[str, Any]) -> dict[str, Any]:
    """The body without the fields that the endpoint does not know, and with the defaults of those left out."""
    known = properties(path)
    defaults = {name: schema["default"] for name, schema in known.items() if "default" in schema}
    return defaults | {name: value for name, value in body.items() if name in known and value is not None}


def problems(path: str, body: Mapping[str, Any]) -> list[dict[str, Any]]:
    """What is wrong with a body, as the details of a 422; null stands for a field that was left out."""
    sent = {name: value for name, value in body.items() if value is not None}
    return [detail for error in _validator(path).iter_errors(sent) for detail in _details(error)]


@cache
def _validator(path: str) -> Draft202012Validator:
    return Draft202012Validator({"$defs": document()["$defs"], **document()["endpoints"][path]["input"]})


def _details(error: ValidationError) -> Iterator[dict[str, Any]]:
    told = best_match([error]) or error
    where = ["body", *told.absolute_path]
    rule = str(told.validator)
    wanted: Any = told.validator_value
    if rule == "required":
        # Each missing field has an error of its own, and only its message names the field.
        name = next(name for name in wanted if told.message.startswith(repr(name)))
        yield {"loc": [*where, name], "msg": "Field required", "type": "missing", "input": told.instance}
        return
    detail = {"loc": where, "msg": told.message[:300], "type": _TYPES.get(rule, "value_error"), "input": told.instance}
    if rule == "enum":
        detail["ctx"] = {"expected": wanted}
    elif rule in _LIMITS:
        detail["ctx"] = {_LIMITS[rule]: wanted}
    yield detail
