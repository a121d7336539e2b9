"""An answer built on a search cites what the search returned; false ids do not leave."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trimtab.guard import Rule
from trimtab.guard.citations import Citations, citations_guard
from trimtab.guard.exchange import Change, Exchange
from trimtab.records import Message, ToolCall, UserError
from trimtab.text import citations, normalise

TEXT = "I could not confirm this."
ASKED = Message("user", "How long is the guarantee?")
CALL = Message("assistant", "", (ToolCall("search", {"query": "guarantee"}, "call_1"),))


def found(*ids: str) -> Message:
    return Message(
        "tool", json.dumps([{"id": name, "title": "t", "text": "Five years."} for name in ids]), name="search"
    )


def guard(**fields: object) -> Citations:
    rule = Rule("R3", "Cite", "", {"guard": "citations", "text": TEXT, **fields}, 9)
    return citations_guard(rule, frozenset({normalise("Please ask our workshop.")}))


def judged(answer: str, *results: Message, earlier: tuple[Message, ...] = (), **fields: object) -> Change | None:
    turns = (*((CALL,) if results else ()), *results, Message("assistant", answer))
    return guard(**fields).after(Exchange((*earlier, ASKED), turns, answer))


def test_a_real_citation_may_leave() -> None:
    assert judged("Five years [war-1].", found("war-1", "war-2")) is None


def test_an_answer_from_a_search_without_a_citation_is_replaced() -> None:
    change = judged("Five years.", found("war-1"))
    assert change is not None
    assert (change.answer, change.ruling, change.whole) == (TEXT, "modify", True)


def test_a_false_id_is_taken_out_while_a_real_one_is_left() -> None:
    change = judged("Five years [war-1, fake-9]. Really [fake-8].", found("war-1"))
    assert change is not None
    assert (change.answer, change.whole) == ("Five years [war-1]. Really.", False)


def test_an_answer_of_false_ids_alone_is_replaced() -> None:
    change = judged("Five years [fake-9].", found("war-1"))
    assert change is not None
    assert change.answer == TEXT
    assert "fake-9" in change.reason


def test_a_false_id_without_any_search_is_caught() -> None:
    assert judged("Five years [war-1].") is not None


@pytest.mark.parametrize("on_fail", ["block", "escalate"])
def test_the_rule_says_how_it_rules(on_fail: str) -> None:
    change = judged("Five years [war-1] [fake-9].", found("war-1"), on_fail=on_fail)
    assert change is not None
    assert (change.answer, change.ruling) == (TEXT, on_fail)


def test_passages_of_an_earlier_search_may_be_cited() -> None:
    assert judged("Five years [war-1].", earlier=(Message("user", "hi"), CALL, found("war-1"))) is None


def test_an_earlier_search_asks_for_no_citation_now() -> None:
    assert judged("You are welcome.", earlier=(Message("user", "hi"), CALL, found("war-1"))) is None


def test_a_search_result_that_the_client_sent_counts() -> None:
    answer = "Five years."
    assert guard().after(Exchange((ASKED, CALL, found("war-1")), (Message("assistant", answer),), answer)) is not None


@pytest.mark.parametrize(
    "answer",
    [
        "I could not find that in our guides.",
        "Which stove do you mean?",
        "I cannot help with that.",
        "Please ask our WORKSHOP",
    ],
)
def test_what_claims_nothing_needs_no_source(answer: str) -> None:
    assert judged(answer, found("war-1")) is None


def test_a_claim_hidden_behind_not_being_sure_needs_one() -> None:
    assert judged("I am not sure, but it is 5 years.", found("war-1")) is not None


def test_words_beside_a_call_are_no_answer_yet() -> None:
    turns = (CALL, found("war-1"), Message("assistant", "One moment.", CALL.tool_calls))
    assert guard().after(Exchange((ASKED,), turns, "One moment.")) is None


@given(st.lists(st.sampled_from(["[war-1]", "[fake-9]", "[war-1, fake-9]", "[see](https://x.example)", "Five years."])))
def test_no_false_id_ever_leaves(parts: list[str]) -> None:
    answer = " ".join(parts)
    change = judged(answer, found("war-1"))
    left = answer if change is None else change.answer
    assert set(citations(left)) <= {"war-1"}


@pytest.mark.parametrize("fields", [{"on_fail": "shout"}, {"text": ""}, {"onfail": "block"}])
def test_a_rule_that_cannot_be_kept_is_refused(fields: dict[str, object]) -> None:
    with pytest.raises(UserError, match="rule R3"):
        guard(**fields)
