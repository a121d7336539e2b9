"""A Scorecard: metrics with their counts and intervals, and the per-case scores they come from."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

Direction = Literal["higher", "lower", "none"]


@dataclass(frozen=True, slots=True)
class Metric:
    """``direction`` says which way is better. ``n`` counts scored cases; ``unscored`` those left out."""

    value: float
    n: int
    ci_low: float
    ci_high: float
    unit: str = ""
    direction: Direction = "higher"
    unscored: int = 0

    def to_json(self) -> dict[str, Any]:
        return {name: getattr(self, name) for name in self.__slots__}


@dataclass(frozen=True, slots=True)
class Scorecard:
    """What one release scored. ``cases``: metric -> case id -> score. ``slices``: slice -> metric -> Metric.

    ``clusters``: case id -> cluster, for cases that share a scenario. ``answers``: case id -> transcript.
    ``calibration``: source of confidence -> bins of its reliability diagram. ``manner``: the ``cases`` that were
    answered in words, the key of each one's ``opening``, and ``features`` of style -> a value for each.
    """

    suite: str
    suite_digest: str
    release: str
    metrics: Mapping[str, Metric]
    cases: Mapping[str, Mapping[str, float]] = field(default_factory=dict)
    clusters: Mapping[str, str] = field(default_factory=dict)
    slices: Mapping[str, Mapping[str, Metric]] = field(default_factory=dict)
    answers: Mapping[str, Any] = field(default_factory=dict)
    calibration: Mapping[str, Any] = field(default_factory=dict)
    manner: Mapping[str, Any] = field(default_factory=dict)

    def to_json(self) -> dict[str, Any]:
        return {
            "suite": self.suite,
            "suite_digest": self.suite_digest,
            "release": self.release,
            "metrics": {name: metric.to_json() for name, metric in self.metrics.items()},
            "cases": {name: dict(scores) for name, scores in self.cases.items()},
            "clusters": dict(self.clusters),
            "slices": {
                slice_name: {name: metric.to_json() for name, metric in metrics.items()}
                for slice_name, metrics in self.slices.items()
            },
            "answers": dict(self.answers),
            **({"calibration": dict(self.calibration)} if self.calibration else {}),
            **({"manner": dict(self.manner)} if self.manner else {}),
        }


def scorecard_from_json(row: Mapping[str, Any]) -> Scorecard:
    """The inverse of ``Scorecard.to_json``."""

    def metrics(rows: Mapping[str, Any]) -> dict[str, Metric]:
        return {name: Metric(**metric) for name, metric in rows.items()}

    return Scorecard(
        suite=row["suite"],
        suite_digest=row["suite_digest"],
        release=row["release"],
        metrics=metrics(row["metrics"]),
        cases=row["cases"],
        clusters=row["clusters"],
        slices={name: metrics(rows) for name, rows in row["slices"].items()},
        answers=row["answers"],
        calibration=row.get("calibration", {}),
        manner=row.get("manner", {}),
    )
