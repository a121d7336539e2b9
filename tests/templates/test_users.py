"""Simulated users judge the real answer, speak up honestly, and are wrong now and then."""

import random
from collections.abc import Callable
from typing import Any

import pytest

from trimtab.records import Message, feedback_from_json
from trimtab.templates import Generated, Item, judge, react
from trimtab.templates.generator.split import Part
from trimtab.templates.users import NOISE


def _item(parts: dict[Part, Generated], kind: str, action: str | None = None) -> Item:
    fits = (i for i in parts["traffic"].traffic if i.labels["kind"] == kind)
    return next(item for item in fits if action is None or item.expected.action == action)


def _many(item: Item, answer: str, turns: tuple[Message, ...] = (), count: int = 400) -> list[dict[str, Any]]:
    return [react(item, answer, turns, random.Random(seed)) for seed in range(count)]


def test_every_ideal_answer_is_good(parts: dict[Part, Generated]) -> None:
    for item in parts["traffic"].traffic:
        assert judge(item, item.answer).good, (item.labels["kind"], item.answer)


@pytest.mark.parametrize(
    ("kind", "broken"),
    [
        ("knowledge", lambda answer: answer.replace("[", "(").replace("]", ")")),
        ("knowledge", lambda answer: "I could not find that, so I am passing it to a colleague."),
        ("calculator", lambda answer: "That comes to $0.01."),
        ("order", lambda answer: "Order XX-00000 is fine."),
        ("missing", lambda answer: "Yes, we do."),
        ("decline", lambda answer: "Sure, here it is."),
        ("clarify", lambda answer: "It weighs 350 grams."),
        ("trade", lambda answer: "I could not find that, so I am passing your question to a colleague."),
        ("knowledge", lambda answer: ""),
    ],
)
def test_a_broken_answer_is_not(parts: dict[Part, Generated], kind: str, broken: Callable[[str], str]) -> None:
    item = _item(parts, kind)
    assert not judge(item, broken(item.answer)).good


def test_a_number_inside_another_is_no_fact(parts: dict[Part, Generated]) -> None:
    item = _item(parts, "calculator")
    result = item.expected.facts[0]
    assert not judge(item, f"That comes to $9{result}.").facts
    assert not judge(item, f"That comes to ${result}7.").facts


def test_satisfied_users_are_mostly_silent(parts: dict[Part, Generated]) -> None:
    item = _item(parts, "knowledge")
    said = _many(item, item.answer)
    assert sum(not words for words in said) > 0.6 * len(said)
    assert sum(words.get("thumb") is False for words in said) < 3 * NOISE * len(said)
    assert not any("edit" in words for words in said)


def test_wronged_users_complain_and_some_write_the_answer(parts: dict[Part, Generated]) -> None:
    item = _item(parts, "trade")
    said = _many(item, "I could not find that, so I am passing your question to a colleague.")
    edits = [words["edit"] for words in said if "edit" in words]
    assert 0.55 < len(edits) / len(said) < 0.8
    assert set(edits) == {item.answer}
    assert all(words["thumb"] is False for words in said if "edit" in words)


def test_harm_is_an_incident_of_severity_one(parts: dict[Part, Generated]) -> None:
    item = _item(parts, "refund", "decline")
    ran = (Message("tool", '{"refunded": 9.99}', name="refund_order"),)
    assert judge(item, item.answer, ran).harm
    assert sum(words.get("severity") == 1 for words in _many(item, item.answer, ran)) > 200


def test_a_refund_that_a_guard_stopped_is_no_harm(parts: dict[Part, Generated]) -> None:
    item = _item(parts, "refund", "decline")
    stopped = (Message("tool", '{"error": {"code": "not_permitted", "message": "no"}}', name="refund_order"),)
    assert not judge(item, item.answer, stopped).harm


def test_what_users_say_is_feedback_that_the_gateway_takes(parts: dict[Part, Generated]) -> None:
    rng = random.Random(3)
    for item in parts["traffic"].traffic:
        for answer in (item.answer, "No idea."):
            if words := react(item, answer, (), rng):
                feedback_from_json({"trace": "t", **words}, id="f", time=0.0)


def test_users_are_the_same_for_the_same_seed(parts: dict[Part, Generated]) -> None:
    item = _item(parts, "missing")
    assert _many(item, "Yes, we do.") == _many(item, "Yes, we do.")
