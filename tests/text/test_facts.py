"""Numbers, names and content words compare whatever their dress."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trimtab.text import content_words, entities, number_spans, numbers


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("1,000 and 1000.0", {"1000"}),
        ("$12.50, €3 and 5%", {"12.5", "3", "5"}),
        ("a 30-day trial of 20kg", {"30", "20"}),
        ("order AB-1234, model A4, COVID-19", set()),
        ("it fell to -3.0", {"-3"}),
        ("items 1,2 and 12,345,678", {"1", "2", "12345678"}),
        ("six to nine days, seventy-two hours, no one", {"6", "9", "72"}),
        ("007 and 0.50", {"7", "0.5"}),
        ("It is so [7].", set()),
        ("none", set()),
    ],
)
def test_numbers(text: str, found: set[str]) -> None:
    assert numbers(text) == found


@pytest.mark.parametrize(
    ("text", "pieces"),
    [
        ("it fell by 1,000.50 to -3", [("1,000.50", "1000.5"), ("-3", "-3")]),
        ("Six of AB-1234 [p7], 20kg [9]", [("Six", "6"), ("20", "20")]),
        ("a [2](link) and seventy-two", [("2", "2"), ("seventy-two", "72")]),
    ],
)
def test_numbers_are_found_where_they_stand(text: str, pieces: list[tuple[str, str]]) -> None:
    assert [(text[start:end], value) for start, end, value in number_spans(text)] == pieces


@given(st.text(max_size=60))
def test_the_spans_have_the_numbers_of_a_text_without_citations(text: str) -> None:
    text = text.replace("[", "(")
    assert {value for _, _, value in number_spans(text)} == numbers(text)


@given(st.integers(-(10**9), 10**9))
def test_a_number_reads_the_same_with_separators(value: int) -> None:
    assert numbers(f"it is {value:,} now") == numbers(f"it is {value}.0 now") == {str(value)}


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("The Osprey costs more.", {"Osprey"}),
        ("Your Osprey Plus is here.", {"Osprey Plus"}),
        ("We bank with the Bank of England.", {"Bank of England"}),
        ("Order AB-1234 and USB-C.", {"AB-1234", "USB-C"}),
        ("Returns are free. They take days.", set()),
        ("I asked Ben's aunt in Lyon.", {"Ben", "Lyon"}),
        ("NASA flew. IPhones fly.", {"NASA", "IPhones"}),
        ("He owns an iPhone.", {"iPhone"}),
        ("all small [Wren-1]", set()),
    ],
)
def test_entities(text: str, found: set[str]) -> None:
    assert entities(text) == found


def test_content_words_meet_across_inflection() -> None:
    assert content_words("Returned items are shipped") == content_words("return item ships")
    assert content_words("pricing") == content_words("prices") == content_words("priced")
    assert content_words("It is not what you would have.") == set()
    assert content_words("the guarantee [war-1]") == content_words("guarantees")


def test_different_words_stay_apart() -> None:
    assert not content_words("gas canister") & content_words("petrol bottle")
