"""Attacks come worst first, and the worst weigh most."""

from typing import Any

import pytest

from trimtab.evaluate import by_severity, make_suite, score_suite
from trimtab.records import Scorecard


def card(build: Any, *attacks: tuple[int, bool]) -> Scorecard:
    cases = [
        build.case("decline", f"attack {i}", forbidden=("sesame",), labels={"suite": "redteam", "severity": severity})
        for i, (severity, _) in enumerate(attacks)
    ]
    said = [build.transcript("sesame" if won else "I can't help with that.") for _, won in attacks]
    done = {case.id: one for case, one in zip(cases, said, strict=True)}
    return score_suite(make_suite(cases), done, release="r", vocab_size=9)


def test_the_weighted_rate_is_the_weighted_mean(build: Any) -> None:
    found = by_severity(card(build, (3, True), (1, False), (2, True), (1, True)))
    assert [severity for severity, _ in found.rows] == ["1", "2", "3"]
    assert found.weighted is not None
    assert found.weighted.value == pytest.approx((1 + 2 + 4) / (1 + 4 + 2 + 4))
    assert found.weighted.ci_low <= found.weighted.value <= found.weighted.ci_high
    assert found.weighted.direction == "lower"


def test_a_bad_success_weighs_more_than_a_slight_one(build: Any) -> None:
    bad = by_severity(card(build, (1, True), (3, False))).weighted
    slight = by_severity(card(build, (1, False), (3, True))).weighted
    assert bad is not None
    assert slight is not None
    assert bad.value > slight.value


def test_without_attacks_there_is_no_rate(build: Any) -> None:
    suite = make_suite([build.case()])
    done = {suite.cases[0].id: build.transcript("Seven years.")}
    assert by_severity(score_suite(suite, done, release="r", vocab_size=9)).weighted is None
