"""Spans without support are found exactly, priced on exactly their tokens, and abstaining costs nothing."""

import json
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from trimtab.model import Dialect
from trimtab.records import Message
from trimtab.text import sentences
from trimtab.text.claims import sentence_spans
from trimtab.train.forest.batch import TokenSequence
from trimtab.train.grounding.spans import (
    Evidence,
    answer_rate,
    evidence_of,
    penalised,
    span_penalty,
    token_offsets,
    ungrounded_rate,
    unsupported_spans,
)

PASSAGES = {
    "p1": "Returns\nA customer may return unused goods within 30 days. The refund of Harbour Goods takes 5 days.",
    "p2": "Opening hours\nThe shop in Lisbon opens at 9 on Monday. Maria Silva's team keeps it warm at 21 degrees.",
    "p3": "Delivery\nParcels weigh at most 25 kg and cost 1,200 points. Code AB-17 gives a free delivery.",
}


@pytest.fixture(scope="session")
def dialect(folder: Path) -> Dialect:
    return Dialect.of(folder)


def tokens(dialect: Dialect, text: str) -> list[int]:
    return dialect._pieces.encode(text)


def found(text: str, given: str = "") -> list[str]:
    return [text[start:end] for start, end in unsupported_spans(text, PASSAGES, given)]


@pytest.mark.parametrize(
    "answer",
    [
        "A customer may return unused goods within 30 days [p1].",
        "You may return unused goods for 30 days. [p1]",
        "The shop in Lisbon opens at 9. [p2] Parcels weigh at most 25 kg. [p3]",
        "Maria Silva keeps the shop warm [p2].",
        "- The refund takes five days [p1]\n- Delivery is free with AB-17 [p3]",
        "Parcels weigh at most 25 kg. Delivery costs 1200 points [p3].",
        "Which shop do you mean, the one at Baker Street?",
        "I could not find that in the documents.",
        "I don't know; please ask Customer Support.",
        "I hope this helps!",
        "",
    ],
)
def test_what_the_cited_passages_hold_is_supported(answer: str) -> None:
    assert found(answer) == []


@pytest.mark.parametrize(
    ("answer", "spans"),
    [
        ("A customer may return unused goods within 60 days [p1].", ["60"]),
        ("The shop in Porto opens at 9. [p2]", ["Porto"]),
        ("The shop in Lisbon opens at ten. [p2]", ["ten"]),
        ("Delivery is free with AB-18 and AB-17. [p3]", ["AB-18"]),
        ("A customer may return unused goods within 30 days [p9].", None),
        ("Our chairs are handmade from old oak. [p1]", None),
        ("A customer may return unused goods within 30 days [p2].", None),
        ("A customer may return unused goods within 30 days.", None),
        ("I could not find it, but it is surely 47.", ["47"]),
    ],
)
def test_what_they_do_not_hold_is_found(answer: str, spans: list[str] | None) -> None:
    """None: the whole sentence."""
    assert found(answer) == (spans or [answer])


def test_only_the_bad_sentence_is_found() -> None:
    good, bad = "The refund takes 5 days [p1].", "Our chairs are handmade from old oak [p1]."
    assert found(f"{good} {bad} {good}") == [bad]


def test_a_citation_of_no_passage_is_found_where_the_claim_stands_on_another() -> None:
    assert found("The refund takes 5 days [p1] [p7].") == ["[p7]"]


def test_what_the_user_and_the_tools_gave_needs_no_passage() -> None:
    assert found("The refund of order 4711 takes 5 days [p1].") == ["4711"]
    assert found("The refund of order 4711 takes 5 days [p1].", given="What of order 4711?") == []


def test_without_passages_no_evidence_is_asked_for() -> None:
    assert unsupported_spans("It is 42, says Deep Thought.", {}) == []


def test_a_tool_call_claims_nothing() -> None:
    assert found('<tool_call>\n{"name": "search", "arguments": {"query": "Porto 1999"}}\n</tool_call>') == []


def passage_sentences() -> list[tuple[str, str]]:
    return [(name, each) for name, text in PASSAGES.items() for each in sentences(text.split("\n", 1)[1])]


@settings(max_examples=60, deadline=None)
@given(st.lists(st.sampled_from(passage_sentences()), min_size=1, max_size=4), st.sampled_from([" ", "\n", "\n- "]))
def test_a_fully_quoted_answer_is_free(quoted: list[tuple[str, str]], between: str) -> None:
    answer = between.join(f"{sentence} [{name}]" for name, sentence in quoted)
    assert found(answer) == []


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.sampled_from(passage_sentences()), min_size=1, max_size=3),
    st.integers(0, 2),
    st.integers(2000, 99999),
)
def test_a_replaced_number_costs_exactly_its_tokens(
    dialect: Dialect, quoted: list[tuple[str, str]], where: int, number: int
) -> None:
    where %= len(quoted)
    before = " ".join(f"{sentence} [{name}]" for name, sentence in quoted[:where])
    name, sentence = quoted[where]
    old = next((word for word in sentence.split() if word.isdigit()), None)
    if old is None:
        return
    head, tail = sentence.split(old, 1)
    parts = [f"{before} {head}".lstrip() if before else head, str(number), f"{tail} [{name}]"]
    ids = [tokens(dialect, part) for part in parts]
    text, offsets = token_offsets([token for part in ids for token in part], dialect.decode)
    spans = unsupported_spans(text, PASSAGES)
    assert [text[start:end] for start, end in spans] == [str(number)]
    expected = [0.0] * len(ids[0]) + [-0.5] * len(ids[1]) + [0.0] * len(ids[2])
    assert span_penalty(offsets, spans, 0.5).tolist() == expected


@settings(max_examples=100, deadline=None)
@given(st.text(max_size=80))
def test_every_sentence_is_found_in_its_text(text: str) -> None:
    spans = sentence_spans(text)
    assert len(spans) == len(sentences(text))
    assert all(a[1] <= b[0] for a, b in pairwise(spans))
    unsupported = unsupported_spans(text, PASSAGES)
    assert all(0 <= start < end <= len(text) for start, end in unsupported)
    assert all(a[1] <= b[0] for a, b in pairwise(unsupported))


@settings(max_examples=60, deadline=None)
@given(st.text(st.characters(exclude_categories=["Cs"]), max_size=30))
def test_offsets_cover_the_text_character_by_character(dialect: Dialect, text: str) -> None:
    text = text.replace("<", "")  # no special token
    ids = tokens(dialect, text)
    spelled, offsets = token_offsets(ids, dialect.decode)
    assert spelled == dialect.decode(ids)
    assert {place for start, end in offsets for place in range(start, end)} == set(range(len(spelled)))
    assert offsets == sorted(offsets)
    assert all(end > start for start, end in offsets)


def test_every_byte_of_a_character_is_priced_with_it(dialect: Dialect) -> None:
    ids = tokens(dialect, "a€b")
    text, offsets = token_offsets(ids, dialect.decode)
    assert (text, offsets) == ("a€b", [(0, 1), (1, 2), (1, 2), (1, 2), (2, 3)])
    assert span_penalty(offsets, [(1, 2)]).tolist() == [0, -1, -1, -1, 0]


def test_a_rollout_is_priced_turn_by_turn_and_its_stops_are_free(dialect: Dialect) -> None:
    stop = dialect.stop_ids[0]
    prompt = tokens(dialect, "When? ")
    call = tokens(dialect, '<tool_call>{"query": "1999"}</tool_call>')
    head, wrong, tail = (tokens(dialect, part) for part in ("The refund takes ", "8", " days [p1]."))
    turns = [*call, stop, *head, *wrong, *tail, stop]
    weight = np.array([0] * len(prompt) + [1] * len(turns), np.float32)
    sequence = TokenSequence(np.array([*prompt, *turns]), weight)
    bonus = penalised(sequence, Evidence(PASSAGES), dialect.decode, dialect.stop_ids, 2.0).bonus_N
    assert bonus is not None
    assert bonus.tolist() == [0.0] * (len(call) + 1 + len(head)) + [-2.0] * len(wrong) + [0.0] * (len(tail) + 1)
    assert len(bonus) == len(sequence.scored_N)


def test_evidence_is_what_tools_and_users_said() -> None:
    rows = [{"id": "p1", "title": "T", "text": "Some text."}, {"id": 3, "text": "no id"}]
    messages = [
        Message("system", "In 1812."),
        Message("user", "Order 4711?"),
        Message("tool", json.dumps(rows)),
        Message("tool", "45"),
        Message("assistant", "It is 46."),
    ]
    assert evidence_of(messages) == Evidence({"p1": "T\nSome text."}, "Order 4711?\n45")


def test_the_rates_are_counts_and_abstaining_shows_in_the_answer_rate() -> None:
    evidence = Evidence(PASSAGES)
    good, bad, none = "The refund takes 5 days [p1].", "The refund takes 8 days [p1].", "I could not find that."
    answers = [(text, evidence) for text in (good, bad, none, none)]
    ungrounded, answered = ungrounded_rate(answers), answer_rate(answers)
    assert (ungrounded.value, ungrounded.n) == (0.5, 2)
    assert (answered.value, answered.n) == (0.5, 4)
    assert ungrounded.low < 0.5 < ungrounded.high
    assert ungrounded_rate([(none, evidence)]).n == 0
