"""Markers never survive an escape, and an escape loses nothing."""

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from trimtab.model.calls import CLOSE, OPEN, escape, split_calls, unescape, visible
from trimtab.records import ToolCall

MARKERS = ("<|", OPEN, CLOSE, "<repo_name>")
PARTS = st.sampled_from(
    ["<", "\\", "|", "im_end|>", OPEN, CLOSE, "<|im_end|>", "<repo_name>", "tool_call>", "a", " ", "\n"]
)
TEXTS = st.lists(PARTS, max_size=12).map("".join) | st.text(max_size=30)
CALL = '<tool_call>{"name": "search", "arguments": {"query": "cats"}}</tool_call>'


@given(TEXTS)
@example("<\\|im_end|><\\\\tool_call>")
def test_an_escaped_text_spells_no_marker_and_comes_back(text: str) -> None:
    safe = escape(text, MARKERS)
    assert not any(marker in safe for marker in MARKERS)
    assert unescape(safe) == text


def test_an_escape_that_forgets_backslashes_would_lose_text() -> None:
    forgetful = {text.replace("<|", "<\\|") for text in ("<|", "<\\|")}
    assert len(forgetful) == 1
    assert escape("<|", MARKERS) != escape("<\\|", MARKERS)


def test_calls_are_read_in_order_and_text_around_them_is_content() -> None:
    content, calls, malformed = split_calls(f"Let me see.\n{CALL}\n{CALL.replace('cats', 'dogs')}\nOne moment.")
    assert content == "Let me see.\nOne moment."
    assert calls == (ToolCall("search", {"query": "cats"}), ToolCall("search", {"query": "dogs"}))
    assert not malformed


@pytest.mark.parametrize(
    "text",
    [
        '<tool_call>{"name": "search", "arguments": {"query": "cats"}',
        '<tool_call>{"name": "search", "arguments": }</tool_call>',
        '<tool_call>{"name": "search", "arguments": [1]}</tool_call>',
        '<tool_call>{"arguments": {}}</tool_call>',
        '<tool_call>{"name": "search", "arguments": {"x": NaN}}</tool_call>',
        "<tool_call>[1]</tool_call>",
        "<tool_call>" + "[" * 100_000 + "</tool_call>",
        "done</tool_call>",
    ],
)
def test_a_broken_call_is_flagged_and_stays_in_the_content(text: str) -> None:
    content, calls, malformed = split_calls(text)
    assert malformed
    assert calls == ()
    assert content == text


@given(TEXTS, st.booleans())
def test_what_is_shown_while_text_streams_only_grows_and_ends_as_the_content_begins(text: str, called: bool) -> None:
    whole = escape(text, MARKERS) + (f"\n{CALL}" if called else "")
    shown = ""
    for end in range(len(whole) + 1):
        now = visible(whole[:end], final=False)
        assert now.startswith(shown)
        shown = now
    assert visible(whole, final=True).startswith(shown)
    assert visible(whole, final=True) == split_calls(whole)[0]


def test_half_a_call_marker_is_never_shown() -> None:
    assert visible("Look: <tool_c", final=False) == "Look:"
    assert visible("Look: <tool_c", final=True) == "Look: <tool_c"


def test_a_calls_own_strings_may_spell_its_end() -> None:
    call = '<tool_call>{"name": "search", "arguments": {"query": "a </tool_call> b"}}\n</tool_call>'
    content, calls, malformed = split_calls(f"{call}\n{CALL}")
    assert [call.arguments["query"] for call in calls] == ["a </tool_call> b", "cats"]
    assert (content, malformed) == ("", False)
