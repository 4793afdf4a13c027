"""What a marketplace publishes of one model, and what of a user's inputs does not fit it."""

from __future__ import annotations

import difflib
from dataclasses import asdict, dataclass
from decimal import Decimal
from typing import Any

from ..engine.errors import InputRefused

_SHOWN = 25
"""How many names of inputs an error lists."""


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
        try:
            is_readable = isinstance(found._inputs().get("properties"), dict)
        except (KeyError, TypeError, AttributeError):
            is_readable = False
        if not is_readable:
            raise ValueError("it describes no inputs")
        return found

    @property
    def names(self) -> list[str]:
        """The names of the inputs, as published."""
        return list(self._inputs().get("properties", {}))

    def takes_list(self, name: str) -> bool:
        """Whether the input ``name`` is a list."""
        wanted = self._inputs().get("properties", {}).get(name, {})
        choices = [wanted, *wanted.get("anyOf", ()), *wanted.get("allOf", ())]
        return any(self._resolved(choice).get("type") == "array" for choice in choices)

    def check(self, values: dict[str, Any]) -> None:
        """Raises :class:`InputRefused` for the first of ``values`` that the model does not take, and says what it takes.

        A name that the model does not know is refused too: it would be ignored, and the picture paid for.
        """
        import jsonschema

        names = self.names
        for name in values:
            if name not in names:
                raise InputRefused(f"{self.model} has no input {name}.{_meant(name, names)}", input_name="inputs")
        document = {**self.schema, "$ref": f"#{self.inputs}"}
        problem = jsonschema.exceptions.best_match(jsonschema.Draft202012Validator(document).iter_errors(values))
        if problem is not None:
            where = ".".join(map(str, problem.absolute_path))
            raise InputRefused(
                f"{self.model} does not take these inputs: {f'{where}: ' if where else ''}{problem.message}.",
                input_name="inputs",
            )

    def price(self, values: dict[str, Any]) -> Decimal | None:
        """US dollars for ``values``; None where nothing is published that tells it beforehand."""
        if not self.unit.startswith("image"):
            return None
        count = values.get("num_images", values.get("num_outputs", 1))
        return Decimal(self.unit_usd) * count if isinstance(count, int) else None

    def _inputs(self) -> dict[str, Any]:
        return self._resolved({"$ref": f"#{self.inputs}"})

    def _resolved(self, schema: dict[str, Any]) -> dict[str, Any]:
        while "$ref" in schema:
            place: Any = self.schema
            for step in schema["$ref"].removeprefix("#/").split("/"):
                place = place[step.replace("~1", "/").replace("~0", "~")]
            schema = place
        return schema


def _meant(name: str, names: list[str]) -> str:
    near = difflib.get_close_matches(name, names, 1)
    if near:
        return f" Did you mean {near[0]}?"
    more = f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else ""
    return f" It takes: {', '.join(names[:_SHOWN])}{more}."
