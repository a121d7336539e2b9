"""Which required parameter a request leaves out, told from its schema and the words of the request."""

import json
import re
from collections.abc import Mapping
from typing import Any

from trimtab.curate.adapters.base import JsonRow, meta
from trimtab.text import content_words, normalise

_WHEN = re.compile(r"date|time|day|month|year|when|deadline|duration")
_WHERE = re.compile(r"\b(?:city|location|loc|address|place|area|destination|origin|pickup)\b")
_SAYS_WHERE = re.compile(r"\b(?:in|at|from|to|near|around)\s+(?:the\s+)?(?:\d+\s+)?[A-Z]")
_SAYS_WHEN = re.compile(
    r"\d|today|tonight|tomorrow|yesterday|now|noon|midnight|week|month"
    r"|monday|tuesday|wednesday|thursday|friday|saturday|sunday"
    r"|january|february|march|april|may|june|july|august|september|october|november|december"
)


def missing_parameter(row: JsonRow, asked: str) -> str | None:
    """The plain name of the required parameter that the request says least of; None where no target tool is known.

    ``meta.held_out_param`` is taken at its word. Else the parameters are ranked by what the request shows of them:
    a value of the enum, a digit for a number, a date word for a date, a name after "in" for a place, and else words
    shared with the parameter's name and description.
    """
    about = meta(row)
    if isinstance(known := about.get("held_out_param"), str) and known:
        return plain_name(known)
    tool = _target(about.get("target_tool"), row)
    schema = tool.get("parameters") or {}
    required = [str(name) for name in schema.get("required") or ()]
    if not required:
        return None
    properties = schema.get("properties") or {}
    shown = {name: _evidence(name, properties.get(name) or {}, asked) for name in required}
    return plain_name(min(required[::-1], key=shown.__getitem__))


def plain_name(parameter: str) -> str:
    """``visit_date`` and ``visitDate`` → ``visit date``."""
    return normalise(re.sub(r"(?<=[a-z0-9])(?=[A-Z])", " ", parameter).replace("_", " "))


def _target(value: Any, row: JsonRow) -> Mapping[str, Any]:
    """The tool that the request is for: given as JSON or an object, or the only one there is."""
    if isinstance(value, str):
        try:
            value = json.loads(value)
        except ValueError:
            value = None
    tools = row.get("tools") or []
    if not isinstance(value, Mapping) and len(tools) == 1:
        value = tools[0]
    if not isinstance(value, Mapping):
        return {}
    inner = value.get("function", value)
    return inner if isinstance(inner, Mapping) else {}


def _evidence(name: str, schema: Mapping[str, Any], asked: str) -> float:
    """How much of this parameter the request shows: 0 nothing, 2 a value."""
    said, plain = normalise(asked), plain_name(name)
    if values := schema.get("enum"):
        return 2.0 if any(normalise(str(value)) in said for value in values if str(value)) else 0.0
    kind = str(schema.get("type") or "")
    if _WHERE.search(plain):
        return 2.0 if _SAYS_WHERE.search(asked) else 0.0
    if _WHEN.search(plain):
        return 2.0 if _SAYS_WHEN.search(said) else 0.0
    if kind in ("integer", "number", "float"):
        return 2.0 if re.search(r"\d", said) else 0.0
    described = content_words(f"{plain} {schema.get('description') or ''}")
    return 1.0 + len(described & content_words(asked)) / (1 + len(described))
