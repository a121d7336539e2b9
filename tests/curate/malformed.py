"""Bad rows of many kinds, drawn by seed: each with the words that its message must hold."""

import json
import random
import string
from collections.abc import Callable, Mapping
from typing import Any

Draw = random.Random


def words(draw: Draw) -> str:
    return " ".join(
        "".join(draw.choices(string.ascii_lowercase, k=draw.randint(2, 8))) for _ in range(draw.randint(1, 6))
    )


def chat(draw: Draw, **more: Any) -> dict[str, Any]:
    turns = [{"role": "user", "content": words(draw)}, {"role": "assistant", "content": words(draw)}]
    return {"messages": turns, **more}


def _cut(draw: Draw) -> bytes:
    line = json.dumps(chat(draw)).encode()
    return line[: draw.randint(2, len(line) - 1)]


def _with(change: Callable[[Draw, dict[str, Any]], Any]) -> Callable[[Draw], bytes]:
    def make(draw: Draw) -> bytes:
        row = chat(draw)
        changed = change(draw, row)
        return json.dumps(row if changed is None else changed, allow_nan=True).encode()

    return make


def _turn(**fields: Any) -> Callable[[Draw], bytes]:
    return _with(lambda draw, row: row["messages"][draw.randrange(2)].update(fields))


def _text(before: str, after: str) -> Callable[[Draw], bytes]:
    """A whole line in which something is put in place of a mark that JSON itself cannot hold."""
    return lambda draw: json.dumps(chat(draw, labels={"x": before})).replace(f'"{before}"', after).encode()


def _call(arguments: str) -> Callable[[Draw], bytes]:
    call = {"type": "function", "function": {"name": "add", "arguments": arguments}}
    return _with(lambda draw, row: row["messages"][1].update(tool_calls=[call]))


def _raw(data: bytes, at_end: bool = False) -> Callable[[Draw], bytes]:
    def make(draw: Draw) -> bytes:
        line = json.dumps(chat(draw)).encode()
        place = len(line) if at_end else line.index(b'"content": "') + 12
        return line[:place] + data + line[place:]

    return make


def _field(name: str, value: Any) -> Callable[[Draw], bytes]:
    return _with(lambda draw, row: row.update({name: value}))


CHATS: Mapping[str, tuple[Callable[[Draw], bytes], str]] = {
    "truncated JSON": (_cut, "not JSON"),
    "no JSON at all": (lambda draw: words(draw).encode(), "not JSON"),
    "single quotes": (lambda draw: str(chat(draw)).encode(), "single quotes"),
    "two values in a line": (_raw(b" {}", at_end=True), "Extra data"),
    "a list for a row": (_with(lambda draw, row: [row]), "a row must be an object, not list"),
    "a number for a row": (_with(lambda draw, row: draw.randint(0, 9)), "a row must be an object, not int"),
    "null for a row": (lambda draw: b"null", "a row must be an object, not NoneType"),
    "no known field": (_with(lambda draw, row: {"text": words(draw)}), "not a row of messages"),
    "a pair among chats": (
        _with(lambda draw, row: {"prompt": "q", "chosen": words(draw), "rejected": "no"}),
        "not a row of messages but of preference",
    ),
    "a thumb among chats": (_field("label", True), "not a row of messages but of thumbed_chat"),
    "messages of another type": (_field("messages", "hello"), "messages: must be a list"),
    "no messages": (_field("messages", []), "messages: must be a list with at least one message"),
    "null messages": (_field("messages", None), "not a row of messages"),
    "a turn that is text": (_with(lambda draw, row: row["messages"].insert(0, "hi")), "a message must be an object"),
    "a missing role": (_with(lambda draw, row: row["messages"][0].pop("role") and None), "unknown role None"),
    "an unknown role": (_turn(role="martian"), "unknown role 'martian'"),
    "a role of another type": (_turn(role=["user"]), "unknown role ['user']"),
    "content of another type": (_turn(content=7), "content must be text"),
    "an image for content": (_turn(content=[{"type": "image_url"}]), "content must be text"),
    "no assistant": (_with(lambda draw, row: row["messages"].pop() and None), "no assistant turn"),
    "arguments that parse to no object": (_call("[1, 2]"), "arguments are no object"),
    "arguments that do not parse": (_call("{a: 1}"), "arguments are no object"),
    "arguments with NaN": (_call('{"a": NaN}'), "NaN is no JSON"),
    "arguments with a key twice": (_call('{"a": 1, "a": 2}'), "the key 'a' stands twice"),
    "a call by the user": (
        _with(lambda draw, row: row["messages"][0].update(tool_calls=[{"name": "a"}])),
        "a user turn cannot call tools",
    ),
    "a call without a name": (
        _with(lambda draw, row: row["messages"][1].update(tool_calls=[{"arguments": {}}])),
        "a tool call needs a name",
    ),
    "calls that are no list": (
        _with(lambda draw, row: row["messages"][1].update(tool_calls={"name": "a"})),
        "tool_calls must be a list",
    ),
    "a call id of another type": (_turn(tool_call_id=4), "tool_call_id must be text"),
    "a weight of 0": (
        _with(lambda draw, row: row["messages"][1].update(weight=0)),
        "a turn with weight 0 cannot be left unlearnt",
    ),
    "tools that are no list": (_field("tools", {"a": 1}), "tools: must be a list"),
    "tools that are no JSON": (_field("tools", "{"), "tools are no JSON"),
    "a tool without a function": (_field("tools", [{"x": 1}]), "a tool needs a function with a name"),
    "labels of another type": (_field("labels", "math"), "labels must be an object"),
    "an unknown action": (_field("labels", {"action": "sing"}), "unknown action 'sing'"),
    "provenance of another type": (_field("provenance", [1]), "provenance must be an object"),
    "rejected of another type": (_field("rejected", "no"), "rejected: must be a list"),
    "NaN": (_text("@", "NaN"), "NaN is no JSON"),
    "Infinity": (_text("@", "-Infinity"), "-Infinity is no JSON"),
    "an integer overflow": (_text("@", "9007199254740993"), "beyond 2**53"),
    "a float overflow": (_text("@", "1e999"), "too large"),
    "a key twice": (_text("@", '{"a": 1, "a": 2}'), "the key 'a' stands twice in one object"),
    "huge nesting": (_text("@", "[" * 5000 + "]" * 5000), "nested more than 100 levels deep"),
    "a lone surrogate": (_text("@", '"\\ud800"'), "half a character"),
    "invalid UTF-8": (_raw(b"\xff\xfe"), "not UTF-8 (byte"),
    "a NUL byte": (_raw(b"\0"), "a NUL byte"),
    "a raw control character": (_raw(b"\x07"), "Invalid control character"),
    "a byte order mark inside": (lambda draw: b"\xef\xbb\xbf" + json.dumps(chat(draw)).encode(), "byte order mark"),
}
"""Lines among chats in JSON Lines."""


def _json(**row: Any) -> Callable[[Draw], bytes]:
    return lambda draw: json.dumps({key: words(draw) if value is ... else value for key, value in row.items()}).encode()


OTHERS: Mapping[str, tuple[bytes, Callable[[Draw], bytes], str]] = {
    "an unknown speaker": (
        b'{"conversations": [{"from": "human", "value": "q"}, {"from": "gpt", "value": "a"}]}',
        _json(conversations=[{"from": "martian", "value": "x"}]),
        "unknown speaker 'martian'",
    ),
    "a turn without a value": (
        b'{"conversations": [{"from": "human", "value": "q"}, {"from": "gpt", "value": "a"}]}',
        _json(conversations=[{"from": "human"}]),
        "a turn needs from and value",
    ),
    "a call that is no JSON": (
        b'{"conversations": [{"from": "human", "value": "q"}, {"from": "gpt", "value": "a"}]}',
        _json(conversations=[{"from": "function_call", "value": "add(1)"}]),
        "the call is no JSON",
    ),
    "scores of another type": (
        b'{"prompt": "q", "completions": ["a", "b"], "scores": [1, 2]}',
        _json(prompt=..., completions=["a", "b"], scores=["1", 2]),
        "scores must be finite numbers",
    ),
    "too few scores": (
        b'{"prompt": "q", "completions": ["a", "b"], "scores": [1, 2]}',
        _json(prompt=..., completions=["a", "b"], scores=[1]),
        "as many scores as completions",
    ),
    "equal scores": (
        b'{"prompt": "q", "completions": ["a", "b"], "scores": [1, 2]}',
        _json(prompt=..., completions=["a", "b"], scores=[1, 1]),
        "all scores are equal",
    ),
    "a label of another type": (
        b'{"prompt": "q", "completion": "a", "label": true}',
        _json(prompt=..., completion=..., label="good"),
        "label must be true or false",
    ),
    "the same twice": (
        b'{"prompt": "q", "chosen": "a", "rejected": "b"}',
        _json(prompt=..., chosen="a", rejected="a"),
        "chosen and rejected are the same",
    ),
    "a margin of another type": (
        b'{"prompt": "q", "chosen": "a", "rejected": "b"}',
        _json(prompt=..., chosen="a", rejected="b", margin="wide"),
        "margin must be a finite number",
    ),
    "a side that does not answer": (
        b'{"prompt": "q", "chosen": "a", "rejected": "b"}',
        _json(prompt=..., chosen=[{"role": "user", "content": "x"}], rejected="b"),
        "must begin with an assistant turn",
    ),
    "an empty output": (
        b'{"instruction": "q", "output": "a"}',
        _json(instruction=..., output=" "),
        "output must be text and not empty",
    ),
    "a history that is none": (
        b'{"instruction": "q", "output": "a"}',
        _json(instruction=..., output=..., history=7),
        "history: must be a list",
    ),
}
"""A good line of the file, the bad one, and its message."""

RECORDS: Mapping[str, tuple[Callable[[Draw], bytes], str]] = {
    "too many cells": (lambda draw: f"{words(draw)},b,c".encode(), "more cells than columns"),
    "too few cells": (lambda draw: words(draw).encode(), "fewer cells than columns"),
    "a quote inside a cell": (lambda draw: f'"a"{words(draw)},b'.encode(), "not CSV"),
    "an empty completion": (lambda draw: f"{words(draw)},".encode(), "completion must be text and not empty"),
    "a NUL byte": (lambda draw: f"{words(draw)}\0,b".encode(), "a NUL byte"),
    "invalid UTF-8": (lambda draw: words(draw).encode() + b"\xff,b", "not UTF-8"),
}
"""Records of a CSV with the columns prompt and completion."""
