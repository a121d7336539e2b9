"""Hidden and turned back: the identity for any text; equal data hide alike; nothing found survives."""

import json
import re
from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trimtab.curate.privacy import PrivacyConfig, hide, restore
from trimtab.curate.privacy.known import any_of
from trimtab.curate.privacy.stage import finder
from trimtab.text import Span

FIND = finder(PrivacyConfig())
DATA = (
    "(555) 123-4567", "555-123-4567", "ann@x.org", "Ann@X.org", "4111 1111 1111 1111", "GB82WEST12345698765432", "1",
    " ", "call 5551234567", "10.1.2.3", "<PHONE_1>", "<EMAIL_2>", "<PHONE_1", "PHONE_1>", "5551234567",
)  # fmt: skip
TEXTS = st.one_of(st.text(max_size=20), st.lists(st.sampled_from([*DATA, *" ,.@+-x1"]), max_size=8).map("".join))
NUMBERS = st.one_of(st.integers(), st.just(5551234567), st.floats(allow_nan=False), st.booleans(), st.none())
KEYS = st.one_of(st.sampled_from(["content", "phone", "labels", "tools"]), TEXTS)
ROWS = st.recursive(
    st.one_of(TEXTS, NUMBERS),
    lambda inner: st.one_of(st.lists(inner, max_size=4), st.dictionaries(KEYS, inner, max_size=4)),
    max_leaves=12,
)


def test_equal_data_hide_alike_in_texts_calls_and_numbers() -> None:
    row = {
        "messages": [
            {"role": "user", "content": "Call me on (555) 123-4567 or write to ann@x.org"},
            {
                "role": "assistant",
                "content": "",
                "tool_calls": [{"function": {"name": "dial", "arguments": {"phone": 5551234567, "to": ["ann@x.org"]}}}],
            },
            {"role": "tool", "content": '{"dialled": "555-123-4567"}'},
        ],
        "provenance": {"comment": "ann@x.org was not content"},
    }
    hidden = hide(row, FIND)
    assert hidden is not None
    user, call, result = hidden.value["messages"]
    assert user["content"] == "Call me on <PHONE_1> or write to <EMAIL_1>"
    assert call["tool_calls"][0]["function"]["arguments"] == {"phone": "<PHONE_1>", "to": ["<EMAIL_1>"]}
    assert result["content"] == '{"dialled": "<PHONE_1>"}'
    assert hidden.value["provenance"]["comment"] == "<EMAIL_1> was not content"
    assert hidden.mapping == {"<PHONE_1>": ["(555) 123-4567", 5551234567, "555-123-4567"], "<EMAIL_1>": ["ann@x.org"]}
    assert restore(hidden.value, hidden.mapping) == row


def test_what_one_place_gives_away_goes_in_all_others() -> None:
    """`5551234567` alone is no telephone number; after `call me on` it is, and then it is one everywhere."""
    hidden = hide(["call me on 5551234567", "order 5551234567x, 555 123 4567", {"n5551234567": 1}], FIND)
    assert hidden is not None
    assert hidden.value == ["call me on <PHONE_1>", "order <PHONE_1>x, <PHONE_1>", {"n<PHONE_1>": 1}]


@given(ROWS)
def test_hidden_and_turned_back_is_the_identity(row: Any) -> None:
    hidden = hide(row, FIND)
    if hidden is not None:
        through = json.loads(json.dumps(hidden.value))
        assert json.dumps(restore(through, hidden.mapping)) == json.dumps(row)


@given(ROWS)
def test_hiding_twice_is_hiding_once(row: Any) -> None:
    hidden = hide(row, FIND)
    assert hidden is None or hide(hidden.value, FIND) is None


@given(ROWS)
def test_no_hidden_datum_survives_anywhere_in_the_row(row: Any) -> None:
    hidden = hide(row, FIND)
    if hidden is not None:
        left = json.dumps(hidden.value, ensure_ascii=False)
        originals = {str(one) for writings in hidden.mapping.values() for one in writings}
        assert not [one for one in originals if len(one) > 5 and json.dumps(one, ensure_ascii=False)[1:-1] in left]


def test_a_text_that_looks_like_a_placeholder_stays_itself() -> None:
    row = ["the form says <PHONE_1>", "call 555-123-4567"]
    hidden = hide(row, FIND)
    assert hidden is not None
    assert hidden.value == ["the form says <PHONE_1>", "call <PHONE_2>"]
    assert restore(hidden.value, hidden.mapping) == row


def test_a_row_without_personal_data_is_not_touched() -> None:
    assert hide({"content": "Order ORD-123-456-7890 comes on 21 January 2024.", "n": 7}, FIND) is None


def test_two_keys_never_become_one() -> None:
    row = {"(555) 123-4567": 1, "555-123-4567": 2}
    hidden = hide(row, FIND)
    assert hidden is not None
    assert hidden.value == {"<PHONE_1>": 1, "<PHONE_2>": 2}
    assert restore(hidden.value, hidden.mapping) == row


def test_a_row_changed_since_gets_first_writings() -> None:
    hidden = hide(["(555) 123-4567", "555-123-4567"], FIND)
    assert hidden is not None
    assert restore([*hidden.value, "<PHONE_1>!"], hidden.mapping) == ["(555) 123-4567"] * 2 + ["(555) 123-4567!"]


def test_a_recogniser_of_names_is_asked_and_its_words_go_as_words() -> None:
    def names(text: str) -> Sequence[Span]:
        at = text.find("Al Gray")
        return [Span(at, at + 7, "person", "Al Gray"), Span(at, at + 2, "person", "Al")] if at >= 0 else []

    hidden = hide(["I am Al Gray (al@x.org)", "Almost, Al Gray", "AlGray"], finder(PrivacyConfig(), [names]))
    assert hidden is not None
    assert hidden.value == ["I am <PERSON_1> (<EMAIL_1>)", "Almost, <PERSON_1>", "AlGray"]


@pytest.mark.parametrize("aside", [("tools",), ()])
def test_below_what_is_set_aside_nothing_is_looked_for_but_what_was_found_goes(aside: tuple[str, ...]) -> None:
    row = {"content": "mail ann@x.org", "tools": "such as ann@x.org or bob@x.org"}
    hidden = hide(row, FIND, aside=aside)
    assert hidden is not None
    assert hidden.value["tools"] == f"such as <EMAIL_1> or {'bob@x.org' if aside else '<EMAIL_2>'}"


@given(st.lists(st.text("ab1", min_size=1, max_size=5), min_size=1, max_size=8), st.text("ab1 -", max_size=12))
def test_the_shared_search_finds_what_a_plain_alternation_would(texts: list[str], said: str) -> None:
    plain = sorted(set(texts), key=len, reverse=True)
    for between in ("", "[ -]{0,2}"):
        slow = re.compile("|".join(between.join(text) for text in plain))
        fast = re.compile(any_of(list(dict.fromkeys(texts)), between))
        assert [match.span() for match in fast.finditer(said)] == [match.span() for match in slow.finditer(said)]


def test_a_row_full_of_data_costs_no_quadratic_time() -> None:
    mails = [f"user{number}@mail.example" for number in range(3000)]
    row = [" ".join(mails), {"calls": [f"+44 20 79{number:06}" for number in range(3000)]}, "plain words " * 5000]
    hidden = hide(row, FIND)
    assert hidden is not None
    assert len(hidden.mapping) == 6000
    assert restore(hidden.value, hidden.mapping) == row


def test_a_key_is_a_cue_for_what_stands_under_it() -> None:
    hidden = hide({"arguments": {"phone": "5551234567", "order": "5557654321", "mobile": [5550001111]}}, FIND)
    assert hidden is not None
    assert hidden.value["arguments"] == {"phone": "<PHONE_1>", "order": "5557654321", "mobile": ["<PHONE_2>"]}


def test_a_writing_met_on_the_way_is_known_too() -> None:
    """`5551234567` is known only as the number that `(555) 123-4567` is; glued to other digits it goes nevertheless."""
    hidden = hide(["(555) 123-4567", "5551234567", "id995551234567"], FIND)
    assert hidden is not None
    assert hidden.value == ["<PHONE_1>", "<PHONE_1>", "id99<PHONE_1>"]
