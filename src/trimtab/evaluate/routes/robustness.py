"""What a release loses when the same case is put otherwise: variant minus plain, in pairs."""

from collections.abc import Mapping, Sequence

from trimtab.evaluate.metrics import Scores, metric_of
from trimtab.records import Case, Metric
from trimtab.stats import paired_interval

ROBUSTNESS = "robustness_"
_JUDGED_BY = ("ast_accuracy", "tool_routing_accuracy")
"""What a pair is compared by: the strictest that both have."""


def drops(
    cases: Sequence[Case], columns: Mapping[str, Scores], clusters: Mapping[str, str], level: float
) -> dict[str, tuple[Metric, dict[str, float]]]:
    """``robustness_{variant}`` -> the mean of variant minus plain (−1 to 1, below 0: it loses) and each pair's part.

    A pair is a case with ``labels.variant`` and the one whose id is its ``labels.plain``, both scored. The interval is
    the paired one, by cluster.
    """
    pairs: dict[str, dict[str, tuple[float, float]]] = {}
    for case in cases:
        variant, plain = case.labels.get("variant"), str(case.labels.get("plain", ""))
        if variant is not None and (scores := _pair(columns, case.id, plain)) is not None:
            pairs.setdefault(f"{ROBUSTNESS}{variant}", {})[case.id] = scores
    found = {}
    for name, of in sorted(pairs.items()):
        otherwise, plainly = [a for a, _ in of.values()], [b for _, b in of.values()]
        interval = paired_interval(otherwise, plainly, [clusters[case_id] for case_id in of], level)
        if (metric := metric_of(name, interval)) is not None:
            found[name] = (metric, {case_id: a - b for case_id, (a, b) in of.items()})
    return found


def _pair(columns: Mapping[str, Scores], variant: str, plain: str) -> tuple[float, float] | None:
    for name in _JUDGED_BY:
        scores = columns.get(name, {})
        if variant in scores and plain in scores:
            return scores[variant], scores[plain]
    return None
