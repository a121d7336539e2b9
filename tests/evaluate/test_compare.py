"""Two scorecards differ case by case, with an interval, and only on the same suite."""

import pytest

from trimtab.evaluate import compare
from trimtab.records import Direction, Metric, Scorecard, UserError
from trimtab.stats import paired_interval


def card(
    scores: dict[str, float],
    *,
    suite: str = "s",
    direction: Direction = "higher",
    clusters: dict[str, str] | None = None,
) -> Scorecard:
    value = sum(scores.values()) / len(scores)
    metric = Metric(value, len(scores), 0, 1, "share", direction)
    return Scorecard("sealed", suite, "r", {"m": metric}, {"m": scores}, clusters or {})


OLD = {f"c{i}": float(i < 10) for i in range(40)}
NEW = {f"c{i}": float(i < 30) for i in range(40)}


def test_a_change_is_paired() -> None:
    (change,) = compare(card(OLD), card(NEW))
    plain = paired_interval(list(NEW.values()), list(OLD.values()))
    assert (change.before, change.after, change.delta, change.n) == (0.25, 0.75, 0.5, 40)
    assert (change.low, change.high) == (plain.low, plain.high)
    assert change.verdict == "better"


@pytest.mark.parametrize(
    ("direction", "verdict", "back"),
    [("higher", "better", "worse"), ("lower", "worse", "better"), ("none", "moved", "moved")],
)
def test_the_direction_says_what_better_is(direction: Direction, verdict: str, back: str) -> None:
    assert compare(card(OLD), card(NEW, direction=direction))[0].verdict == verdict
    assert compare(card(NEW), card(OLD, direction=direction))[0].verdict == back


def test_a_card_against_itself_is_the_same() -> None:
    (change,) = compare(card(OLD), card(OLD))
    assert (change.delta, change.verdict) == (0, "same")
    assert change.low < 0 < change.high


def test_only_cases_scored_in_both_count() -> None:
    (change,) = compare(card(OLD), card(dict(list(NEW.items())[:10])))
    assert (change.n, change.before, change.after) == (10, 1, 1)
    assert compare(card({"a": 1.0}), card({"b": 1.0})) == []


def test_clusters_widen() -> None:
    clusters = {f"c{i}": str(i // 8) for i in range(40)}
    (alone,), (together,) = compare(card(OLD), card(NEW)), compare(card(OLD), card(NEW, clusters=clusters))
    assert together.high - together.low > alone.high - alone.low


def test_different_suites_do_not_compare() -> None:
    with pytest.raises(UserError, match="different suites"):
        compare(card(OLD), card(NEW, suite="t"))
