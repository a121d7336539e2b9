"""A question's surface varies around its words, and never inside them."""

import random

from hypothesis import given
from hypothesis import strategies as st

from trimtab.templates.generator.phrases import ORDER_ID, dress, endless, number_word, phrases

_WORDINGS = phrases("train")


@given(st.integers(0, 10_000), st.sampled_from(_WORDINGS["missing"] + _WORDINGS["clarify"]["order"]))
def test_the_question_stands_in_the_text_word_for_word(seed: int, core: str) -> None:
    dressed = dress(core, _WORDINGS, random.Random(seed))
    assert dressed.core in dressed.text
    assert dressed.core.lower() == core.rstrip(".?!").lower()


@given(st.integers(0, 10_000))
def test_amounts_are_never_touched(seed: int) -> None:
    dressed = dress("what is $24.50 plus $3", _WORDINGS, random.Random(seed))
    assert "$24.50 plus $3" in dressed.text


def test_order_numbers_are_mostly_left_as_they_are() -> None:
    texts = [dress("where is AB-12345", _WORDINGS, random.Random(seed)).text for seed in range(300)]
    assert 0 < sum(ORDER_ID.search(text) is None for text in texts) < 30
    assert all("ab-12345" in text.lower() for text in texts)


def test_casual_writing_slips_and_greetings_all_occur() -> None:
    texts = [dress("Where is it", _WORDINGS, random.Random(seed)).text for seed in range(300)]
    assert any(text == text.lower() for text in texts)
    assert any(text.startswith("Hi") for text in texts)
    assert any("thx" in text for text in texts)
    assert len(set(texts)) > 150


def test_everything_is_used_before_anything_is_used_twice() -> None:
    drawn = endless("abcde", random.Random(0))
    assert sorted(next(drawn) for _ in range(5)) == list("abcde")


def test_numbers_are_now_and_then_words() -> None:
    words = {number_word(3, random.Random(seed)) for seed in range(40)}
    assert words == {"3", "three"}
    assert number_word(12, random.Random(0)) == "12"
