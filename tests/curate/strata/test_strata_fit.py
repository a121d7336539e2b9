"""Several targets at once: the fit meets each margin, keeps the odds it may keep, and says when it cannot."""

import math

from hypothesis import given
from hypothesis import strategies as st

from trimtab.curate.strata.fit import Target, fit

CELLS = [(a, b) for a in "xyz" for b in "lmh"]
weights = st.lists(st.integers(1, 500), min_size=9, max_size=9)
shares = st.lists(st.floats(0.05, 1), min_size=3, max_size=3)


def target(axis: int, names: str, raw: list[float]) -> Target[tuple[str, str]]:
    goal = {name: share / sum(raw) for name, share in zip(names, raw, strict=True)}
    return Target({cell: cell[axis] for cell in CELLS}, goal)


@given(weights, shares, shares)
def test_both_margins_are_met_and_the_odds_ratios_stay(
    counts: list[int], rows: list[float], columns: list[float]
) -> None:
    given_weights = dict(zip(CELLS, map(float, counts), strict=True))
    wanted = target(0, "xyz", rows), target(1, "lmh", columns)
    found = fit(given_weights, wanted)
    assert found.gap < 1e-8
    assert math.isclose(sum(found.shares.values()), 1)
    for axis, goal in enumerate(wanted):
        for name, share in goal.shares.items():
            got = sum(value for cell, value in found.shares.items() if cell[axis] == name)
            assert math.isclose(got, share, abs_tol=1e-7)
    odds = [s["x", "l"] * s["y", "m"] / (s["x", "m"] * s["y", "l"]) for s in (given_weights, found.shares)]
    assert math.isclose(*odds, rel_tol=1e-6)  # what no target speaks of stays as it was


@given(weights, shares)
def test_one_target_is_the_plain_scaling_of_each_group(counts: list[int], raw: list[float]) -> None:
    given_weights = dict(zip(CELLS, map(float, counts), strict=True))
    goal = target(0, "xyz", raw)
    for cell, share in fit(given_weights, [goal]).shares.items():
        of_group = sum(value for other, value in given_weights.items() if other[0] == cell[0])
        assert math.isclose(share, goal.shares[cell[0]] * given_weights[cell] / of_group, rel_tol=1e-9)


def test_targets_that_contradict_each_other_leave_a_gap() -> None:
    cells = {("x", "l"): 1.0, ("y", "h"): 1.0}
    by_first = Target({cell: cell[0] for cell in cells}, {"x": 0.9, "y": 0.1})
    by_second = Target({cell: cell[1] for cell in cells}, {"l": 0.1, "h": 0.9})
    assert fit(cells, [by_first, by_second]).gap > 0.5
