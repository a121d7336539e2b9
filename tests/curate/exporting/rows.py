"""Rows of every kind, drawn at random, and the part of each that a format has room for."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from hypothesis import strategies as st

from trimtab.records import Comparison, Example, Message, Ranked, ToolCall, Unpaired

TEXT = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=12)
SAID = st.one_of(
    st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), min_size=1, max_size=12).filter(
        lambda text: bool(text.strip())
    ),
    st.sampled_from(['a,"b"\r\nc\td', '[{"role": "user"}]', "7", "true", "Ünï\u2028cödé 🜂", "\ufeffmark", "null"]),
)
NAME = st.sampled_from(["search", "add", "Größe_1"])
PLAIN = st.one_of(st.none(), st.booleans(), st.integers(-(2**53) + 1, 2**53 - 1), TEXT)
VALUE = st.recursive(
    PLAIN | st.floats(allow_nan=False, allow_infinity=False, width=32),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(SAID, inner, max_size=2),
    max_leaves=4,
)
OBJECT = st.dictionaries(SAID, VALUE, max_size=2)
IDS = st.one_of(st.just(""), st.sampled_from(["c1", "call_9"]))
CALL = st.builds(ToolCall, NAME, OBJECT, IDS)
USER = st.builds(Message, st.just("user"), TEXT, name=st.none() | SAID)
ANSWER = st.builds(Message, st.just("assistant"), TEXT, reasoning=st.none() | SAID)
CALLING = st.builds(
    Message, st.just("assistant"), st.just("") | SAID, st.lists(CALL, min_size=1, max_size=2).map(tuple)
)
RESULT = st.builds(Message, st.just("tool"), TEXT, tool_call_id=st.none() | SAID, name=st.none() | NAME)
SYSTEM = st.builds(Message, st.just("system"), TEXT)
PLAIN_USER = st.builds(Message, st.just("user"), SAID)
PLAIN_ANSWER = st.builds(Message, st.just("assistant"), SAID)
TOOL = st.fixed_dictionaries(
    {"type": st.just("function"), "function": st.fixed_dictionaries({"name": NAME, "parameters": OBJECT})}
)
LABELS = st.dictionaries(st.sampled_from(["domain", "difficulty", "weight"]), PLAIN, max_size=2)
PROVENANCE = st.dictionaries(st.sampled_from(["source", "license", "consent", "time"]), PLAIN, max_size=3)
MORE = {"tools": st.lists(TOOL, max_size=1).map(tuple), "labels": LABELS, "provenance": PROVENANCE}


def _joined(*parts: Any) -> tuple[Message, ...]:
    return tuple(turn for part in parts for turn in (part if isinstance(part, Sequence) else [part]))


_EXCHANGE = st.builds(_joined, PLAIN_USER, PLAIN_ANSWER)
_TOOL_USE = st.builds(_joined, USER, CALLING, RESULT, ANSWER)
_HEAD = st.lists(SYSTEM, max_size=1)
CHAT = st.one_of(
    _EXCHANGE,
    st.builds(_joined, _HEAD, _EXCHANGE, _EXCHANGE),
    st.builds(_joined, _HEAD, _TOOL_USE),
    st.builds(_joined, _HEAD, _EXCHANGE, USER, CALLING),
    st.builds(_joined, USER, ANSWER),
)
_ASKED = st.builds(_joined, PLAIN_USER)
PROMPT = st.one_of(_ASKED, _ASKED.map(tuple), st.builds(_joined, _HEAD, _TOOL_USE, USER))
_SAYING = st.builds(_joined, PLAIN_ANSWER)
SIDE = st.one_of(
    _SAYING, _SAYING.map(tuple), _SAYING.map(tuple), st.builds(_joined, CALLING), st.builds(_joined, CALLING, RESULT)
)
WHO = st.lists(st.sampled_from(["ann", "Zoë"]), max_size=2).map(tuple)
MARGIN = st.none() | st.floats(0.125, 8, width=16)

EXAMPLES = st.builds(Example, CHAT, rejected=st.lists(SIDE, max_size=1).map(tuple), **MORE)
COMPARISONS = st.builds(
    Comparison, PROMPT, SIDE, SIDE, annotators=WHO, margin=MARGIN, reason=st.none() | SAID, **MORE
).filter(lambda row: row.chosen != row.rejected)
UNPAIRED = st.builds(Unpaired, PROMPT, SIDE, st.booleans(), **MORE)


@st.composite
def _ranked(draw: Any) -> Ranked:
    count = draw(st.integers(2, 3))
    sides = draw(st.lists(SIDE, min_size=count, max_size=count, unique_by=repr))
    scores = draw(st.lists(st.floats(-4, 4, width=16), min_size=count, max_size=count))
    more: Mapping[str, Any] = {name: draw(strategy) for name, strategy in MORE.items()}
    return Ranked(draw(PROMPT), tuple(sides), tuple(scores), annotators=draw(WHO), **more)


RANKED = _ranked()


def pairs_of(row: Ranked) -> set[tuple[str, str, float]]:
    """Every preference that the scores express, by the plain definition."""
    scored = list(zip(row.completions, row.scores, strict=True))
    return {(repr(a), repr(b), x - y) for a, x in scored for b, y in scored if x > y}


def without(row: Any, *names: str) -> Any:
    """The row without what a format has no room for."""
    empty: Mapping[str, Any] = {"labels": {}, "provenance": {}, "rejected": (), "annotators": ()}
    return replace(row, **{name: empty.get(name) for name in names})
