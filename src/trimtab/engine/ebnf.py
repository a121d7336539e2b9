"""A constraint as the EBNF that openvino-genai follows, from the part of JSON Schema that can be kept to the letter.

Its own schema converter skips keywords that it does not know, writes control characters into strings and loses every
running request on a schema that it cannot read; so the grammar is written here, and what it cannot say is refused. It
may allow less than the schema (no properties beside those named, bounded lengths), never more.
Characters are listed, in ranges of one pattern of bytes: an excluding class, or a range across such patterns, lets
bytes pass that are no UTF-8.
"""

import json
from collections.abc import Mapping
from typing import Any

import jsonschema
import referencing

from trimtab.engine.citing import citing_ebnf
from trimtab.engine.constraint import Constraint
from trimtab.engine.core import Unsupported
from trimtab.records import UserError

_MOST_RULES = 2000
_MOST_REPEATS = 512
_MOST_VALUES = 512
_NOTES = frozenset(("title", "description", "default", "examples", "$schema", "$defs", "definitions", "deprecated"))
_KEYWORDS: Mapping[str, frozenset[str]] = {
    "object": frozenset(("properties", "required", "additionalProperties")),
    "array": frozenset(("items", "minItems", "maxItems")),
    "string": frozenset(("minLength", "maxLength")),
    "integer": frozenset(("minimum", "maximum")),
    "number": frozenset(),
    "boolean": frozenset(),
    "null": frozenset(),
}
_BASE = r"""
char ::= [ !#-\[\]-~\u00a0-\u07ff\u0800-\u0fff\u1000-\ucfff] | far | escaped
far ::= [\ud000-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]
escaped ::= "\\" (["\\/bfnrt] | "u00" [01] [0-9a-f])
string ::= "\"" char* "\""
integer ::= "-"? ("0" | [1-9] [0-9]{0,14})
number ::= integer ("." [0-9]{1,15})? ([eE] [-+]? [0-9]{1,2})?
boolean ::= "true" | "false"
null ::= "null"
member ::= string ": " any
object ::= "{" (member (", " member)*)? "}"
array ::= "[" (any (", " any)*)? "]"
any ::= object | array | string | number | boolean | null
"""


def ebnf_of(constraint: Constraint) -> str:
    """The grammar, its start rule ``root``. Raises Unsupported for what it cannot say, UserError for a bad schema."""
    starts, lines = [], []
    if constraint.answer is not None:
        if constraint.answer.kind == "citations":
            lines += citing_ebnf("answer", constraint.answer.text)
        elif constraint.answer.kind == "json_schema":
            lines += _rules("answer", constraint.answer.text, "response_format")
        else:
            raise Unsupported(f"the engine cannot constrain {constraint.answer.kind}", "response_format")
        starts.append("answer")
    for i, call in enumerate(constraint.calls):
        lines += _rules(f"arguments{i}", call.schema, "tools")
        lines.append(f"call{i} ::= {_quoted(call.begin)} arguments{i} {_quoted(call.end)}")
    if constraint.calls:
        lines.append("call ::= " + " | ".join(f"call{i}" for i in range(len(constraint.calls))))
        starts.append('call ("\\n" call)*' if constraint.many else "call")
    return f"root ::= {' | '.join(starts)}\n{_BASE}" + "\n".join(lines) + "\n"


def _rules(name: str, schema: str, field: str) -> list[str]:
    value = json.loads(schema)
    try:
        jsonschema.Draft202012Validator.check_schema(value)
        return _Rules(name, value, field).lines()
    except jsonschema.SchemaError as error:
        raise UserError(f"no JSON schema: {error.message[:200]}", field=field) from error
    except RecursionError as error:
        raise UserError("the schema is too deep", field=field) from error


class _Rules:
    """The rules of one schema, its own names prefixed by ``name``."""

    def __init__(self, name: str, schema: Any, field: str) -> None:
        self._name, self._schema, self._field = name, schema, field
        self._lines: list[str] = []
        self._refs: dict[str, str] = {}

    def lines(self) -> list[str]:
        return [f"{self._name} ::= {self._value(self._schema)}", *self._lines]

    def _rule(self, body: str) -> str:
        if len(self._lines) >= _MOST_RULES:
            raise self._cannot("a schema of this size")
        name = f"{self._name}x{len(self._lines)}"
        self._lines.append(f"{name} ::= {body}")
        return name

    def _cannot(self, what: str) -> Unsupported:
        return Unsupported(f"the engine cannot hold JSON to {what}", self._field)

    def _value(self, schema: Any) -> str:
        """An expression for the values of ``schema``."""
        if schema is True:
            return "any"
        if schema is False:
            raise UserError("the schema allows nothing", field=self._field)
        said = {key: value for key, value in schema.items() if key not in _NOTES}
        if "enum" in said or "const" in said:
            return self._listed(said)
        for key in ("$ref", "anyOf"):
            if key in said:
                if len(said) > 1:
                    raise self._cannot(f"{key} beside {sorted(set(said) - {key})[0]}")
                return self._ref(said[key]) if key == "$ref" else self._one_of([self._value(s) for s in said[key]])
        kinds = said.pop("type", None)
        if kinds is None:
            if said:
                raise self._cannot(f"{sorted(said)[0]} without a type")
            return "any"
        return self._one_of([self._typed(kind, said) for kind in ([kinds] if isinstance(kinds, str) else kinds)])

    def _typed(self, kind: str, said: Mapping[str, Any]) -> str:
        known = frozenset().union(*_KEYWORDS.values())
        if unknown := sorted(set(said) - known):
            raise self._cannot(unknown[0])
        mine = {key: value for key, value in said.items() if key in _KEYWORDS[kind]}
        bounds = {"minimum", "maximum"} & set(said)
        if kind == "number" and bounds:
            raise self._cannot(f"a number's {sorted(bounds)[0]}")
        if not mine:
            return kind
        return {"object": self._object, "array": self._array, "string": self._string, "integer": self._integer}[kind](
            mine
        )

    def _listed(self, said: Mapping[str, Any]) -> str:
        if "$ref" in said:
            raise self._cannot("$ref beside enum")
        rest = jsonschema.Draft202012Validator(dict(said), registry=referencing.Registry())
        given = said["enum"] if "enum" in said else [said["const"]]
        values = [json.dumps(value, ensure_ascii=False) for value in given if rest.is_valid(value)]
        if not values:
            raise UserError("the schema allows nothing", field=self._field)
        return self._one_of([_quoted(value) for value in values])

    def _ref(self, ref: str) -> str:
        if ref not in self._refs:
            self._refs[ref] = name = self._rule("")
            place = len(self._lines) - 1
            body = self._value(_pointed(self._schema, ref, self._field))
            if body == name:
                raise UserError("the schema refers to itself", field=self._field)
            self._lines[place] = f"{name} ::= {body}"
        return self._refs[ref]

    def _one_of(self, bodies: list[str]) -> str:
        return bodies[0] if len(bodies) == 1 else self._rule(" | ".join(bodies))

    def _string(self, said: Mapping[str, Any]) -> str:
        return self._rule(rf'"\"" char{self._times(said, "Length")} "\""')

    def _integer(self, said: Mapping[str, Any]) -> str:
        low, high = said.get("minimum"), said.get("maximum")
        if low is None or high is None or high - low >= _MOST_VALUES:
            raise self._cannot("an integer's bound, save for a small range")
        values = [value for value in range(int(low), int(high) + 1) if low <= value <= high]
        if not values:
            raise UserError("the schema allows nothing", field=self._field)
        return self._one_of([f'"{value}"' for value in values])

    def _array(self, said: Mapping[str, Any]) -> str:
        item = self._value(said.get("items", True))
        least, most = self._bounds(said, "Items")
        if most == 0:
            return '"[]"'
        more = f'(", " {item}){{{max(least - 1, 0)},{"" if most is None else most - 1}}}'
        body = f"{item} {more}"
        return self._rule(f'"[" {body} "]"' if least else f'"[" ({body})? "]"')

    def _object(self, said: Mapping[str, Any]) -> str:
        named: dict[str, Any] = dict(said.get("properties", {}))
        required = list(said.get("required", ()))
        others = said.get("additionalProperties", True)
        for key in required:
            named.setdefault(key, others)
        if not named and others is not False:
            member = self._rule(f'string ": " {self._value(others)}')
            return self._rule(f'"{{" ({member} (", " {member})*)? "}}"')
        members = [
            (f"{_quoted(json.dumps(key, ensure_ascii=False) + ': ')} {self._value(value)}", key in required)
            for key, value in named.items()
        ]
        return self._rule(f'"{{" {self._members(members)} "}}"')

    def _members(self, members: list[tuple[str, bool]]) -> str:
        """The members in their order, those not required left out at will; commas only between two."""
        first, later = '""', '""'
        for body, required in reversed(members):
            begun = self._rule(f"{body} {later}")
            first, later = (
                begun if required else self._rule(f"{begun} | {first}"),
                self._rule(f'", " {begun}' + ("" if required else f" | {later}")),
            )
        return first

    def _bounds(self, said: Mapping[str, Any], what: str) -> tuple[int, int | None]:
        least, most = int(said.get(f"min{what}", 0)), said.get(f"max{what}")
        if least > _MOST_REPEATS:
            raise self._cannot(f"min{what} above {_MOST_REPEATS}")
        if most is not None and most < least:
            raise UserError("the schema allows nothing", field=self._field)
        return least, None if most is None else min(int(most), _MOST_REPEATS)

    def _times(self, said: Mapping[str, Any], what: str) -> str:
        least, most = self._bounds(said, what)
        return f"{{{least},{'' if most is None else most}}}"


def _pointed(schema: Any, ref: str, field: str) -> Any:
    """What a JSON pointer (RFC 6901) within the schema points at."""
    found = schema
    for part in ref.removeprefix("#").split("/")[1:]:
        key = part.replace("~1", "/").replace("~0", "~")
        if not ref.startswith("#") or not isinstance(found, Mapping) or key not in found:
            raise UserError(f"the schema has no {ref!r}", field=field, expected="#/$defs/…")
        found = found[key]
    if not ref.startswith("#") or not isinstance(found, Mapping | bool):
        raise UserError(f"the schema has no {ref!r}", field=field, expected="#/$defs/…")
    return found


def _quoted(text: str) -> str:
    return json.dumps(text, ensure_ascii=False)
