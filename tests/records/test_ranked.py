"""A ranking is a row like the others: it goes to its file and back, and what it lacks is named."""

from typing import Any

import pytest

from trimtab.curate.units import completions, learnt_text
from trimtab.records import Comparison, Message, Ranked, UserError, row_from_json

ASK = (Message("user", "Where is my order?"),)
ROW = Ranked(
    ASK,
    ((Message("assistant", "On its way."),), (Message("assistant", "No idea."),), (Message("assistant", "Gone."),)),
    (2.0, -1.0, 0.5),
    annotators=("ann",),
    labels={"weight": 2.0},
    provenance={"source": "desk"},
)


def test_it_survives_its_file() -> None:
    assert row_from_json(ROW.to_json()) == ROW


def test_text_stands_for_turns() -> None:
    row = {"prompt": "Where is my order?", "completions": ["On its way.", "No idea.", "Gone."], "scores": [2, -1, 0.5]}
    found = row_from_json(row)
    assert isinstance(found, Ranked)
    assert (found.prompt, found.completions, found.scores) == (ROW.prompt, ROW.completions, ROW.scores)


def test_its_id_is_of_its_content_alone() -> None:
    assert ROW.id == row_from_json({**ROW.to_json(), "labels": {}, "provenance": {}}).id
    assert ROW.id != row_from_json({**ROW.to_json(), "scores": [2, -1, 0.6]}).id


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"scores": [1, 2]}, "as many scores"),
        ({"scores": None}, "as many scores"),
        ({"scores": [1, 2, True]}, "finite numbers"),
        ({"scores": [1, 2, float("nan")]}, "finite numbers"),
        ({"completions": ["one"], "scores": [1]}, "at least two"),
        ({"completions": "one"}, "at least two"),
        ({"completions": ["a", "b", [{"role": "user", "content": "c"}]]}, r"completions\[2\]\[0\]\.role"),
        ({"prompt": []}, "at least one message"),
    ],
)
def test_what_it_lacks_is_named(change: dict[str, Any], says: str) -> None:
    with pytest.raises(UserError, match=says):
        row_from_json({**ROW.to_json(), **change})


def test_a_pair_is_still_a_pair() -> None:
    row = row_from_json({"prompt": "q", "chosen": "a", "rejected": "b"})
    assert isinstance(row, Comparison)


def test_curation_sees_each_of_its_answers() -> None:
    """The quarantine looks for sealed cases in all that a row could teach."""
    assert completions(ROW) == ROW.completions
    assert all(turns[0].content in learnt_text(ROW) for turns in ROW.completions)
