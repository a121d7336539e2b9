"""Texts that read the same have one normal form, and the form is stable."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trimtab.text import ngrams, normalise, words


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("Hello,  World!", "hello world"),
        ("ＦＵＬＬ width", "full width"),
        ("don’t", "dont"),
        ("soft\u00adhyphen zero\u200bwidth", "softhyphen zerowidth"),
        ("e\u0301t\u00e9", "été"),
        ("STRASSE", "straße"),
        ("AB-1234", "ab 1234"),
        ("a_b", "a b"),
    ],
)
def test_equal_texts_share_a_form(one: str, other: str) -> None:
    assert normalise(one) == normalise(other)


def test_different_texts_stay_different() -> None:
    assert normalise("$12.50") != normalise("$125.0")
    assert normalise("हिन्दी") != normalise("हनद")  # vowel signs are kept


@given(st.text())
def test_the_form_is_its_own_form(text: str) -> None:
    form = normalise(text)
    assert normalise(form) == form
    assert not re.search(r"\s\s|^\s|\s$", form)


@given(st.text(st.characters(codec="ascii")))
def test_the_fast_path_for_ascii_is_the_slow_one(text: str) -> None:
    slow = "".join(c if c.isalnum() else "" if c in "'`" else " " for c in text.lower())
    assert normalise(text) == " ".join(slow.split())


def test_signs_of_scripts_without_spaces_are_words() -> None:
    assert words("退货 OK 你好") == ["退", "货", "ok", "你", "好"]


@given(st.lists(st.sampled_from("abc"), max_size=12), st.integers(1, 5))
def test_ngrams_are_every_window(tokens: list[str], n: int) -> None:
    plain = {" ".join(tokens[i : i + n]) for i in range(len(tokens)) if i + n <= len(tokens)}
    assert ngrams(tokens, n) == plain


def test_an_ngram_has_a_word() -> None:
    with pytest.raises(ValueError, match="at least 1"):
        ngrams(["a"], 0)
