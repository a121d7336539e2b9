"""Tool calls as text: parse what a model wrote, and the escapes that keep markers out of content."""

import json
import re
from collections.abc import Iterator
from typing import Any, NoReturn

from trimtab.records import ToolCall, UserError, tool_call_from_json

OPEN, CLOSE = "<tool_call>", "</tool_call>"
THINK, THOUGHT = "<think>", "</think>"
"""What open reasoning models put round their reasoning, before what they say."""
_CALL = re.compile(f"{OPEN}(.*?){CLOSE}", re.DOTALL)
_JSON_CALL = re.compile(rf"{OPEN}\s*(?=\{{)")
_CLOSING = re.compile(rf"\s*{CLOSE}")


def escape(text: str, markers: tuple[str, ...]) -> str:
    """A backslash after the ``<`` of each marker, and after each ``<`` that has one already: ``unescape`` undoes it."""
    safe = text.replace("<\\", "<\\\\")
    for marker in markers:
        safe = safe.replace(marker, "<\\" + marker[1:])
    return safe


def unescape(text: str) -> str:
    """The inverse of ``escape``: one backslash after each ``<`` goes."""
    return text.replace("<\\", "<")


def spell_reasoning(reasoning: str, markers: tuple[str, ...]) -> str:
    """Reasoning as a turn begins with it; it can spell no marker and not its own end."""
    return f"{THINK}\n{escape(reasoning.strip(), markers)}\n{THOUGHT}\n\n"


def split_reasoning(text: str) -> tuple[str | None, str]:
    """``(reasoning, what follows it)`` of an assistant's text; reasoning that never ends is followed by nothing."""
    start = text.lstrip()
    if not start.startswith(THINK):
        return None, text
    reasoning, _, rest = start.removeprefix(THINK).partition(THOUGHT)
    return unescape(reasoning.strip()), rest.lstrip()


def split_calls(text: str) -> tuple[str, tuple[ToolCall, ...], bool]:
    """``(content, calls, malformed)`` of an assistant's text.

    A call that does not parse stays in the content as it was written, and ``malformed`` is true; so it is where a
    marker has no partner. A call's own strings may spell ``</tool_call>``.
    """
    calls: list[ToolCall] = []
    rest: list[str] = []
    end = 0
    for begin, after, call in _found(text):
        calls.append(call)
        rest.append(text[end:begin].strip())
        end = after
    rest.append(text[end:].strip())
    content = "\n".join(part for part in rest if part)
    return unescape(content), tuple(calls), OPEN in content or CLOSE in content


def first_call_end(text: str) -> int | None:
    """Where the first whole call of an assistant's text ends; None where there is none (yet)."""
    return next((after for _, after, _ in _found(text)), None)


def _found(text: str) -> Iterator[tuple[int, int, ToolCall]]:
    """Each call that parses: where it begins, where it ends, and what it is."""
    start = 0
    while match := _CALL.search(text, start):
        body = match.group(1)
        start = match.end()
        opened = _JSON_CALL.match(text, match.start())
        value_end = _object_end(text, opened.end()) if opened else 0
        if opened and value_end and (closing := _CLOSING.match(text, value_end)):
            body, start = text[opened.end() : value_end], closing.end()
        if (call := _call(body)) is not None:
            yield match.start(), start, call


def visible(text: str, *, final: bool) -> str:
    """What of an unfinished reply a reader may see: content before any call, unescaped, no part of a marker."""
    shown = text.split(OPEN, 1)[0]
    if not final and len(shown) == len(text):
        cut = shown.rfind("<")
        if cut >= 0 and (OPEN.startswith(shown[cut:]) or shown[cut:] == "<"):
            shown = shown[:cut]
    return unescape(shown.strip())


def _object_end(text: str, start: int) -> int:
    """Where the JSON object that begins at ``start`` ends; 0 where none does."""
    try:
        return json.JSONDecoder().raw_decode(text, start)[1]
    except (ValueError, RecursionError):
        return 0


def _call(body: str) -> ToolCall | None:
    try:
        value = json.loads(body, parse_constant=_refuse)
        call = tool_call_from_json(value)
    except (ValueError, UserError, RecursionError):
        return None
    return ToolCall(name=call.name, arguments=call.arguments)


def _refuse(constant: str) -> NoReturn:
    raise ValueError(f"{constant} is no JSON")


def hold(value: Any, markers: tuple[str, ...]) -> bool:
    """Whether the JSON of ``value`` spells a marker."""
    text = json.dumps(value, ensure_ascii=False)
    return any(marker in text for marker in markers)
