"""Releases with small stand-in models, and scorecards from scores."""

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from trimtab.records import Behaviour, Direction, Metric, Release, Scorecard
from trimtab.stats import mean_interval
from trimtab.store import Store

MakeCard = Callable[..., Scorecard]
MakeRelease = Callable[..., Release]


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with Store.open(tmp_path / ".trimtab") as found:
        yield found


@pytest.fixture
def make_release(store: Store, tmp_path: Path) -> MakeRelease:
    """A release whose model is a folder with one file of the given text."""

    def make(text: str, gate: str = "passed", **fields: Any) -> Release:
        folder = tmp_path / "models" / text
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "weights").write_text(text)
        behaviour = Behaviour(model=store.artefacts.put(folder), chat_template="t", system_prompt="Be exact.")
        return Release(behaviour, gate={"verdict": gate, "checks": []} if gate else {}, **fields)

    return make


@pytest.fixture
def make_card() -> MakeCard:
    """A scorecard from scores by metric and case; ``directions`` of those that are not higher-is-better."""

    def make(
        scores: Mapping[str, Mapping[str, float]],
        directions: Mapping[str, Direction] | None = None,
        clusters: Mapping[str, str] | None = None,
        release: str = "r",
        suite_digest: str = "s" * 64,
        **more: Any,
    ) -> Scorecard:
        metrics = {}
        for name, cases in scores.items():
            found = mean_interval(list(cases.values()))
            direction = (directions or {}).get(name, "higher")
            metrics[name] = Metric(found.value, found.n, found.low, found.high, direction=direction)
        return Scorecard("sealed", suite_digest, release, metrics, cases=scores, clusters=clusters or {}, **more)

    return make
