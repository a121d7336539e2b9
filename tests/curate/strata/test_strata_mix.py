"""Strata: wildcards, partial and marginal targets; shortfalls in rows and share; no row twice unless allowed."""

from collections import Counter

import pytest
from pydantic import ValidationError

from trimtab.curate.config import MixConfig
from trimtab.curate.mix import mix, mix_stage
from trimtab.curate.place import Placed
from trimtab.records import Example, Message, UserError

BY = ("domain", "difficulty")


def rows(**counts: int) -> list[Placed]:
    """``math_hard=3``: three rows of that domain and difficulty; ``math_=3``: of unknown difficulty."""
    found = []
    for name, count in counts.items():
        domain, difficulty = name.split("_")
        labels = {"domain": domain} | ({"difficulty": difficulty} if difficulty else {})
        found += [
            Placed(Example((Message("user", f"{name} {i}"), Message("assistant", "x")), labels=labels), "set")
            for i in range(count)
        ]
    return found


def taken(found: tuple[Placed, ...], *axes: str) -> Counter[str]:
    return Counter("/".join(str(placed.row.labels.get(axis, "none")) for axis in axes) for placed in found)


FOUR = {"math_easy": 80, "math_hard": 20, "law_easy": 90, "law_hard": 10}


def test_a_wildcard_has_its_share_and_strata_within_it_keep_their_odds() -> None:
    mixed = mix(rows(**FOUR), MixConfig(by=BY, shares={"*/hard": 0.3, "*/easy": 0.7}, total=60))
    assert taken(mixed.rows, "difficulty") == {"hard": 18, "easy": 42}
    assert taken(mixed.rows, *BY)["math/hard"] == 12


def test_the_closer_pattern_wins_and_two_as_close_are_a_persons_mistake() -> None:
    config = MixConfig(by=BY, shares={"math/hard": 0.5, "*/hard": 0.1, "*/easy": 0.4}, total=40)
    assert taken(mix(rows(**FOUR), config).rows, *BY)["math/hard"] == 20
    with pytest.raises(UserError, match=r"law/hard is in \*/hard and in law/\*"):
        mix(rows(law_hard=1), MixConfig(by=BY, shares={"*/hard": 0.5, "law/*": 0.5}))


def test_partial_targets_leave_the_rest_what_is_left_where_it_is_to_be_kept() -> None:
    config = MixConfig(by=BY, shares={"math/hard": 0.1}, rest="keep", total=100)
    found = taken(mix(rows(**FOUR), config).rows, *BY)
    assert found["math/hard"] == 10
    assert sum(found.values()) == 100
    assert found["law/easy"] == 45  # 90 of the 180 others
    assert taken(mix(rows(**FOUR), config.model_copy(update={"rest": "drop", "total": 10})).rows, *BY) == {
        "math/hard": 10
    }


def test_margins_of_two_labels_are_met_together() -> None:
    config = MixConfig(
        margins={"domain": {"math": 0.6, "law": 0.4}, "difficulty": {"hard": 0.25, "easy": 0.75}}, total=80
    )
    mixed = mix(rows(**FOUR), config)
    assert taken(mixed.rows, "domain") == {"math": 48, "law": 32}
    assert taken(mixed.rows, "difficulty") == {"hard": 20, "easy": 60}
    assert {value: stratum.wanted for value, stratum in mixed.axes["difficulty"].items()} == {"hard": 20, "easy": 60}


def test_a_partial_margin_leaves_its_other_values_in_proportion() -> None:
    found = taken(mix(rows(a_x=50, b_x=30, c_x=20), MixConfig(margins={"domain": {"a": 0.2}}, total=25)).rows, "domain")
    assert found == {"a": 5, "b": 12, "c": 8}


def test_a_target_that_no_row_meets_is_short_by_all_of_it_and_the_others_get_no_more() -> None:
    config = MixConfig(by=BY, shares={"*/hard": 0.5, "math/easy": 0.5}, total=20)
    staged = mix_stage(rows(math_easy=40), config, 0)
    assert len(staged.rows) == 10
    assert staged.findings["strata"]["*/hard"]["short"] == 10
    assert staged.findings["short"] == {"rows": 10, "share": 0.5}
    assert "*/hard: add 10 rows" in staged.findings["advice"][0]


def test_no_row_stands_twice_unless_repeat_allows_it_and_then_it_is_counted() -> None:
    config = MixConfig(by=BY, shares={"math/hard": 1}, total=50)
    assert len(mix(rows(**FOUR), config).rows) == 20
    mixed = mix(rows(**FOUR), config.model_copy(update={"repeat": 2}))
    assert max(Counter(placed.key for placed in mixed.rows).values()) == 2
    stratum = mixed.strata["math/hard"]
    assert (stratum.taken, stratum.repeated, stratum.short) == (40, 20, 10)


def test_the_report_has_every_axis_and_counts_rows_of_unknown_difficulty() -> None:
    staged = mix_stage(rows(**FOUR, math_=7), MixConfig(by=BY, shares={"*/hard": 1}), 0)
    found = staged.findings
    assert set(found["axes"]) == {"domain", "difficulty"}
    assert found["axes"]["difficulty"]["none"]["had"] == 7
    assert found["axes"]["domain"]["math"]["taken"] == 20
    assert found["unknown_difficulty"] == {"had": 7, "taken": 0}
    assert len(staged.rows) + len(staged.drops) == 207


def test_shares_of_more_than_everything_are_refused() -> None:
    with pytest.raises(ValidationError, match="at most 1"):
        MixConfig(margins={"domain": {"a": 0.7, "b": 0.7}})
    with pytest.raises(ValidationError, match="at most 1"):
        MixConfig(shares={"a": 0.7, "b": 0.7}, rest="keep")
