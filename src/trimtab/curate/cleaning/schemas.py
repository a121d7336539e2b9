"""A call's arguments against its tool's JSON schema: what is wrong, and what can be read as meant without loss."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import jsonschema
import referencing
from jsonschema.exceptions import best_match
from jsonschema.protocols import Validator

from trimtab.records import ToolSchema

_TYPES = {"dict": "object", "float": "number", "double": "number", "int": "integer", "long": "integer"}
_TYPES |= {"str": "string", "bool": "boolean", "list": "array", "tuple": "array", "none": "null"}
_OPEN = ("additionalProperties", "patternProperties", "unevaluatedProperties", "allOf", "anyOf", "oneOf", "$ref")


@dataclass(frozen=True)
class Signature:
    """One tool's parameters, read once. Types as other languages name them (dict, float) are understood."""

    name: str
    parameters: Mapping[str, Any]

    @cached_property
    def validator(self) -> Validator | None:
        """None where the parameters are no JSON schema. The registry is empty: a schema never fetches another."""
        try:
            jsonschema.Draft202012Validator.check_schema(self.parameters)
        except (jsonschema.SchemaError, RecursionError):
            return None
        return jsonschema.Draft202012Validator(self.parameters, registry=referencing.Registry())

    @cached_property
    def properties(self) -> Mapping[str, Any]:
        found = self.parameters.get("properties")
        return found if isinstance(found, Mapping) else {}

    def wrong(self, arguments: Mapping[str, Any]) -> str | None:
        """What is wrong with the arguments, said by field; None where they hold. An undeclared argument is wrong."""
        assert self.validator is not None
        error = best_match(self.validator.iter_errors(dict(arguments)))
        if error is not None:
            place = ".".join(str(part) for part in error.absolute_path)
            said = error.message if len(error.message) <= 160 else f"{error.message[:160]}…"
            return f"{place}: {said}" if place else said
        closed = bool(self.properties) and not any(name in self.parameters for name in _OPEN)
        extra = [name for name in arguments if name not in self.properties] if closed else []
        return f"no argument is called {', '.join(map(repr, extra))}" if extra else None


def signature_of(schema: ToolSchema) -> Signature:
    function = schema["function"]
    parameters = function.get("parameters")
    return Signature(function["name"], plain_types(parameters) if isinstance(parameters, Mapping) else {})


def plain_types(schema: Any) -> Any:
    """The schema with its types by their JSON names, ``any`` as no type at all."""
    if isinstance(schema, list | tuple):
        return [plain_types(part) for part in schema]
    if not isinstance(schema, Mapping):
        return schema
    plain = {str(key): plain_types(value) for key, value in schema.items()}
    kind = schema.get("type")
    if isinstance(kind, str):
        if kind.lower() == "any":
            del plain["type"]
        else:
            plain["type"] = _TYPES.get(kind.lower(), kind.lower())
    return plain


def coerced(arguments: Mapping[str, Any], signature: Signature) -> tuple[dict[str, Any], list[str]]:
    """The arguments with those of the wrong type read as meant, and which: only what reads back to what was written.

    ``"3"`` for an integer, ``"2.5"`` for a number, ``"true"`` for a boolean, JSON text for a list or an object, a
    number for a text.
    """
    found, changed = dict(arguments), []
    for name, value in arguments.items():
        schema = signature.properties.get(name)
        kind = schema.get("type") if isinstance(schema, Mapping) else None
        if isinstance(kind, str) and (read := _read(value, kind)) is not None:
            found[name] = read[0]
            changed.append(f"{name}: {value!r} read as {read[0]!r}")
    return found, changed


def _read(value: Any, kind: str) -> tuple[Any] | None:
    if kind == "string":
        number = isinstance(value, int | float) and not isinstance(value, bool)
        return (json.dumps(value),) if number else None
    if not isinstance(value, str) or kind not in _MEANT:
        return None
    try:
        read = json.loads(value)
    except (ValueError, RecursionError):
        return None
    exact = not isinstance(read, float | int) or isinstance(read, bool) or json.dumps(read) == value
    return (
        (read,) if isinstance(read, _MEANT[kind]) and exact and (kind == "boolean") == isinstance(read, bool) else None
    )


_MEANT: Mapping[str, tuple[type, ...]] = {
    "integer": (int,),
    "number": (int, float),
    "boolean": (bool,),
    "array": (list,),
    "object": (dict,),
}
