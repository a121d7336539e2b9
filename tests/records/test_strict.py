"""Strict JSON is JSON as everybody reads it, less what some readers let through in silence."""

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from trimtab.records import strict_loads
from trimtab.records.strict import DEEPEST

VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**53) + 1, 2**53 - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(exclude_categories=["Cs"])),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(st.characters(exclude_categories=["Cs"])), inner),
    max_leaves=12,
)


@settings(max_examples=150, deadline=None, database=None, derandomize=True)
@given(VALUES, st.booleans())
def test_what_is_sound_is_read_as_json_reads_it(value: Any, ascii_only: bool) -> None:
    text = json.dumps(value, ensure_ascii=ascii_only)
    assert repr(strict_loads(text)) == repr(json.loads(text))


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ('{"a": 1, "a": 1}', "'a' stands twice"),
        ('[{"b": {"a": 1, "a": 2}}]', "'a' stands twice"),
        ("[NaN]", "NaN is no JSON"),
        ("-Infinity", "-Infinity is no JSON"),
        ("9007199254740992", "beyond 2\\*\\*53"),
        ("-" + "9" * 5000, "beyond 2\\*\\*53"),
        ("1e309", "too large"),
        ('"\\udc00"', "lone surrogate .udc00"),
        ('{"\\ud800": 1}', "lone surrogate .ud800"),
        ("[" * (DEEPEST + 1) + "]" * (DEEPEST + 1), "nested more than"),
        ('"a\0b"', "NUL byte"),
        ("{'a': 1}", "Expecting property name"),
    ],
)
def test_what_others_let_through_is_refused_with_its_reason(text: str, reason: str) -> None:
    with pytest.raises(ValueError, match=reason):
        strict_loads(text)


def test_pairs_of_surrogates_the_largest_integer_and_brackets_in_text_are_sound() -> None:
    assert strict_loads('"\\ud83e\\udd82"') == "🦂"
    assert strict_loads("9007199254740991") == 2**53 - 1
    assert strict_loads(json.dumps("[" * 500)) == "[" * 500
    assert strict_loads("[" * DEEPEST + "]" * DEEPEST)
