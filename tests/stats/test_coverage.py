"""Nominal 95 % intervals hold the truth about as often, where it is hard: few cases, rates near a bound, clusters."""

import numpy as np
import pytest
from benchmarks.coverage.__main__ import held
from benchmarks.coverage.worlds import World

from trimtab.stats import mean_interval

HARD = (
    World("share", 20, 0.02), World("share", 100, 0.98), World("share", 300, 0.1, 20, 0.3),
    World("skewed", 20, 0.1), World("pair share", 100, 0.9, correlation=0.9),
    World("pair score", 100, 0.0, 5, 0.3, 0.5),
)  # fmt: skip


@pytest.mark.parametrize("world", HARD, ids=lambda world: f"{world.shape} {world.name}")
def test_each_hard_world_is_covered(world: World) -> None:
    assert held(world, 1000) >= 0.90


def test_a_t_interval_alone_would_not_cover_skewed_scores() -> None:
    rng, world = np.random.default_rng(0), World("skewed", 20, 0.1)
    scores, _ = world.draw(rng, 1000)
    unbounded = [mean_interval(row) for row in scores]
    assert np.mean([one.low <= 0.1 <= one.high for one in unbounded]) < 0.89


def test_clusters_that_are_taken_for_cases_would_not_be_covered() -> None:
    rng, world = np.random.default_rng(0), World("share", 300, 0.5, 20, 0.3)
    scores, _ = world.draw(rng, 1000)
    apart = [mean_interval(row, None, 0.95, 0.0, 1.0) for row in scores]
    assert np.mean([one.low <= 0.5 <= one.high for one in apart]) < 0.75


def test_simulated_clusters_are_as_alike_as_they_say() -> None:
    scores, _ = World("share", 2000, 0.3, 5, 0.3).draw(np.random.default_rng(0), 200)
    groups = scores.reshape(200, 400, 5)
    pairs = [(groups[:, :, i] * groups[:, :, j]).mean() for i in range(5) for j in range(i)]
    assert (np.mean(pairs) - 0.09) / 0.21 == pytest.approx(0.3, abs=0.02)
    assert scores.mean() == pytest.approx(0.3, abs=0.01)
