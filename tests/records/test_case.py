"""A case keeps how it is asked and judged, and says what does not fit."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trimtab.records import Ask, Case, Expected, Message, UserError, case_from_json

ROW: dict[str, Any] = {"messages": [{"role": "user", "content": "2 + 2?"}], "expected": {"action": "answer"}}

asks = st.builds(
    Ask,
    then=st.lists(st.text(min_size=1), max_size=3).map(tuple),
    offer=st.none() | st.lists(st.text(min_size=1), max_size=2).map(tuple),
    samples=st.integers(1, 20),
    temperature=st.none() | st.floats(0, 2),
    max_tokens=st.none() | st.integers(1, 4096),
)


@given(asks, st.none() | st.text())
def test_what_is_written_is_read_again(ask: Ask, value: str | None) -> None:
    check = {} if value is None else {"kind": "text", "any": [value]}
    case = Case((Message("user", "2 + 2?"),), Expected("answer", check=check), ask=ask)
    assert case_from_json(case.to_json()) == case


def test_a_case_that_is_asked_plainly_keeps_the_id_it_always_had() -> None:
    assert "ask" not in case_from_json(ROW).to_json()
    assert "check" not in case_from_json(ROW).to_json()["expected"]
    assert case_from_json(ROW).id != case_from_json(ROW | {"ask": {"offer": []}}).id


@pytest.mark.parametrize(
    ("ask", "field"),
    [
        ([], "ask"),
        ({"tempo": 1}, "ask.tempo"),
        ({"samples": 0}, "ask.samples"),
        ({"samples": True}, "ask.samples"),
        ({"temperature": -1}, "ask.temperature"),
        ({"temperature": float("inf")}, "ask.temperature"),
        ({"then": "go on"}, "ask.then"),
        ({"then": [""]}, "ask.then"),
        ({"max_tokens": 2.5}, "ask.max_tokens"),
    ],
)
def test_what_does_not_fit_is_named(ask: Any, field: str) -> None:
    with pytest.raises(UserError) as error:
        case_from_json(ROW | {"ask": ask})
    assert error.value.field == field


def test_a_check_needs_its_kind() -> None:
    with pytest.raises(UserError) as error:
        case_from_json({**ROW, "expected": {"action": "answer", "check": {"value": 4}}})
    assert error.value.field == "expected.check"
