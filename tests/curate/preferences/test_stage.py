"""The stage as the door runs it: nothing lost, nothing changed in silence, defaults that leave good rows alone."""

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.curate.preferences.builders import pair, panel, placed

from trimtab.curate import CurateConfig, Imported, Placed, Quarantine, curate
from trimtab.curate.preferences import PreferencesConfig, preference_stage
from trimtab.curate.preferences.pairs import pair_of
from trimtab.records import Comparison, Example, Message, comparison_from_json

EVERYTHING = PreferencesConfig.model_validate(
    {"balance": "reweight", "templates": {"action": "cap"}, "annotators": {"max_share": 0.3, "least_shared": 2}}
)


def test_by_default_unsigned_pairs_that_agree_pass_as_they_are() -> None:
    rows = placed(*(pair(f"good {i}", f"bad {i}", f"q{i}") for i in range(12)))
    staged = preference_stage(rows)
    assert (list(staged.rows), staged.drops, staged.repairs) == (rows, [], [])
    assert set(staged.findings) == {"shortcuts"}


@pytest.mark.parametrize("labels", [{"weight": -1}, {"weight": float("nan")}, {"weight": "2"}, {"probability": 7}])
def test_what_is_no_weight_is_left_for_training_to_refuse(labels: dict[str, Any]) -> None:
    rows = placed(*(pair(f"good {i}", f"bad {i}", f"q{i}", "xyz"[i % 3], labels=labels) for i in range(12)))
    assert preference_stage(rows, EVERYTHING).rows
    assert list(preference_stage(rows).rows) == rows


def test_other_rows_pass_and_without_pairs_there_is_nothing_to_find() -> None:
    example = Placed(Example((Message("user", "q"), Message("assistant", "a"))), "s")
    staged = preference_stage([example])
    assert (list(staged.rows), staged.findings) == ([example], {})


ROWS = st.lists(
    st.tuples(
        st.sampled_from(["p", "q"]),
        st.permutations(["one", "two longer", "ONE", " ", "three is longest of all"]),
        st.sampled_from(["", "x", "y", "z"]),
    ),
    max_size=25,
)


@given(ROWS)
@settings(max_examples=60, deadline=None)
def test_every_row_is_kept_or_dropped_and_every_change_is_named(rows: list[tuple[str, list[str], str]]) -> None:
    given_rows = placed(*(pair(texts[0], texts[1], prompt, [who] if who else []) for prompt, texts, who in rows))
    staged = preference_stage(given_rows, EVERYTHING)
    assert len(staged.rows) + len(staged.drops) == len(given_rows)
    by_line = {row.line: row for row in given_rows}
    changed = {row.line for row in staged.rows if row.row != by_line[row.line].row}
    assert changed <= {repair.line for repair in staged.repairs}
    assert preference_stage(given_rows, EVERYTHING) == staged


def test_weights_and_probabilities_last_through_the_file() -> None:
    done = curate(Imported(tuple(placed(*panel(60, 0)))), CurateConfig(preferences=EVERYTHING), Quarantine())
    assert done.comparisons
    for row in done.comparisons:
        again = comparison_from_json(row.to_json())
        assert (again.labels, again.id) == (row.labels, row.id)
        assert row.labels["weight"] > 0
        assert 0.55 <= row.labels.get("probability", 1) <= 1


def test_annotators_findings_are_in_the_doors_report() -> None:
    done = curate(Imported(tuple(placed(*panel(200, 1)))), CurateConfig(), Quarantine())
    found = done.report.to_json()["findings"]["preferences"]
    assert found["verdicts"]["careless"] == ["e"]
    assert found["shares"]["annotators"] == 5
    assert 1 <= found["shares"]["effective"] <= 5


def test_a_circle_a_contradiction_and_a_fault_each_have_their_reason() -> None:
    rows = placed(
        pair("A", "B"),
        pair("B", "C"),
        pair("C", "A"),
        pair("x", "y", "2"),
        pair("y", "x", "2"),
        pair("same", "Same", "3"),
    )
    reasons = sorted(drop.reason for drop in preference_stage(rows).drops)
    assert reasons == ["contradictory verdicts", "contradictory verdicts", "no difference", "preference cycle"]


def test_negatives_join_at_the_set_share_and_are_counted() -> None:
    examples = [
        Placed(
            Example((Message("user", f"How many in box {i}?"), Message("assistant", f"There are {40 + 3 * i}."))), "s"
        )
        for i in range(60)
    ]
    staged = preference_stage(examples, PreferencesConfig(negatives=0.5))
    made = [pair_of(row) for row in staged.rows if isinstance(row.row, Comparison)]
    assert 20 <= len(made) <= 40
    assert staged.findings["negatives"] == {"wrong number": len(made)}
    assert staged.rows[:60] == examples


def test_the_report_says_in_words_what_sounded_and_what_to_do() -> None:
    rows = [pair(f"word {'and so on ' * (i % 7 + 2)}{i}", f"brief {i}", f"q{i}") for i in range(80)]
    done = curate(Imported(tuple(placed(*rows, *panel(200, 1)))), CurateConfig(), Quarantine())
    said = "\n".join(done.report.sentences())
    assert "length alone predicts chosen" in said
    assert "data.preferences.balance" in said
    assert "e judges carelessly" in said
    assert preference_stage(placed(pair("good", "bad"))).findings.keys() == {"shortcuts"}
