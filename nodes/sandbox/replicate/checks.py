"""Bodies and inputs against their schemas, told in the sentences of Replicate's validator."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from jsonschema.exceptions import ValidationError

from .. import specs
from .wire import invalid

DOCUMENT = "replicate"
LARGEST_INLINE = 256 * 1024
"""Bytes of a file that may come as a data URI; larger ones are to be uploaded."""

_SENTENCES: Mapping[str, tuple[str, Callable[[Any], str]]] = {
    "maximum": ("number_lte", lambda limit: f"Must be less than or equal to {limit:g}"),
    "minimum": ("number_gte", lambda limit: f"Must be greater than or equal to {limit:g}"),
    "maxItems": ("array_max_items", lambda limit: f"Array must have at most {limit} items"),
}


def check_body(name: str, body: Mapping[str, Any]) -> None:
    """Raises 422 when the body breaks the schema of that name."""
    _check(name, body, root="")


def check_input(model: str, given: Mapping[str, Any]) -> None:
    """Raises 422 that names every wrong input of a model; inputs that it does not know are left alone."""
    _check(model, given, root="input")
    wrong = [problem for name, url in addresses(model, given) if (problem := _bad_address(name, url))]
    if wrong:
        raise invalid(wrong)


def addresses(model: str, given: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Every input that is the address of a file, as name and address, in the order of the model's schema."""
    found: list[tuple[str, str]] = []
    for name, schema in properties(model).items():
        value = given.get(name)
        if not value or "uri" not in (schema.get("format"), schema.get("items", {}).get("format")):
            continue
        found += [(name, value)] if isinstance(value, str) else [(name, one) for one in value]
    return found


def properties(model: str) -> Mapping[str, Any]:
    """The input properties of a model, by name."""
    found: Mapping[str, Any] = _schema(model)["properties"]
    return found


def required(model: str) -> list[str]:
    """The inputs that a model cannot do without."""
    found: list[str] = _schema(model)["required"]
    return found


def _schema(model: str) -> Mapping[str, Any]:
    found: Any = specs.validator(DOCUMENT, model).schema
    return dict(found)


def _check(name: str, given: Mapping[str, Any], root: str) -> None:
    errors = sorted(specs.validator(DOCUMENT, name).iter_errors(dict(given)), key=lambda one: str(one.absolute_path))
    if errors:
        raise invalid([told for error in errors for told in _told(error, root)])


def _told(error: ValidationError, root: str) -> list[dict[str, str]]:
    field = ".".join(part for part in (root, *map(str, error.absolute_path)) if part)
    wanted: Any = error.validator_value
    given: Any = error.instance
    rule = str(error.validator)
    if rule == "required":
        missing = [name for name in wanted if name not in given]
        # jsonschema reports each missing one by itself, and its message begins with the name.
        name = next(name for name in missing if error.message.startswith(repr(name)))
        return [_field("required", field or "(root)", f"{name} is required")]
    if rule == "additionalProperties":
        known: Any = error.schema
        unknown = [name for name in given if name not in known["properties"]]
        return [
            _field("additional_property_not_allowed", "(root)", f"Additional property {name} is not allowed")
            for name in unknown
        ]
    if rule == "type":
        return [_field("invalid_type", field, f"Invalid type. Expected: {wanted}, given: {_kind(given)}")]
    if rule == "enum":
        allowed = ", ".join(f'"{one}"' for one in wanted)
        return [_field("enum", field, f"{field} must be one of the following: {allowed}")]
    kind, sentence = _SENTENCES.get(rule, (rule, lambda _: error.message[:300]))
    return [_field(kind, field, sentence(wanted))]


def _bad_address(name: str, url: str) -> dict[str, str] | None:
    field = f"input.{name}"
    if not url.startswith(("http://", "https://", "data:")):
        return _field("format", field, "Does not match format 'uri'")
    if url.startswith("data:") and len(url.partition(",")[2]) * 3 // 4 - url.count("=", -2) > LARGEST_INLINE:
        return _field("string_lte", field, "Files in data URIs must be at most 256 KB: send larger ones by URL")
    return None


def _field(kind: str, field: str, description: str) -> dict[str, str]:
    return {"type": kind, "field": field, "description": description}


def _kind(value: Any) -> str:
    names = {bool: "boolean", int: "integer", float: "number", str: "string", list: "array", dict: "object"}
    return names.get(type(value), "null")
