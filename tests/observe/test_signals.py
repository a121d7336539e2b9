"""Signals: counts by arm that agree with a plain count, users counted once, intervals that hold the rate."""

from dataclasses import replace
from pathlib import Path
from typing import Any

from trimtab.observe import SIGNALS, SloConfig, events, signals
from trimtab.records import Feedback, Message, Timing, Trace, Verdict
from trimtab.store import Store

_SLO = SloConfig(latency_seconds=2.0)
_PLAIN = Trace("", 0.0, "", "u", "stable", "r0", (Message("user", "x"),), (), "stop", timing=Timing(total=1.0))


def _fill(store: Store, *changes: dict[str, Any]) -> None:
    for i, change in enumerate(changes):
        store.traces.add(replace(_PLAIN, id=f"t{i}", time=float(i), **change))


def test_each_kind_of_trouble_raises_its_own_signal() -> None:
    def raised(trace: Trace, *feedback: Feedback) -> list[str]:
        return [name for name, hit in events(trace, feedback, _SLO).items() if hit]

    assert raised(_PLAIN) == []
    assert raised(replace(_PLAIN, error="boom", timing=Timing(total=9.0))) == ["error"]
    assert raised(replace(_PLAIN, error="too long", finish="invalid")) == []
    assert raised(replace(_PLAIN, timing=Timing(total=2.1))) == ["slow"]
    assert raised(replace(_PLAIN, verdicts=(Verdict("g", "allow"), Verdict("g", "modify")))) == ["guard_trip"]
    assert raised(_PLAIN, Feedback("f", "", 0.0, thumb=True)) == []
    for said in (Feedback("f", "", 0.0, thumb=False), Feedback("f", "", 0.0, edit="x")):
        assert raised(_PLAIN, said) == ["complaint"]
    assert raised(_PLAIN, Feedback("f", "", 0.0, severity=1, escalated=True)) == ["complaint", "incident"]
    assert set(SIGNALS) == set(events(_PLAIN, (), _SLO))


def test_arms_are_counted_apart_with_intervals(tmp_path: Path) -> None:
    with Store.open(tmp_path) as store:
        canary = {"arm": "canary", "release": "r1"}
        _fill(store, canary, canary | {"error": "boom"}, {}, {"timing": Timing(first_token=0.5, total=3.0)})
        store.feedback.add(Feedback("f", "t0", 0.0, severity=1))
        stable, candidate = signals(store, now=4.0, slo=_SLO)
        assert [(arm.release, arm.arm, arm.requests) for arm in (stable, candidate)] == [
            ("r0", "stable", 2),
            ("r1", "canary", 2),
        ]
        error = candidate.signals["error"]
        assert (error.events, error.rate.n, error.rate.value) == (1, 2, 0.5)
        assert error.rate.low < 0.5 < error.rate.high
        assert (candidate.signals["incident"].events, candidate.severe) == (1, 1)
        assert stable.signals["slow"].events == 1
        assert stable.total == (1.0, 3.0)


def test_a_user_counts_once_and_an_unnamed_one_each_time(tmp_path: Path) -> None:
    with Store.open(tmp_path) as store:
        _fill(store, *[{"error": "boom"}] * 3, *[{"error": "boom", "user": ""}] * 2, {"user": "other"})
        (arm,) = signals(store, now=9.0, slo=_SLO)
        assert (arm.requests, arm.users) == (6, 4)
        assert (arm.signals["error"].events, arm.signals["error"].users) == (5, 3)


def test_only_the_releases_and_the_time_that_were_asked_for(tmp_path: Path) -> None:
    with Store.open(tmp_path) as store:
        _fill(store, {}, {"release": "r9"}, {})
        assert [arm.release for arm in signals(store, now=9.0, releases=["r9"])] == ["r9"]
        assert [arm.requests for arm in signals(store, now=9.0, since=2.0)] == [1]
        assert signals(store, now=9.0, since=99.0) == []


def test_a_request_that_named_its_release_is_no_evidence(tmp_path: Path) -> None:
    with Store.open(tmp_path) as store:
        _fill(store, {}, {"pinned": True, "error": "boom"})
        (arm,) = signals(store, now=9.0)
        assert (arm.requests, arm.signals["error"].events) == (1, 0)


def test_a_burning_budget_shows_on_its_arm_alone(tmp_path: Path) -> None:
    with Store.open(tmp_path) as store:
        _fill(store, *[{"arm": "canary", "release": "r1", "error": "boom"}] * 5, *[{}] * 20)
        stable, canary = signals(store, now=30.0, slo=_SLO)
        assert stable.breaches == ()
        assert {breach.objective for breach in canary.breaches} == {"error"}
