"""What confidence is worth: calibration error, Brier score and their companions, each source under its own name."""

from collections.abc import Callable, Mapping
from dataclasses import asdict
from typing import Any

import numpy as np

from trimtab.evaluate.confidence.temperature import Temperature, rescaled
from trimtab.evaluate.config import EvaluateConfig
from trimtab.evaluate.metrics import mean_metric, metric_of
from trimtab.evaluate.probes import Confidence
from trimtab.evaluate.whole import Found
from trimtab.records import Metric
from trimtab.stats import (
    Interval,
    bootstrap_interval,
    brier_split,
    ece,
    ece_contributions,
    null_ece,
    reliability,
)

Sure = Mapping[str, Confidence]
"""Case id -> confidence."""


def calibration(sure: Sure, clusters: Mapping[str, str], config: EvaluateConfig, suffix: str = "") -> Found:
    """The metrics of one source: ``ece`` (equal mass), ``ece_width``, ``brier``, ``brier_reliability``,
    ``brier_resolution``, ``overconfidence`` (mean confidence − accuracy) and ``expected_ece``.

    ``expected_ece`` is what a perfectly calibrated model with these confidences would show, its ends the quantiles of
    that: an ``ece`` inside them is no evidence of anything.
    """
    if not sure:
        return {}
    p = np.array([one.confidence for one in sure.values()])
    y = np.array([float(one.correct) for one in sure.values()])
    of, bins = [clusters[case_id] for case_id in sure], config.bins

    def redrawn(statistic: Callable[[Any, Any], float]) -> Interval:
        return bootstrap_interval((p, y), statistic, of, config.bootstrap_draws, config.seed, config.level)

    gaps = {case_id: one.confidence - one.correct for case_id, one in sure.items()}
    squares = {case_id: gap**2 for case_id, gap in gaps.items()}
    metrics: dict[str, tuple[Metric | None, dict[str, float]]] = {}
    for name, equal_mass in (("ece", True), ("ece_width", False)):
        parts = ece_contributions(p, y, bins, equal_mass).tolist()
        interval = redrawn(lambda a, b, mass=equal_mass: ece(a, b, bins, mass))  # type: ignore[misc]
        metrics[name] = metric_of(name, interval), dict(zip(sure, parts, strict=True))
    metrics["brier"] = mean_metric("brier", squares, clusters, config.level), squares
    for name, part in (("brier_reliability", "reliability"), ("brier_resolution", "resolution")):
        split = redrawn(lambda a, b, part=part: float(getattr(brier_split(a, b, bins), part)))  # type: ignore[misc]
        metrics[name] = metric_of(name, split), {}
    metrics["overconfidence"] = mean_metric("overconfidence", gaps, clusters, config.level), gaps
    null = null_ece(p, bins, config.bootstrap_draws, config.seed, config.level)
    metrics["expected_ece"] = metric_of("expected_ece", null), {}
    return {f"{name}{suffix}": (metric, parts) for name, (metric, parts) in metrics.items() if metric is not None}


def calibrations(
    found: Mapping[str, Sure],
    clusters: Mapping[str, str],
    config: EvaluateConfig,
    temperatures: Mapping[str, Temperature],
) -> Found:
    """Every source's metrics: ``sequence`` has the plain names, another its own after them (``ece_choice``).

    Where a temperature was fitted, ``_scaled`` names give the calibration error and Brier score after it.
    """
    metrics: Found = {}
    for source, sure in found.items():
        suffix = suffix_of(source)
        metrics |= calibration(sure, clusters, config, suffix)
        if source in temperatures:
            after = calibration(rescaled(sure, temperatures[source]), clusters, config)
            metrics |= {f"{name}_scaled{suffix}": after[name] for name in ("ece", "brier") if name in after}
    return metrics


def suffix_of(source: str) -> str:
    """What a source's metrics end in."""
    return "" if source == "sequence" else f"_{source}"


def diagrams(
    found: Mapping[str, Sure], config: EvaluateConfig, temperatures: Mapping[str, Temperature]
) -> dict[str, Any]:
    """Source -> what its reliability diagram needs (``bins``), and the temperature where one was fitted."""
    shown: dict[str, Any] = {}
    for source, sure in found.items():
        if not sure:
            continue
        p, y = [one.confidence for one in sure.values()], [one.correct for one in sure.values()]
        bins = reliability(p, y, config.bins, config.level, config.bootstrap_draws, config.seed)
        shown[source] = {"n": len(p), "bins": [asdict(one) for one in bins]}
        if source in temperatures:
            shown[source]["temperature"] = temperatures[source].to_json()
    return shown
