"""What a marketplace publishes of one model, and what of a user's inputs does not fit it."""

from __future__ import annotations

import difflib
import re
from dataclasses import asdict, dataclass
from decimal import Decimal, InvalidOperation
from typing import Any

from ..engine.errors import InputRefused

_SHOWN = 25
"""How many names of inputs an error lists."""
_MOST_LETTERS = 300
"""How much an error tells of what does not fit: it quotes the value, a long prompt perhaps."""
_MOST_STEPS = 20
"""How far references are followed: some lead in a circle."""
_COUNTS = ("num_images", "num_outputs")
_VALUES = ("default", "enum", "const", "example", "examples")
"""What holds values in a schema, not further schemas."""


@dataclass(frozen=True)
class Published:
    """One model: what it is ordered as, its inputs as a JSON Schema, and its price where one is published."""

    model: str
    """``owner/name``, ``owner/name:version``, or an endpoint's id."""
    schema: dict[str, Any]
    """The whole document, so that references in it can be followed."""
    inputs: str
    """Where in the document the inputs are described, as a JSON pointer such as ``/components/schemas/Input``."""
    unit: str = ""
    """What is paid for: "image", "megapixel", …; empty where no price is published."""
    unit_usd: str = ""

    def as_json(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def read(cls, **told: Any) -> Published:
        """Raises ValueError where the inputs are not where the document is said to describe them."""
        found = cls(**told)
        if not isinstance(found._inputs().get("properties"), dict):
            raise ValueError("it describes no inputs")
        return found

    @property
    def names(self) -> list[str]:
        """The names of the inputs, as published."""
        return list(self._inputs().get("properties", {}))

    def takes_list(self, name: str) -> bool:
        """Whether the input ``name`` is a list."""
        return self._is_list(self._inputs().get("properties", {}).get(name))

    def check(self, values: dict[str, Any]) -> None:
        """Raises :class:`InputRefused` for the first of ``values`` that the model does not take, and says what it takes.

        A name that the model does not know is refused too: it would be ignored, and the picture paid for.
        """
        import jsonschema
        import referencing
        import referencing.exceptions

        names = self.names
        for name in values:
            if name not in names:
                raise InputRefused(f"{self.model} has no input {name}.{_meant(name, names)}", input_name="inputs")
        document = {**_modern(self.schema), "$ref": f"#{self.inputs}"}
        # A registry of its own: the usual one fetches from any address that a schema refers to.
        validator = jsonschema.Draft202012Validator(document, registry=referencing.Registry())
        try:
            problem = jsonschema.exceptions.best_match(validator.iter_errors(values))
        except (
            referencing.exceptions.Unresolvable,
            jsonschema.exceptions.UnknownType,
            re.error,
            TypeError,
            RecursionError,
        ) as error:
            raise InputRefused(
                f"What is published of {self.model} cannot be understood, so the inputs cannot be checked "
                f"({type(error).__name__}).",
                input_name="inputs",
            ) from error
        if problem is not None:
            where = ".".join(map(str, problem.absolute_path))
            raise InputRefused(
                f"{self.model} does not take these inputs: {f'{where}: ' if where else ''}{_short(problem.message)}.",
                input_name="inputs",
            )

    def price(self, values: dict[str, Any]) -> Decimal | None:
        """US dollars for ``values``; None where nothing is published that tells it beforehand."""
        if not self.unit.startswith("image"):
            return None
        count = next((self._value(values, name) for name in _COUNTS if name in self.names), 1)
        try:
            return Decimal(self.unit_usd) * count if isinstance(count, int) else None
        except InvalidOperation:
            return None

    def _value(self, values: dict[str, Any], name: str) -> Any:
        """The value of an input; where none is given, what the model uses."""
        published = self._inputs().get("properties", {}).get(name)
        default = published.get("default", 1) if isinstance(published, dict) else 1
        return values.get(name, default)

    def _is_list(self, schema: Any, depth: int = 0) -> bool:
        schema = self._resolved(schema)
        if not isinstance(schema, dict) or depth > _MOST_STEPS:
            return False
        kind = schema.get("type")
        if kind == "array" or (isinstance(kind, list) and "array" in kind):
            return True
        choices = [choice for key in ("anyOf", "oneOf", "allOf") for choice in schema.get(key) or ()]
        return any(self._is_list(choice, depth + 1) for choice in choices)

    def _inputs(self) -> dict[str, Any]:
        found = self._resolved({"$ref": f"#{self.inputs}"})
        return found if isinstance(found, dict) else {}

    def _resolved(self, schema: Any) -> Any:
        """``schema`` itself, or what it refers to in the document; None where that leads nowhere."""
        for _ in range(_MOST_STEPS):
            if not isinstance(schema, dict) or not isinstance(schema.get("$ref"), str):
                return schema
            place: Any = self.schema
            for step in schema["$ref"].removeprefix("#/").split("/"):
                place = place.get(step.replace("~1", "/").replace("~0", "~")) if isinstance(place, dict) else None
            schema = place
        return None


def _modern(schema: Any) -> Any:
    """``schema`` with what only OpenAPI 3.0 says (``nullable``, limits excluded by a flag) as JSON Schema says it."""
    if isinstance(schema, list):
        return [_modern(entry) for entry in schema]
    if not isinstance(schema, dict):
        return schema
    found = {key: value if key in _VALUES else _modern(value) for key, value in schema.items()}
    for limit, excluded in (("minimum", "exclusiveMinimum"), ("maximum", "exclusiveMaximum")):
        if isinstance(found.get(excluded), bool) and found.pop(excluded) and limit in found:
            found[excluded] = found.pop(limit)
    if found.get("nullable") is not True:
        return found
    return {"anyOf": [{key: value for key, value in found.items() if key != "nullable"}, {"type": "null"}]}


def _short(message: str) -> str:
    return message if len(message) <= _MOST_LETTERS else f"{message[:_MOST_LETTERS]}…"


def _meant(name: str, names: list[str]) -> str:
    near = difflib.get_close_matches(name, names, 1)
    if near:
        return f" Did you mean {near[0]}?"
    more = f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else ""
    return f" It takes: {', '.join(names[:_SHOWN])}{more}."
