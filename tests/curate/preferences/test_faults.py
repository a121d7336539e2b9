"""Pairs from which nothing can be learnt go, each with its reason; all others stay."""

import pytest
from tests.curate.preferences.builders import pair, placed

from trimtab.curate.preferences.faults import without_faults
from trimtab.records import Comparison, Message, ToolCall


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        (pair("It is four.", "it is  FOUR"), "no difference"),
        (pair(" ", "b"), "empty chosen answer"),
        (pair(" ", ""), "empty answers"),
        (pair("a", "b", labels={"weight": 0}), "weight 0"),
    ],
)
def test_a_pair_that_says_nothing_goes(row: Comparison, reason: str) -> None:
    kept, (drop,) = without_faults(placed(row))
    assert (kept, drop.reason, drop.file, drop.line) == ([], reason, "f.jsonl", 1)


def test_a_call_is_an_answer_and_an_empty_answer_may_be_rejected() -> None:
    called = Comparison(
        (Message("user", "q"),), (Message("assistant", tool_calls=(ToolCall("a", {}),)),), (Message("assistant", "b"),)
    )
    rows = placed(called, pair("a", " "))
    assert without_faults(rows) == (rows, [])
