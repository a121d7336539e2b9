"""What claims something, and what of it no source holds."""

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trimtab.text.claims import claims, merged, sentence_spans, unheld_spans

SHOWN = "Parcels weigh at most 25 kg. Maria Silva opens the shop in Lisbon at 9."


@pytest.mark.parametrize(
    ("sentence", "claiming"),
    [
        ("Parcels weigh at most 25 kg.", True),
        ("Do parcels weigh 25 kg?", False),
        ("I hope this helps you a lot!", False),
        ("I don't know the weight of parcels.", False),
        ("I am passing your question to a colleague.", False),
        ("Yes.", False),
    ],
)
def test_questions_courtesies_and_hand_overs_claim_nothing(sentence: str, claiming: bool) -> None:
    assert claims(sentence) is claiming


@pytest.mark.parametrize(
    ("sentence", "given", "spans"),
    [
        ("Parcels weigh at most 25 kg.", "", []),
        ("Parcels weigh at most 30 kg.", "", ["30"]),
        ("Parcels weigh at most 30 kg.", "Mine weighs 30", []),
        ("In Lisbon the shop of Joana Reis opens at 9.", "", ["Joana Reis"]),
        ("Do they open at 11?", "", ["11"]),
        ("Perhaps parcels possibly weigh, I think, at most 25 kg.", "", []),
        ("Whales sing below frozen seas.", "", ["Whales sing below frozen seas."]),
    ],
)
def test_what_no_source_holds(sentence: str, given: str, spans: list[str]) -> None:
    assert [sentence[start:end] for start, end in unheld_spans(sentence, SHOWN, given)] == spans


@given(st.lists(st.tuples(st.integers(0, 30), st.integers(1, 8)), max_size=8))
def test_merged_spans_are_disjoint_and_cover_the_same(drawn: list[tuple[int, int]]) -> None:
    spans = [(start, start + length) for start, length in drawn]
    made = merged(spans)
    assert all(before[1] <= after[0] for before, after in itertools.pairwise(made))
    assert {i for start, end in made for i in range(start, end)} == {
        i for start, end in spans for i in range(start, end)
    }


@given(st.text("ab .!?\n-1", max_size=60))
def test_every_sentence_is_found_where_it_stands(text: str) -> None:
    spans = sentence_spans(text)
    assert all(text[start:end].strip() == text[start:end] != "" for start, end in spans)
