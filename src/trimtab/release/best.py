"""The best release so far, case by case, chosen so that luck in being chosen is not held against a candidate."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

from trimtab.records import Scorecard, digest

NAME = "the best so far"


def best_so_far(cards: Sequence[Scorecard], metrics: Iterable[str]) -> Scorecard | None:
    """A scorecard whose scores are, metric by metric, those of the best of ``cards``; None where there is no card.

    The highest of several noisy means is too high, on the cases that made it the highest (the winner's curse), and an
    equal candidate would fail against it. So the cases are parted in two halves by cluster: the release that is best on
    one half gives the scores of the other (cross-fitting), which are then as honest as any. All cards must be of one
    suite; a release counts for a metric that it scored on all cases on which any of the others did.
    """
    if not cards:
        return None
    clusters = {case: cluster for card in cards for case, cluster in card.clusters.items()}
    first = cards[0]
    columns = {name: found for name in metrics if (found := _column(cards, name, clusters))}
    kept = {name: next(card.metrics[name] for card in cards if name in card.metrics) for name in columns}
    means = {name: sum(scores.values()) / len(scores) for name, scores in columns.items()}
    return Scorecard(
        suite=first.suite,
        suite_digest=first.suite_digest,
        release=NAME,
        metrics={name: replace(metric, value=means[name], n=len(columns[name])) for name, metric in kept.items()},
        cases=columns,
        clusters=clusters,
    )


def _column(cards: Sequence[Scorecard], name: str, clusters: dict[str, str]) -> dict[str, float]:
    scored = [card.cases[name] for card in cards if card.cases.get(name) and name in card.metrics]
    if not scored:
        return {}
    most = max(len(scores) for scores in scored)
    whole = [scores for scores in scored if len(scores) == most]
    turn = -1.0 if next(card.metrics[name] for card in cards if name in card.metrics).direction == "lower" else 1.0
    common = set.intersection(*(set(scores) for scores in whole))
    halves = [{case for case in common if _half(clusters.get(case, case)) == half} for half in (0, 1)]
    found: dict[str, float] = {}
    for here, there in (halves, halves[::-1]):
        best = max(whole, key=lambda scores: _mean(scores, there or here) * turn)
        found |= {case: best[case] for case in here}
    return {case: found[case] for case in sorted(found)}


def _mean(scores: Mapping[str, float], cases: set[str]) -> float:
    return sum(scores[case] for case in sorted(cases)) / len(cases) if cases else 0.0


def _half(cluster: str) -> int:
    """0 or 1: the same for a cluster whatever else the suite holds."""
    return int(digest(["half", cluster])[-1], 16) % 2
