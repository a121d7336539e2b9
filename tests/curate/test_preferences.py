"""Pairs that contradict each other or say nothing go; shortcuts are measured."""

import pytest

from trimtab.curate.place import Placed
from trimtab.curate.preferences import clean_pairs, shortcuts
from trimtab.records import Comparison, Example, Message, ToolCall


def pair(chosen: str, rejected: str, prompt: str = "q") -> Comparison:
    return Comparison((Message("user", prompt),), (Message("assistant", chosen),), (Message("assistant", rejected),))


def test_a_pair_judged_both_ways_goes_with_both_its_verdicts() -> None:
    rows = [Placed(row, "s", "f", i) for i, row in enumerate([pair("a", "b"), pair("b", "a"), pair("a", "b", "other")])]
    kept, drops = clean_pairs(rows)
    assert [row.line for row in kept] == [2]
    assert [drop.reason for drop in drops] == ["contradictory verdicts"] * 2


def test_the_same_verdict_twice_is_no_contradiction() -> None:
    kept, drops = clean_pairs([Placed(pair("a", "b"), "s"), Placed(pair("a", "b"), "s")])
    assert (len(kept), drops) == (2, [])


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        (pair("It is four.", "it is  FOUR"), "no difference"),
        (pair(" ", "b"), "empty chosen answer"),
        (pair(" ", ""), "empty answers"),
    ],
)
def test_a_pair_that_says_nothing_goes(row: Comparison, reason: str) -> None:
    _, (drop,) = clean_pairs([Placed(row, "s")])
    assert drop.reason == reason


def test_a_call_is_an_answer_and_other_rows_pass() -> None:
    called = Comparison(
        (Message("user", "q"),), (Message("assistant", tool_calls=(ToolCall("a", {}),)),), (Message("assistant", "b"),)
    )
    example = Example((Message("user", "q"), Message("assistant", "a")))
    kept, drops = clean_pairs([Placed(called, "s"), Placed(example, "s")])
    assert (len(kept), drops) == (2, [])


def test_a_length_shortcut_shows_and_its_absence_does_not() -> None:
    longer = [pair("word " * (i + 3), "word") for i in range(20)]
    found = shortcuts(longer)["longer"]
    assert (found["value"], found["n"]) == (1.0, 20)
    assert found["low"] > 0.5
    balanced = longer + [pair("word", "word " * (i + 3)) for i in range(20)]
    assert shortcuts(balanced)["longer"]["low"] < 0.5 < shortcuts(balanced)["longer"]["high"]
    assert "more_citations" not in shortcuts(longer)
