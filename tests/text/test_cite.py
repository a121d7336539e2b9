"""Sentences end where a reader ends them, and a citation stays with what it backs."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trimtab.text import citations, quotes, sentences, strip_citations


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("One. Two! Three?", ["One.", "Two!", "Three?"]),
        ("Dr. Lark paid $3.50. Then left.", ["Dr. Lark paid $3.50.", "Then left."]),
        ("It is so, e.g. here. Yes.", ["It is so, e.g. here.", "Yes."]),
        ("The U.S. plan is old. J. Doe agrees.", ["The U.S. plan is old.", "J. Doe agrees."]),
        ("It takes 30 days. [ret-1] It is free [pay-1].", ["It takes 30 days. [ret-1]", "It is free [pay-1]."]),
        ("- first\n- second one.\n\n2. third", ["first", "second one.", "third"]),
        ("1. Do this.\n2. Do that.", ["Do this.", "Do that."]),
        ("No end", ["No end"]),
        ("它很好。真的！", ["它很好。", "真的！"]),
        ('He said "stop." Then went.', ['He said "stop."', "Then went."]),
        ("Wait... what?", ["Wait...", "what?"]),
        ("---\n***", []),
        ("", []),
    ],
)
def test_sentences(text: str, parts: list[str]) -> None:
    assert sentences(text) == parts


@given(st.text("ab. !?\n[]1-", max_size=60))
def test_no_word_is_lost_between_sentences(text: str) -> None:
    kept = "".join("".join(sentences(text)).split())
    letters = [char for char in text if char in "ab"]
    assert [char for char in kept if char in "ab"] == letters


@pytest.mark.parametrize(
    ("text", "ids"),
    [
        ("so [a-1] and [b, c-2]; [d; e]", ["a-1", "b", "c-2", "d", "e"]),
        ("twice [a] and [a]", ["a", "a"]),
        ("a [link](https://x.y), a [x] box, [your name here], []", []),
        ("[doc:12/3.4]", ["doc:12/3.4"]),
    ],
)
def test_citations(text: str, ids: list[str]) -> None:
    assert citations(text) == ids


def test_citations_are_stripped_with_their_space_and_nothing_else() -> None:
    assert strip_citations("It is so [a-1]. See [this](u) and [no id here] [b].") == (
        "It is so. See [this](u) and [no id here]."
    )


@given(st.text("ab [],-1(x", max_size=40))
def test_stripped_text_cites_nothing_it_cited(text: str) -> None:
    assert len(citations(strip_citations(text))) <= len(citations(text))


def test_quotes() -> None:
    assert quotes('He said "hold on", “wait here” and « ici ».') == ["hold on", "wait here", "ici"]
    assert quotes("a 5\" screen and it's 'fine'") == []
