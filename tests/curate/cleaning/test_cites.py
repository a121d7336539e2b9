"""Citations: a learnt answer cites what its own row retrieved, and what it quotes stands there word for word."""

import json
from typing import Any

import pytest

from trimtab.records import Comparison, Example, Message, ToolCall

PASSAGES = [
    {"id": "p1", "title": "t", "text": "Kettles go back within thirty days."},
    {"id": "kb-2", "text": "No fee."},
]


def found(answer: str, passages: Any = PASSAGES) -> Example:
    turns = (
        Message("user", "How long?"),
        Message("assistant", tool_calls=(ToolCall("search", {"query": "how long"}, "c"),)),
        Message("tool", json.dumps(passages), tool_call_id="c"),
        Message("assistant", answer),
    )
    return Example(turns, labels={"action": "answer"})


@pytest.mark.parametrize(
    "answer", ["Within thirty days [p1].", "Free [p1, kb-2].", "See [the page](http://x.y/z).", "`a[p9]` [p1]"]
)
def test_what_cites_its_passages_passes_unchanged(clean: Any, answer: str) -> None:
    done = clean(found(answer))
    assert done.rows[0].row.messages[-1].content == answer
    assert not done.repairs


def test_a_citation_of_nothing_retrieved_drops_its_row_and_is_named(clean: Any) -> None:
    (drop,) = clean(found("Within thirty days [p7].")).drops
    assert drop.reason == "unsupported citation"
    assert "[p7]" in drop.detail


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("Within thirty days [p7].", "Within thirty days."),
        ("Within thirty days [p1, p7].", "Within thirty days [p1]."),
        ("Thirty days [p7]. Free [kb-2].", "Thirty days. Free [kb-2]."),
        ("Use `x[p7]` here [p7].", "Use `x[p7]` here."),
    ],
)
def test_by_setting_only_the_marker_goes_and_is_reported(clean: Any, before: str, after: str) -> None:
    done = clean(found(before), citations="strip")
    assert done.rows[0].row.messages[-1].content == after
    assert [fix.kind for fix in done.repairs] == ["unsupported citation"]
    assert clean(found(before), citations="flag").rows[0].row.labels["quality"]["unsupported_citations"] == ["p7"]


def test_without_a_search_only_an_id_that_the_data_knows_is_a_citation(clean: Any) -> None:
    plain = Example(
        (Message("user", "How long?"), Message("assistant", "Thirty days [p1], [sic].")), labels={"action": "answer"}
    )
    assert clean(plain).rows
    done = clean(found("Thirty days [p1]."), plain)
    assert [drop.line for drop in done.drops] == [2]


def test_a_number_in_brackets_cites_only_where_passages_have_numbers(clean: Any) -> None:
    numbered = [{"id": "1", "text": "One."}]
    assert clean(found("The list is [3] long [p1].")).rows
    assert clean(found("It is one [1].", numbered)).rows
    assert clean(found("It is one [2].", numbered)).drops


def test_only_the_chosen_side_of_a_pair_must_cite_what_was_found(clean: Any) -> None:
    turns = found("x").messages[:-1]
    good, bad = (Message("assistant", "Thirty days [p1]."),), (Message("assistant", "Thirty days [p9]."),)
    assert clean(Comparison(turns, good, bad)).rows
    assert clean(Comparison(turns, bad, good)).drops[0].reason == "unsupported citation"
    stripped = clean(Comparison(turns, bad, good), citations="strip").rows[0].row
    assert stripped.chosen[0].content == "Thirty days."


def test_a_quote_that_stands_nowhere_is_flagged(clean: Any) -> None:
    loose = clean(found('It says "kettles go back within forty days" [p1].')).rows[0].row.labels["quality"]
    assert "forty" in loose["loose_quotes"][0]
    exact = clean(found('It says "Kettles go back within thirty days" [p1].')).rows[0].row.labels["quality"]
    assert "loose_quotes" not in exact
