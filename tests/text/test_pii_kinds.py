"""Each kind of number is told by its check digits or by a cue, and what lacks either stays."""

import hashlib
import itertools
import random
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trimtab.text import ALL_KINDS, DEFAULT_KINDS, Span, pii_spans, scrub
from trimtab.text.pii import checksums
from trimtab.text.pii.find import joined

FOUND = [
    ("ITIN", "912-78-1234", ""),
    ("AADHAAR", "2345 6789 0124", ""),
    ("AADHAAR", "234567890124", "Aadhaar number "),
    ("PAN", "ABCPE1234F", ""),
    ("NINO", "AB 12 34 56 C", ""),
    ("NIF", "12345678Z", ""),
    ("NIF", "X1234567L", ""),
    ("FISCAL", "RSSMRA85T10A562S", ""),
    ("NRIC", "S1234567D", ""),
    ("NHS", "943 476 5919", "my NHS number is "),
    ("TFN", "123 456 782", "TFN: "),
    ("ABN", "51 824 753 556", "ABN "),
    ("PESEL", "44051401359", "PESEL: "),
    ("SIN", "046 454 286", "social insurance number "),
    ("IMEI", "490154203237518", "IMEI "),
    ("ROUTING", "111000025", "routing number "),
    ("MEDICAL", "AB1234563", "DEA "),
    ("PASSPORT", "P12345678", "passport no. "),
    ("LICENCE", "D1234-56789-01234", "driver's license "),
    ("BANK", "12345678", "account number: "),
    ("MAC", "00:1B:44:11:3a:b7", ""),
    ("CRYPTO", "1A1zP1eP5QGefi2DMPTfTL5SLmv7DivfNa", ""),
    ("CRYPTO", "bc1qw508d6qejxtdg4y5r3zarvary0c5xw7kv8f3t4", ""),
    ("CRYPTO", "0x52908400098527886E0F7030069857D2E4169EE7", ""),
    ("CARD", "213176828496175", ""),
    ("CARD", "503867297114", ""),
    ("CARD", "060426070011", "my credit card "),
    ("PHONE", "481 7531", "they do not answer at "),
    ("PHONE", "25-62-29-72", "call her on "),
    ("PHONE", "(64) 3591-3246", ""),
    ("PHONE", "5403926876", "Desk: "),
    ("URL", "https://shop.example/a?b=c", ""),
    ("URL", "www.shop.example", ""),
    ("URL", "shop.co.uk/help", ""),
    ("DATE", "21 January 2024", ""),
    ("DATE", "Jan. 5th, 2024", ""),
    ("DATE", "2024-05-01T12:30:45Z", ""),
    ("DATE", "7/5/1970", ""),
    ("DATE", "7/5/70", ""),
    ("DATE", "Monday, 3 March at 5:30 pm", ""),
    ("DATE", "Wednesday", "we meet "),
    ("YEAR", "1990", "founded in "),
    ("YEAR", "2016", "the Civil Rights Act of "),
]


@pytest.mark.parametrize(("kind", "datum", "cue"), FOUND)
def test_each_kind_is_found_whole_and_alone(kind: str, datum: str, cue: str) -> None:
    for text in (f"{cue}{datum}", f"Well: {cue}{datum}, really.", f"({cue}{datum})"):
        assert [(span.kind, span.text) for span in pii_spans(text, ALL_KINDS)] == [(kind, datum)], text


@pytest.mark.parametrize(("kind", "datum", "cue"), [row for row in FOUND if row[2] and row[0] not in ("DATE", "CARD")])
def test_without_its_cue_a_weak_shape_is_nothing_of_the_kind(kind: str, datum: str, cue: str) -> None:
    assert kind not in {span.kind for span in pii_spans(f"It says {datum} there", ALL_KINDS)}


@pytest.mark.parametrize(
    "text",
    [
        "commit 3f66e734e4892d3b6b692c3d768df675",
        "item 6754 9823 6519 3456",
        "2345 6789 0125 fails Verhoeff",
        "12345678A fails its letter",
        "13/13/2024 or 31.31.2024 or 2024-13-01",
        "the last Sunday of May, the 1990s, at 5:30",
        "2000 apples and 1999 pears, from 2000 apples",
        "std.mem and e.g. node.js or main.rs",
        "1A1zP1eP5QGefi2DMPTfTL5SLmv7DivfNb",
        "bc1qw508d6qejxtdg4y5r3zarvary0c5xw7kv8f3t5",
        "4 out of 5 may march on",
    ],
)
def test_what_only_looks_like_a_kind_stays(text: str) -> None:
    assert scrub(text, ALL_KINDS) == text


def test_dates_years_and_pages_are_hidden_by_nobody_unasked() -> None:
    text = "delivered on 21 January 2024, see https://shop.example, founded in 1990"
    assert scrub(text) == text
    assert scrub(text, ALL_KINDS) == "delivered on <DATE_1>, see <URL_1>, founded in <YEAR_1>"
    assert {"DATE", "YEAR", "URL"} == ALL_KINDS - DEFAULT_KINDS


def test_only_what_is_asked_for_is_found_and_may_then_take_the_place_of_another() -> None:
    text = "account number 555-123-4567"
    assert [span.kind for span in pii_spans(text)] == ["PHONE"]
    assert [span.kind for span in pii_spans(text, ["BANK"])] == ["BANK"]
    assert pii_spans(text, []) == []


def test_a_users_recogniser_adds_what_patterns_cannot_find_and_overlaps_are_settled() -> None:
    def names(text: str) -> list[Span]:
        return [Span(0, 3, "PERSON", "Ann"), Span(4, 8, "PERSON", "ann@")]

    def words(text: str) -> list[Span]:
        return [Span(2, 4, "WORD", "n "), Span(13, 13, "WORD", ""), Span(14, 17, "WORD", "and")]

    found = pii_spans("Ann ann@x.org and more", recognisers=[names, words])
    assert [(span.kind, span.text) for span in found] == [("PERSON", "Ann"), ("EMAIL", "ann@x.org"), ("WORD", "and")]


@given(st.lists(st.tuples(st.integers(0, 20), st.integers(0, 6)), max_size=8))
def test_joined_spans_are_in_order_and_apart(places: list[tuple[int, int]]) -> None:
    spans = [Span(start, start + length, "X", "") for start, length in places]
    kept = joined([], spans)
    assert all(one.end <= other.start for one, other in itertools.pairwise(kept))
    assert all(
        any(span.start < one.end and one.start < span.end for one in kept) for span in spans if span.end > span.start
    )


CHECKED: list[tuple[Callable[[str], bool], str]] = [
    (checksums.luhn, "4111111111111111"),
    (checksums.verhoeff, "234567890124"),
    (checksums.nhs, "9434765919"),
    (checksums.tfn, "123456782"),
    (checksums.abn, "51824753556"),
    (checksums.pesel, "44051401359"),
    (checksums.aba, "111000025"),
    (checksums.dea, "1234563"),
]


@pytest.mark.parametrize(("check", "number"), CHECKED)
def test_one_wrong_digit_is_noticed(check: Callable[[str], bool], number: str) -> None:
    assert check(number)
    wrong = [number[:i] + str((int(digit) + 1) % 10) + number[i + 1 :] for i, digit in enumerate(number)]
    assert sum(check(one) for one in wrong) <= 1  # weights that share a factor with the modulus miss one


def test_base58_is_checked_as_the_slow_twin_does() -> None:
    """Addresses made here, by the book; one letter changed, none is an address."""
    alphabet, chooser = "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz", random.Random(0)
    for _ in range(20):
        body = b"\0" + chooser.randbytes(20)
        number = int.from_bytes(body + hashlib.sha256(hashlib.sha256(body).digest()).digest()[:4], "big")
        address = ""
        while number:
            number, digit = divmod(number, 58)
            address = alphabet[digit] + address
        address = "1" + address
        assert checksums.wallet(address)
        assert not checksums.wallet(address[:-1] + alphabet[(alphabet.index(address[-1]) + 1) % 58])
