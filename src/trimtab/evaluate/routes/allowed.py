"""One call against every value that its arguments may have, as BFCL's syntax-tree checker judges it."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from trimtab.records import Case, ToolCall, ToolSchema, UserError

ABSENT = ""
"""Among an argument's accepted values: it may be left out."""
_DROPPED = re.compile(r"[ ,./\-_*^]")
_TYPES: dict[str, type] = {
    "string": str,
    "any": str,
    "integer": int,
    "number": float,
    "float": float,
    "boolean": bool,
    "array": list,
    "tuple": list,
    "object": dict,
    "dict": dict,
}
"""Types of a tool's schema, BFCL's own names (``x-original-type``) among them."""


@dataclass(frozen=True, slots=True)
class Accepted:
    """A call that is due: argument -> accepted values (``ABSENT``: may be left out), and the tool's parameters."""

    name: str
    allowed: Mapping[str, Sequence[Any]]
    parameters: Mapping[str, Any]


def accepted_calls(case: Case) -> tuple[Accepted, ...]:
    """The calls of a case's ``calls`` check. Raises UserError where one has no name or no lists of values."""
    found = []
    for i, row in enumerate(case.expected.check.get("calls", ())):
        allowed = row.get("allowed") if isinstance(row, Mapping) else None
        if not isinstance(allowed, Mapping) or not all(isinstance(one, Sequence) for one in allowed.values()):
            raise UserError(
                "a call's accepted values must be a list for each argument",
                field=f"expected.check.calls[{i}].allowed",
                expected='{"city": ["Paris", "Paris, France"], "unit": ["C", ""]}',
            )
        name = str(row.get("name", ""))
        found.append(Accepted(name, allowed, _parameters(name, case.tools)))
    return tuple(found)


def fits(due: Accepted, made: ToolCall) -> bool:
    """Whether a call is one of those accepted."""
    return mismatch(due, made) is None


def mismatch(due: Accepted, made: ToolCall) -> str | None:
    """Why a call is not accepted, in a word or two and the argument; None where it is.

    BFCL v4's rules (Patil et al. 2025): required arguments are there, no other than the accepted ones; an integer may
    stand for a float and not the reverse; strings are compared without case, blanks and ``,./-_*^``; the keys of an
    object have accepted values of their own; an argument whose accepted values lack "" may not be left out.
    """
    if due.name != made.name:
        return "wrong tool"
    for name in due.parameters.get("required", ()):
        if name not in made.arguments:
            return f"missing {name}"
    known = due.parameters.get("properties", {})
    for name, value in made.arguments.items():
        if name not in due.allowed or (known and name not in known):
            return f"unexpected {name}"
        if wrong := _mismatch(value, due.allowed[name], known.get(name, {})):
            return f"{wrong} {name}"
    left_out = [name for name in due.allowed if name not in made.arguments and ABSENT not in due.allowed[name]]
    return f"missing {left_out[0]}" if left_out else None


def _mismatch(value: Any, allowed: Sequence[Any], schema: Mapping[str, Any]) -> str:
    """``type``, ``value`` or nothing."""
    stated = _type(schema)
    likely = next((type(one) for one in allowed if one != ABSENT), None)
    wanted = stated or likely
    if wanted is None:
        return "" if value == ABSENT else "value"
    if wanted is float and type(value) is int:
        value = float(value)
    if type(value) is not wanted:
        # The accepted values stand for a variable's name or a value that the schema's type does not cover.
        return "" if type(value) is likely and _among(value, allowed) else "value" if type(value) is likely else "type"
    if likely not in (None, wanted, int if wanted is float else wanted):
        return "" if _among(value, allowed) else "value"
    if isinstance(value, list) and not _items_typed(value, allowed, schema):
        return "type"
    return "" if any(_equal(value, one) for one in allowed) else "value"


def _equal(value: Any, accepted: Any) -> bool:
    """Whether a value of the right type is the accepted one; "" among an object's or list's accepted values is none."""
    if isinstance(value, str):
        return isinstance(accepted, str) and _plain(value) == _plain(accepted)
    if isinstance(value, Mapping):
        return isinstance(accepted, Mapping) and _same_object(value, accepted)
    if isinstance(value, list):
        return isinstance(accepted, list) and len(value) == len(accepted) and all(map(_equal, value, accepted))
    return _exact(value, accepted)


def _same_object(value: Mapping[str, Any], accepted: Mapping[str, Any]) -> bool:
    given = all(
        key in accepted and any(_equal(one, may) for may in _values(accepted[key])) for key, one in value.items()
    )
    return given and all(key in value or ABSENT in _values(may) for key, may in accepted.items())


def _values(accepted: Any) -> Sequence[Any]:
    """An object's accepted values for one key; a bare one stands for itself."""
    return accepted if isinstance(accepted, list) else [accepted]


def _items_typed(value: Sequence[Any], allowed: Sequence[Any], schema: Mapping[str, Any]) -> bool:
    """Whether every item has the schema's type, or that of the accepted items."""
    wanted = _type(schema.get("items") or {})
    likely = {type(item) for one in allowed if isinstance(one, list) for item in one}
    return wanted is None or all(type(item) is wanted or type(item) in likely for item in value)


def _among(value: Any, allowed: Sequence[Any]) -> bool:
    return any(_exact(value, one) for one in allowed)


def _exact(value: Any, accepted: Any) -> bool:
    """Equality in which true is not 1."""
    return isinstance(value, bool) == isinstance(accepted, bool) and bool(value == accepted)


def _plain(text: str) -> str:
    return _DROPPED.sub("", text).lower().replace("'", '"')


def _type(schema: Mapping[str, Any]) -> type | None:
    stated = schema.get("x-original-type", schema.get("type"))
    return _TYPES.get(stated) if isinstance(stated, str) else None


def _parameters(name: str, tools: Sequence[ToolSchema]) -> Mapping[str, Any]:
    for tool in tools:
        if tool["function"]["name"] == name:
            return dict(tool["function"].get("parameters") or {})
    return {}
