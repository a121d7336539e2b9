"""No annotator keeps more than the set share of the weight, and every lowered weight is named."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.curate.preferences.builders import pair, placed

from trimtab.curate.preferences.config import AnnotatorsConfig
from trimtab.curate.preferences.pairs import annotators_of, pair_of, weight_of
from trimtab.curate.preferences.shares import capped


@given(st.lists(st.lists(st.sampled_from("abcd"), max_size=3, unique=True), min_size=1, max_size=40), st.floats(0.3, 1))
@settings(max_examples=100, deadline=None)
def test_the_cap_holds_where_it_can_and_lowers_nobody_else(signed: list[list[str]], share: float) -> None:
    rows = placed(*(pair("a", "b", f"q{i}", who) for i, who in enumerate(signed)))
    after, repairs, findings = capped(rows, AnnotatorsConfig(max_share=share))
    totals: dict[str, float] = {}
    for row in map(pair_of, after):
        assert 0 < weight_of(row) <= 1
        for name in annotators_of(row):
            totals[name] = totals.get(name, 0.0) + weight_of(row) / len(row.annotators)
    changed = [old.line for old, new in zip(rows, after, strict=True) if old != new]
    assert [repair.line for repair in repairs] == changed
    if not totals:
        assert findings == {}
        return
    assert findings["annotators"] == len(totals)
    if len(totals) * share > 1.001:
        assert findings["largest"] <= share + 1e-6
        assert findings["holds"]
    assert 1 - 1e-9 <= findings["effective_before"] <= len(totals) + 1e-9


def test_a_busy_annotator_is_lowered_to_the_cap() -> None:
    rows = placed(
        *(pair("a", "b", f"q{i}", ["busy"]) for i in range(8)), pair("a", "b", "x", ["p"]), pair("a", "b", "y", ["q"])
    )
    after, repairs, findings = capped(rows, AnnotatorsConfig(max_share=0.5))
    assert [weight_of(pair_of(row)) for row in after] == [0.25] * 8 + [1, 1]
    assert (findings["largest_before"], findings["largest"]) == (0.8, 0.5)
    assert findings["effective"] == pytest.approx(16 / 6)
    assert len(repairs) == 8


def test_two_people_cannot_be_held_to_half_and_one_person_to_anything() -> None:
    rows = placed(*(pair("a", "b", f"q{i}", ["busy"]) for i in range(8)), pair("a", "b", "x", ["p"]))
    after, repairs, findings = capped(rows, AnnotatorsConfig(max_share=0.5))
    assert (after, repairs, findings["holds"]) == (rows, [], False)
