"""Request bodies against the JSON Schemas of the providers' wires (draft 2020-12, in `specs/`)."""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from jsonschema import Draft202012Validator
from jsonschema.exceptions import ValidationError, best_match

FOLDER = Path(__file__).with_name("specs")


@dataclass(frozen=True)
class Problem:
    """The most telling thing that is wrong with a body."""

    field: str
    rule: str
    """The schema keyword that was broken, such as `enum` or `maxLength`."""
    value: Any
    allowed: Any
    message: str


@cache
def validator(document: str, name: str) -> Draft202012Validator:
    """The validator of one schema of a document, such as ("openai", "generations_request")."""
    schemas = json.loads((FOLDER / f"{document}.json").read_text("utf-8"))
    return Draft202012Validator(schemas["$defs"][name])


def problem(document: str, name: str, body: Any) -> Problem | None:
    """What is wrong with a body, or None."""
    error = best_match(validator(document, name).iter_errors(body))
    return None if error is None else _described(error)


def _described(error: ValidationError) -> Problem:
    path = [str(step) for step in error.absolute_path]
    body: Any = error.instance
    wanted: Any = error.validator_value
    schema: Any = error.schema
    if error.validator == "required":
        path.append(next(name for name in wanted if name not in body))
    elif error.validator == "additionalProperties":
        path.append(next(name for name in body if name not in schema.get("properties", {})))
    return Problem(".".join(path), str(error.validator), body, wanted, error.message)
