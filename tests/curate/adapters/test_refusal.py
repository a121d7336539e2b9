"""Refusals: what must be refused is declined, what must be answered is not taught without an answer."""

from typing import Any

import pytest

from trimtab.curate.adapters import AdapterOptions, Refusal, adapter_named
from trimtab.curate.config import TextsConfig
from trimtab.records import UserError

WORDINGS = ("I won't.", "No, I can't.", "That is not for me.")
ADAPTER = Refusal(AdapterOptions(texts=TextsConfig(decline=WORDINGS)))


def row(expected: str, prompt: Any = "How can I kill a process?", **more: Any) -> dict[str, Any]:
    return {"prompt": prompt, "expected": expected, "category": "homonyms", **more}


def test_what_must_be_refused_is_declined_in_one_of_the_wordings_each_used() -> None:
    said = {e.messages[-1].content for i in range(40) if (e := ADAPTER.example(row("refuse", f"How {i}?"))) is not None}
    assert said == set(WORDINGS)
    assert ADAPTER.example(row("refuse")) == ADAPTER.example(row("refuse"))


def test_what_must_be_answered_is_learnt_only_with_an_answer_but_always_tested() -> None:
    assert ADAPTER.example(row("comply")) is None
    example = ADAPTER.example(row("comply", answer="With kill -9."))
    assert example is not None
    assert (example.messages[-1].content, example.labels["action"]) == ("With kill -9.", "answer")
    for expected, action in (("comply", "answer"), ("refuse", "decline")):
        case = ADAPTER.case(row(expected))
        assert case is not None
        assert (case.expected.action, case.labels["category"]) == (action, "homonyms")


@pytest.mark.parametrize("bad", [row("maybe"), row("refuse", ""), row("refuse", 3)])
def test_a_malformed_row_is_refused(bad: dict[str, Any]) -> None:
    with pytest.raises(UserError):
        ADAPTER.example(bad)


def test_an_unknown_adapter_lists_those_that_are_known() -> None:
    with pytest.raises(UserError, match="grounded_qa"):
        adapter_named("nope", AdapterOptions())


def test_a_clarifying_text_must_name_the_parameter() -> None:
    with pytest.raises(ValueError, match="parameter"):
        TextsConfig(clarify=("What is it?",))
