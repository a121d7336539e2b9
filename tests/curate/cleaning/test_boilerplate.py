"""Boilerplate: known phrases and repeated edges are flagged, clean answers not, and a trimmed answer stays whole."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmarks import planted
from trimtab.curate.cleaning.boilerplate import (
    Repeated,
    boilerplate,
    count_repeated,
    edges_of,
    hinted,
    key_of,
    trimmed,
)
from trimtab.curate.cleaning.edges import closing_start, opening_end
from trimtab.curate.cleaning.phrases import ANYWHERE, bank
from trimtab.records import Comparison, Example, Message

NONE = Repeated()
REAL = "Water boils at a lower temperature on a mountain. The air is thinner there, so less heat is needed."
FOOTER = "Read more in the Harbour Letter."


@pytest.mark.parametrize(
    ("before", "after", "kind"),
    [
        ("Certainly! ", "", "opening: interjection"),
        ("I'd be happy to help with that. ", "", "opening: eager"),
        ("Great question! ", "", "opening: praise"),
        ("Here is a short explanation:\n", "", "opening: lead_in"),
        ("You asked about boiling water. ", "", "opening: restated"),
        ("### Response:\n", "", "opening: residue"),
        ("Question: why is that? Answer: ", "", "opening: residue"),
        ("", " I hope this helps!", "closing: hope"),
        ("", "\n\nLet me know if you need anything else.", "closing: offer"),
        ("", " Have a great day!", "closing: farewell"),
        ("", "\n\nBest regards,\nThe Team", "closing: signature"),
        ("As an AI language model, I can tell you this. ", "", "anywhere: as_an_ai"),
        ("", " This is not medical advice.", "anywhere: disclaimer"),
    ],
)
def test_each_kind_of_scaffolding_is_named(before: str, after: str, kind: str) -> None:
    assert boilerplate(REAL, "Why?", "set", NONE) == []
    assert kind in boilerplate(before + REAL + after, "Why?", "set", NONE)


@pytest.mark.parametrize(
    ("asked", "answer"),
    [
        (
            "Write an email to my landlord.",
            "Dear Sir, the tap drips. Please let me know when you can come.\n\nBest regards,\nA.",
        ),
        ("Is it far?", "Sure."),
        ("Is it open?", "Of course it is open on Mondays, as on any other day."),
        ("What is it?", "Great Britain is an island."),
        ("Who?", "Certainly the oldest of them was the first to go."),
        ("Can I ask you something?", "Is there anything else?"),
        ("What is an opening question?", "It begins a talk. People answer it at length."),
        ("Which date?", "The date is the fourth, and the errors in the list are mine."),
    ],
)
def test_answers_that_only_look_like_it_are_not_flagged(asked: str, answer: str) -> None:
    assert boilerplate(answer, asked, "set", NONE) == []


def test_a_question_said_again_before_the_answer_is_flagged() -> None:
    again = "What is the boiling point of water? It is one hundred degrees."
    assert boilerplate(again, "What is the boiling point of water?", "set", NONE) == ["opening: repeated question"]
    assert boilerplate("Which kettle? There are two.", "Where do I get water?", "set", NONE) == []


TOPICS = ("tea", "rope", "salt", "wool", "clay", "iron", "glass", "sand", "milk", "coal", "wood", "silk", "lead", "tin")
ANSWERS = [f"The trade in {topic} is old. It began beside the river, where {topic} was weighed." for topic in TOPICS]


def test_a_sentence_of_no_known_kind_is_found_by_repetition_alone() -> None:
    rows = [("set", f"{text} {FOOTER}" if i % 3 == 0 else text) for i, text in enumerate(ANSWERS)]
    found = count_repeated(rows, 0.2, 5)
    assert [entry["sentence"] for entry in found.to_json()] == [FOOTER.lower()]
    flagged = [boilerplate(text, "", source, found) for source, text in rows]
    assert flagged == [["closing: repeated"] if i % 3 == 0 else [] for i in range(len(rows))]
    assert not count_repeated(rows, 0.5, 5).counts
    assert not count_repeated(rows[:12], 0.2, 5).counts
    assert not count_repeated([(f"source {i}", text) for i, (_, text) in enumerate(rows)], 0.2, 2).counts


def test_a_whole_answer_that_many_rows_share_is_no_boilerplate() -> None:
    same = "I could not find that. The documents do not say it."
    assert not count_repeated([("set", same)] * 50 + [("set", text) for text in ANSWERS], 0.02, 5).counts


def test_a_sentence_with_a_number_must_repeat_far_more_often() -> None:
    rows = [("set", f"{text} The answer is 7.") for text in ANSWERS[:6]] + [("set", text) for text in ANSWERS[6:]]
    assert not count_repeated(rows, 0.3, 5).counts
    assert count_repeated([(s, t.replace("7", "x")) for s, t in rows], 0.3, 5).counts


def test_what_repeats_is_the_same_in_a_plain_recount() -> None:
    rows = [
        ("a" if i % 2 else "b", f"{FOOTER if i % 3 else 'Once upon a time.'} {text}")
        for i, text in enumerate(ANSWERS * 2)
    ]
    plain: dict[tuple[str, str, str], set[str]] = {}
    for source, text in rows:
        for edge, sentence in edges_of(text):
            plain.setdefault((source, edge, key_of(sentence)), set()).add(text)
    distinct = {source: len({text for other, text in rows if other == source}) for source in "ab"}
    expected = {k: len(v) for k, v in plain.items() if len(v) >= max(3, 0.1 * distinct[k[0]])}
    assert dict(count_repeated(rows, 0.1, 3).counts) == expected


PIECES = [
    "Certainly!",
    "I hope this helps!",
    "Let me know if you have any questions.",
    "The sun is a star.",
    "Is it so?",
]
PIECES += [
    "Use 3.5 kg of it.",
    "e.g. this one.",
    "Line one\nLine two",
    "```\ncode.here()\n```",
    "Have a great day!",
    FOOTER,
]
SENTENCE = st.sampled_from(PIECES)


@given(st.lists(SENTENCE, min_size=1, max_size=6), st.sampled_from([" ", "\n", "\n\n"]))
def test_a_trimmed_answer_is_a_piece_of_the_old_one_and_never_empty(pieces: list[str], gap: str) -> None:
    text = gap.join(pieces)
    known = Repeated({("set", "closing", key_of(FOOTER)): 9})
    kept, cut = trimmed(text, "set", known)
    assert kept
    assert kept in text
    assert (kept == text) == (not cut)
    assert len("".join(text.split())) == len("".join((kept + "".join(cut)).split()))
    assert trimmed(kept, "set", known) == (kept, [])


@given(st.text(st.sampled_from("ab. \n!?:Mr1")))
def test_edges_lie_inside_their_text(text: str) -> None:
    assert 0 <= closing_start(text) <= len(text)
    assert 0 <= opening_end(text) <= len(text)


@given(st.sampled_from([phrase.casefold() for phrase in (*planted.ANYWHERE, *planted.CLOSINGS)]), st.data())
def test_the_hints_never_hide_a_phrase(phrase: str, data: st.DataObject) -> None:
    words = phrase.split()
    cut = data.draw(st.integers(0, len(words)))
    text = f"it holds {' '.join(words[:cut])} {data.draw(st.sampled_from(['a', 'it', '']))} {' '.join(words[cut:])}"
    if bank(ANYWHERE).kind(text, at_start=False):
        assert hinted(text)


def test_trimming_is_a_repair_and_the_default_only_flags(clean: Any, chat: Any) -> None:
    row = chat("Why?", f"Certainly! {REAL} I hope this helps!")
    flagged = clean(row)
    assert flagged.rows[0].row.messages == row.messages
    assert flagged.rows[0].row.labels["quality"]["boilerplate"] == ["opening: interjection", "closing: hope"]
    cut = clean(row, boilerplate={"mode": "trim"})
    assert cut.rows[0].row.messages[-1].content == REAL
    assert "boilerplate" not in cut.rows[0].row.labels["quality"]
    (fix,) = cut.repairs
    assert (fix.kind, "Certainly!" in fix.detail, fix.line) == ("boilerplate", True, 1)


def test_both_sides_of_a_pair_are_trimmed_so_that_nothing_tells_them_apart(clean: Any) -> None:
    chosen = (Message("assistant", f"Certainly! {REAL}"),)
    rejected = (Message("assistant", "Certainly! It does not boil there at all, they say."),)
    raw = Comparison((Message("user", "Why?"),), chosen, rejected)
    pair = clean(raw, boilerplate={"mode": "trim"}).rows[0].row
    assert not pair.chosen[0].content.startswith("Certainly")
    assert not pair.rejected[0].content.startswith("Certainly")


def test_the_repeated_sentences_stand_in_the_findings_and_may_drop_rows(clean: Any, chat: Any) -> None:
    rows: list[Example] = [chat(f"Tell me of {i}.", f"{text} {FOOTER}") for i, text in enumerate(ANSWERS)]
    found = clean(*rows).findings["boilerplate"]
    assert found["by_kind"] == {"closing: repeated": len(rows)}
    assert found["repeated"] == [{"source": "set", "edge": "closing", "sentence": FOOTER.lower(), "rows": len(rows)}]
    assert {drop.reason for drop in clean(*rows, drop_quality=["boilerplate"]).drops} == {"quality"}
