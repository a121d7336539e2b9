"""Personal data is found whole and checked; what only looks like it stays."""

import itertools
import random
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trimtab.text import ALL_KINDS, DEFAULT_KINDS, pii_spans, scrub
from trimtab.text.pii.find import KINDS
from trimtab.text.pii.kind import START


@pytest.mark.parametrize(
    ("kind", "datum"),
    [
        ("EMAIL", "jo.o'neil+tag@mail.example.co.uk"),
        ("EMAIL", "josé@exämple.org"),
        ("IBAN", "GB82 WEST 1234 5698 7654 32"),
        ("IBAN", "DE89370400440532013000"),
        ("IBAN", "NL91 ABNA 0417 1643 00"),
        ("CARD", "4111 1111 1111 1111"),
        ("CARD", "378282246310005"),
        ("CARD", "5555-5555-5555-4444"),
        ("SSN", "123-45-6789"),
        ("IP", "192.168.1.254"),
        ("IP", "2001:db8::8a2e:370:7334"),
        ("PHONE", "+44 20 7946 0958"),
        ("PHONE", "+1 (555) 123-4567"),
        ("PHONE", "(555) 123-4567"),
        ("PHONE", "555-123-4567"),
        ("PHONE", "001-786-283-9217x123"),
        ("PHONE", "0161 496 0123"),
        ("PHONE", "01.23.45.67.89"),
    ],
)
def test_each_kind_is_found_whole(kind: str, datum: str) -> None:
    for text in (datum, f"It is {datum}, really.", f"({datum})", f"Write to {datum}. Thanks"):
        assert [(span.kind, span.text) for span in pii_spans(text)] == [(kind, datum)], text


def test_a_cue_makes_a_run_of_digits_a_telephone() -> None:
    assert scrub("call me on 5551234567 please") == "call me on <PHONE_1> please"
    assert scrub("order 5551234567 please") == "order 5551234567 please"


@pytest.mark.parametrize(
    "text",
    [
        "4111 1111 1111 1112 fails Luhn",
        "GB82 WEST 1234 5698 7654 33 fails mod 97",
        "at 12:30:45 on 01-02-2024 or 2024-05-01",
        "order ORD-123-456-7890 and #123-456-7890",
        "$1,234,567,890 or 100 000 000",
        "version 1.2.3.4.5 or 300.1.2.3",
        "the ratio 0.123456789",
        "std::move and a::b",
        "000-12-3456 was never issued",
        "See https://example.org/a?b=c for more",
        "AB-12345 six to nine 2024",
        "",
    ],
)
def test_what_only_looks_like_it_stays(text: str) -> None:
    assert scrub(text) == text


def test_equal_data_get_equal_numbers_in_one_text() -> None:
    text = "a@b.org, c@d.org, A@B.org; (555) 123-4567 is 555-123-4567"
    assert scrub(text) == "<EMAIL_1>, <EMAIL_2>, <EMAIL_1>; <PHONE_1> is <PHONE_1>"


def test_the_surer_kind_wins_and_a_failed_check_falls_through() -> None:
    assert [span.kind for span in pii_spans("call 4111 1111 1111 1111")] == ["CARD"]
    assert [span.kind for span in pii_spans("mail 10.0.0.1@example.org")] == ["EMAIL"]


@given(st.text("a1@.-+ ()05:GB4\n", max_size=80))
def test_spans_are_in_order_apart_and_as_written(text: str) -> None:
    spans = pii_spans(text)
    assert all(text[span.start : span.end] == span.text for span in spans)
    assert all(one.end <= other.start for one, other in itertools.pairwise(spans))
    assert scrub(scrub(text)) == scrub(text) or "@" in scrub(text)


PIECES = (
    "x@y.org", "4111 1111 1111 1111", "123-45-6789", "10.1.2.3", "+44 20 7946 0958", "call 5551234", "A1", "::1", "1",
    "bc1", "fe80::", "aa:bb:cc:dd:ee:ff", "GB82WEST12345698765432", "1A1zP1eP5QGefi2DMPTfTL5SLmv7DivfNa",
    "2345 6789 0124", "X1234567L", "passport AB1234567", "call me on (99) 645-791", "21 January 2024", "May", "in 2016",
    "at 5:30", "Monday, 3 March", "www.a.org", "https://b.example/c?d", "e.com", "Account number 12345678", "7/5/1970",
    "driver's licence D1234-56789", "QQ 12 34 56 C", "AB 12 34 56 C", "0x" + "1aB2c3D4" * 5, "\\n4111111111111111",
    "imei 49 015420 323751 8",
)  # fmt: skip


@pytest.mark.parametrize("kinds", [ALL_KINDS, DEFAULT_KINDS, frozenset({"PHONE"}), frozenset({"DATE", "URL"})])
def test_the_combined_pass_finds_what_kind_after_kind_would(kinds: frozenset[str]) -> None:
    """The slow twin: at each place, each kind in turn."""
    chooser = random.Random(0)
    for _ in range(150):
        text = chooser.choice([" ", ", ", " and ", ""]).join(chooser.choices(PIECES, k=5))
        assert [(span.start, span.kind, span.text) for span in pii_spans(text, kinds)] == _slowly(text, kinds), text


@given(st.lists(st.sampled_from([*PIECES, *"+(:-. @aF1\n"]), max_size=9).map("".join))
def test_no_hint_hides_what_a_pattern_would_find(text: str) -> None:
    assert [(span.start, span.kind, span.text) for span in pii_spans(text, ALL_KINDS)] == _slowly(text, ALL_KINDS)


def _slowly(text: str, kinds: frozenset[str]) -> list[tuple[int, str, str]]:
    found, i = [], 0
    patterns = [(kind, re.compile(START + f"(?:{kind.pattern})")) for kind in KINDS if kind.name in kinds]
    while i < len(text):
        for kind, pattern in patterns:
            match = pattern.match(text, i)
            length = kind.check(match) if match else 0
            if length:
                found.append((i, kind.name, text[i : i + length]))
                i += length - 1
                break
        i += 1
    return found


def test_a_hostile_text_takes_no_quadratic_time() -> None:
    """50 000 characters of near-misses: steps, not seconds, would explode if a pattern backtracked."""
    for bait in (
        "a." * 25_000,
        "1 " * 25_000,
        "+1" * 25_000,
        "x@" * 25_000,
        "AB12" * 12_500,
        "f:" * 25_000,
        "a." * 25_000,
    ):
        pii_spans(bait, ALL_KINDS)
