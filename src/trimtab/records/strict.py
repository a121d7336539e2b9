"""JSON as the standard means it: what `json.loads` accepts in silence (NaN, equal keys, …) is an error here."""

import json
import re
from collections.abc import Sequence
from typing import Any

DEEPEST = 100
"""Levels of lists and objects in one value; deeper ones come from broken exporters and break every later reader."""
_LARGEST = 2**53 - 1
"""RFC 8785 (and JavaScript) hold integers up to here; a row with a larger one could have no digest."""

_HALF = re.compile(r"\\u[dD][89a-fA-F]")
_BRACKETS = re.compile(r'"(?:[^"\\]++|\\.)*+"|[\[\]{}]', re.DOTALL)


def strict_loads(text: str) -> Any:
    """The value of a JSON text. Raises ValueError (one clear reason) on all that RFC 8259's interchange advice forbids.

    Those are equal keys, NaN and infinities, integers beyond 2**53, numbers that overflow, lone surrogates, and what
    is nested more than ``DEEPEST`` deep; besides all that is no JSON.
    """
    if text.count("[") + text.count("{") > DEEPEST and _is_deep(text):
        raise ValueError(f"nested more than {DEEPEST} levels deep")
    if "\0" in text:
        raise ValueError("a NUL byte: is the file UTF-16, or cut?")
    value = _DECODER.decode(text)
    if _HALF.search(text):
        _no_half_characters(value)
    return value


def _is_deep(text: str) -> bool:
    level = 0
    for found in _BRACKETS.finditer(text):
        level += {"[": 1, "{": 1, "]": -1, "}": -1}.get(found[0], 0)
        if level > DEEPEST:
            return True
    return False


def _no_half_characters(value: Any) -> None:
    try:
        json.dumps(value, ensure_ascii=False).encode()
    except UnicodeEncodeError as error:
        half = error.object[error.start]
        raise ValueError(f"half a character (the lone surrogate \\u{ord(half):04x})") from None


def _object(pairs: Sequence[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for i, name in enumerate(names) if name in names[:i])
        raise ValueError(f"the key {twice!r} stands twice in one object")
    return found


def _integer(text: str) -> int:
    if len(text) > 17 or abs(int(text)) > _LARGEST:
        shown = text if len(text) <= 24 else f"{text[:20]}…"
        raise ValueError(f"the integer {shown} is beyond 2**53; write it as text")
    return int(text)


def _float(text: str) -> float:
    value = float(text)
    if value in (float("inf"), float("-inf")):
        raise ValueError(f"the number {text[:24]} is too large")
    return value


def _constant(name: str) -> None:
    raise ValueError(f"{name} is no JSON; write null, or leave the field out")


_DECODER = json.JSONDecoder(object_pairs_hook=_object, parse_int=_integer, parse_float=_float, parse_constant=_constant)
