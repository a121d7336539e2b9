"""Calls match by what they ask for, not by how it is written."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trimtab.evaluate import argument_match, routing_matches
from trimtab.evaluate.routes.matching import call_matches
from trimtab.records import ToolCall


def call(name: str = "f", **arguments: Any) -> ToolCall:
    return ToolCall(name, arguments)


def test_routing_is_equality_of_sets_of_names() -> None:
    assert routing_matches([], [])
    assert routing_matches([call("a"), call("b")], [call("b"), call("a"), call("a")])
    assert not routing_matches([], [call("a")])
    assert not routing_matches([call("a")], [])
    assert not routing_matches([call("a")], [call("a"), call("b")])


@pytest.mark.parametrize(
    ("expected", "made"),
    [
        ({"n": 5}, {"n": 5.0}),
        ({"n": 5}, {"n": "5"}),
        ({"n": 1200}, {"n": "1,200"}),
        ({"expression": "3 * 24.50"}, {"expression": "24.5*3"}),
        ({"expression": "80 * (1 - 15/100)"}, {"expression": "80 * 0.85"}),
        ({"expression": "2 + 2"}, {"expression": "4"}),
        ({"query": "length of the guarantee"}, {"query": "How long is the stove guarantee in length?"}),
        ({"query": "returns"}, {"query": "can I return an unused stove?"}),
        ({"order_id": "AB-12345"}, {"order_id": "ab-12345 "}),
        ({"items": [1, {"x": "Y"}]}, {"items": [1.0, {"x": "y"}]}),
        ({"a": 1, "b": None}, {"a": 1}),
        ({"flag": True}, {"flag": True}),
    ],
)
def test_these_mean_the_same(expected: dict[str, Any], made: dict[str, Any]) -> None:
    assert call_matches(ToolCall("f", expected), ToolCall("f", made))


@pytest.mark.parametrize(
    ("expected", "made"),
    [
        ({"n": 5}, {"n": 6}),
        ({"n": 12.5}, {"n": 125}),
        ({"n": "-5"}, {"n": "5"}),
        ({"expression": "3 * 24.50"}, {"expression": "3 + 24.50"}),
        ({"expression": "1 / 0"}, {"expression": "2 / 0"}),
        ({"query": "length of the guarantee"}, {"query": "petrol stove"}),
        ({"order_id": "AB-12345"}, {"order_id": "AB-12346"}),
        ({"a": 1}, {"a": 1, "b": 2}),
        ({"a": 1, "b": 2}, {"a": 1}),
        ({"items": [1, 2]}, {"items": [2, 1]}),
        ({"flag": True}, {"flag": 1}),
        ({"flag": True}, {"flag": "true"}),
    ],
)
def test_these_do_not(expected: dict[str, Any], made: dict[str, Any]) -> None:
    assert not call_matches(ToolCall("f", expected), ToolCall("f", made))


def test_the_name_counts() -> None:
    assert not call_matches(call("f", a=1), call("g", a=1))


def test_the_score_is_the_share_of_expected_calls_found_each_once() -> None:
    assert argument_match([call(a=1), call(a=2)], [call(a=2), call(a=3)]) == 0.5
    assert argument_match([call(a=1), call(a=1)], [call(a=1)]) == 0.5
    assert argument_match([call(a=1)], []) == 0.0


def test_a_greedy_pairing_would_miss_one() -> None:
    wide, narrow = call(query="stove guarantee"), call(query="guarantee")
    assert argument_match([narrow, wide], [call(query="stove guarantee"), call(query="guarantee")]) == 1.0


@given(st.lists(st.integers(0, 3), min_size=1, max_size=4), st.lists(st.integers(0, 3), max_size=4))
def test_the_pairing_is_the_largest_there_is(expected: list[int], made: list[int]) -> None:
    best = sum(min(expected.count(n), made.count(n)) for n in set(expected))
    assert argument_match([call(a=n) for n in expected], [call(a=n) for n in made]) == best / len(expected)
