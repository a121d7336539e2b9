"""How far one release's manner lies from another's on the same cases: a bland mean shows before a win-rate falls."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from trimtab.evaluate.compare import Change, compare
from trimtab.records import Scorecard, UserError
from trimtab.stats import paired_energy_test, paired_interval

DRIFTING = (
    *("tokens_per_answer", "kl_to_base", "kl_fixed", "entropy", "ead", "distinct_1", "distinct_2", "self_bleu"),
    "opening_share",
)
"""Metrics of a scorecard that say how far a model moved and how varied it still is."""
_MOST = 500
"""Cases of the two-sample test: its cost grows with their square."""


@dataclass(frozen=True, slots=True)
class Shift:
    """One feature's mean before and after over ``n`` paired cases, and the difference with its interval.

    ``effect``: the difference over the feature's standard deviation before (Glass's Δ), 0.2 small and 0.8 large by
    Cohen's words; None where the feature never varied before. The intervals of all features hold together
    (Bonferroni), so ``moved`` is no chance find among many.
    """

    feature: str
    before: float
    after: float
    delta: float
    low: float
    high: float
    effect: float | None
    n: int

    @property
    def moved(self) -> bool:
        return not self.low <= 0 <= self.high


@dataclass(frozen=True, slots=True)
class Drift:
    """``distance``: the energy distance of all features together, in units of their own spread, with ``p_value``.

    ``opening_before`` and ``opening_after``: share of the commonest opening. ``changes``: the scorecards' metrics of
    movement and variety, paired. ``shifts`` comes with the largest effect first.
    """

    before: str
    after: str
    n: int
    distance: float
    p_value: float
    shifts: tuple[Shift, ...]
    opening_before: float
    opening_after: float
    changes: tuple[Change, ...] = ()
    level: float = 0.95

    @property
    def moved(self) -> bool:
        """Whether the manner changed, at the level."""
        return self.p_value <= 1 - self.level

    def to_json(self) -> dict[str, Any]:
        plain = {name: getattr(self, name) for name in self.__slots__ if name not in ("shifts", "changes")}
        shifts = [{name: getattr(one, name) for name in one.__slots__} | {"moved": one.moved} for one in self.shifts]
        return plain | {"moved": self.moved, "shifts": shifts, "changes": [one.to_json() for one in self.changes]}


def style_drift(before: Scorecard, after: Scorecard, level: float = 0.95, draws: int = 500, seed: int = 0) -> Drift:
    """How the manner of ``after`` lies from that of ``before``, over the cases that both answered in words; pure.

    Raises UserError where the scorecards are of different suites, or have no such case in common.
    """
    changes = [change for change in compare(before, after, level) if change.metric in DRIFTING]
    ids = sorted(set(before.manner.get("cases", ())) & set(after.manner.get("cases", ())))
    if not ids:
        raise UserError(
            "the scorecards have no answers in common to compare the manner of",
            field="manner",
            fix="Evaluate both releases again, on cases that they answer in words",
        )
    names = [name for name in before.manner["features"] if name in after.manner["features"]]
    table = [_table(card, names, ids) for card in (before, after)]
    clusters = [after.clusters.get(case, case) for case in ids]
    test = _together(table[0], table[1], clusters, draws, seed)
    shifts = [_shift(name, table[0][:, i], table[1][:, i], clusters, level, len(names)) for i, name in enumerate(names)]
    return Drift(
        before=before.release,
        after=after.release,
        n=len(ids),
        distance=test[0],
        p_value=test[1],
        shifts=tuple(sorted(shifts, key=lambda one: (-abs(one.effect or 0.0), one.feature))),
        opening_before=_commonest(before, ids),
        opening_after=_commonest(after, ids),
        changes=tuple(changes),
        level=level,
    )


def drift_series(cards: Sequence[Scorecard], level: float = 0.95, draws: int = 500, seed: int = 0) -> tuple[Drift, ...]:
    """Each later scorecard's drift from the first (π0's), in order; those of another suite are left out."""
    first, later = cards[0], cards[1:]
    return tuple(
        style_drift(first, card, level, draws, seed) for card in later if card.suite_digest == first.suite_digest
    )


def _together(before: Any, after: Any, clusters: Sequence[str], draws: int, seed: int) -> tuple[float, float]:
    """Energy distance and p-value over features scaled by their pooled spread; those that never vary are left out."""
    spread = np.concatenate([before, after]).std(axis=0)
    varies = spread > 1e-12
    if not varies.any():
        return 0.0, 1.0
    kept = np.random.default_rng(seed).permutation(len(before))[:_MOST]
    x, y = (rows[kept][:, varies] / spread[varies] for rows in (before, after))
    test = paired_energy_test(x, y, [clusters[i] for i in kept], draws, seed)
    return test.distance, test.p_value


def _shift(name: str, before: Any, after: Any, clusters: Sequence[str], level: float, count: int) -> Shift:
    found = paired_interval(after, before, clusters, 1 - (1 - level) / count)
    spread = float(before.std(ddof=1)) if len(before) > 1 else 0.0
    return Shift(
        feature=name,
        before=float(before.mean()),
        after=float(after.mean()),
        delta=found.value,
        low=found.low,
        high=found.high,
        effect=found.value / spread if spread > 1e-12 else None if found.value else 0.0,
        n=found.n,
    )


def _table(card: Scorecard, names: Sequence[str], ids: Sequence[str]) -> Any:
    """[cases, features]."""
    row = {case: i for i, case in enumerate(card.manner["cases"])}
    columns = np.array([card.manner["features"][name] for name in names], dtype=np.float64)
    return columns[:, [row[case] for case in ids]].T


def _commonest(card: Scorecard, ids: Sequence[str]) -> float:
    """Share of the answers that open as most of them do."""
    key = dict(zip(card.manner["cases"], card.manner["openings"], strict=True))
    return max(Counter(key[case] for case in ids).values()) / len(ids)
