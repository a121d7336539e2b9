"""Metrics of a whole suite that are no mean over cases: EAD here, calibration and variety in rooms of their own."""

from collections.abc import Mapping

from trimtab.evaluate.batteries.math import calculator_gain
from trimtab.evaluate.metrics import mean_metric, metric_of
from trimtab.evaluate.transcript import Transcript
from trimtab.records import Case, Metric
from trimtab.stats import Interval, ead, ead_contributions, mean_interval

Found = dict[str, tuple[Metric, dict[str, float]]]
"""Metric name -> the metric, and per case its part."""


def calculator(
    cases: Mapping[str, Case], columns: Mapping[str, Mapping[str, float]], clusters: Mapping[str, str], level: float
) -> Found:
    """``math_calculator_gain``: what the calculator adds, by problem; where both batteries were asked."""
    gains = calculator_gain(cases, columns)
    metric = mean_metric("math_calculator_gain", gains, clusters, level)
    return {"math_calculator_gain": (metric, gains)} if metric else {}


def diversity(
    transcripts: Mapping[str, Transcript], vocab_size: int, clusters: Mapping[str, str], level: float
) -> Found:
    """``ead`` over the generated tokens of all scored answers; its interval from the pseudo-values' spread."""
    answers = {
        case_id: one.outcome.token_ids
        for case_id, one in transcripts.items()
        if one.scored and one.outcome is not None and one.outcome.token_ids
    }
    if len(answers) < 2:
        return {}
    lists = list(answers.values())
    value, pseudo = ead(lists, vocab_size), ead_contributions(lists, vocab_size).tolist()
    spread = mean_interval(pseudo, [clusters[case_id] for case_id in answers], level)
    half = spread.high - spread.value
    metric = metric_of("ead", Interval(value, len(lists), max(value - half, 0.0), value + half))
    return {"ead": (metric, dict(zip(answers, pseudo, strict=True)))} if metric else {}
