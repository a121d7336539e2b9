"""A release's scorecards are kept by suite, and only its own are given back."""

from pathlib import Path

from trimtab.loop.scored import keep, scored
from trimtab.records import Metric, Scorecard
from trimtab.store import Store


def card(release: str, suite: str, value: float) -> Scorecard:
    return Scorecard(suite, "d", release, {"accuracy": Metric(value, 10, 0.0, 1.0)}, {"accuracy": {"a": value}})


def test_each_suite_has_its_latest_scorecard(tmp_path: Path) -> None:
    with Store.open(tmp_path) as store:
        for one in (card("r1", "math", 0.2), card("r1", "inspect:gsm8k", 0.5), card("r2", "math", 0.9)):
            keep(store, one)
        keep(store, card("r1", "math", 0.3))
        assert list(scored(store, "r1")) == ["math", "inspect:gsm8k"]
        assert scored(store, "r1")["math"] == card("r1", "math", 0.3)
        assert scored(store, "r3") == {}
