"""What is asked of the gate: each a function of a seed that says what became of one simulated history."""

import numpy as np

from benchmarks.gates.releases import NAMES, Truth, resampled
from trimtab.records import Scorecard
from trimtab.release import GateConfig, HardFacts, Regression, best_so_far, gate

CLEAN = HardFacts(0, 0.0, 0)
_STEADY = 0.15
"""How sure a case is to be right or wrong where decoding is greedy or nearly so."""
FAMILY = GateConfig(regression=Regression(metrics=NAMES))


def equal_is_blocked(seed: int, n: int, cluster_size: int) -> bool:
    """A/A: the same truth answers twice; whether any of twelve metrics blocks it."""
    rng = np.random.default_rng([1, seed, n, cluster_size])
    truth = Truth.drawn(rng, n, cluster_size)
    return gate(truth.card(rng), truth.card(rng), None, FAMILY, CLEAN).verdict == "blocked"


def real_equal_is_blocked(seed: int, a: Scorecard, b: Scorecard, names: tuple[str, ...]) -> bool:
    """A/A of real answers, redrawn by cluster and swapped by a coin."""
    config = GateConfig(regression=Regression(metrics=names), coverage=0.01)
    one, other = resampled(a, b, np.random.default_rng([2, seed]))
    return gate(one, other, None, config, CLEAN).verdict == "blocked"


def regression_is_caught(seed: int, n: int, points: float, name: str = "metric_05") -> bool:
    """One of twelve metrics falls by ``points``; whether that metric blocks."""
    rng = np.random.default_rng([3, seed, n])
    truth = Truth.drawn(rng, n)
    verdict = gate(truth.worse(points, (name,)).card(rng), truth.card(rng), None, FAMILY, CLEAN)
    return any(check.name == name and not check.passed for check in verdict.checks)


def deviation(points: float, name: str = "metric_05", n: int = 200_000) -> float:
    """Standard deviation of one case's difference in that world."""
    rng = np.random.default_rng(4)
    truth = Truth.drawn(rng, n)
    a, b = truth.worse(points, (name,)).chances[name], truth.chances[name]
    differences = (rng.random(n) < a).astype(float) - (rng.random(n) < b)
    return float(differences.std())


def overfitting_is_flagged(seed: int, n: int, gap: float, margin: float = 0.0) -> bool:
    """Development right more often than the sealed cases by ``gap`` of a metric at 0.5."""
    rng = np.random.default_rng([5, seed, n])
    sealed, seen = (Truth({"accuracy": rng.beta(2, 2, n)}) for _ in range(2))
    seen = Truth({"accuracy": seen.chances["accuracy"] + (1 - seen.chances["accuracy"]) * 2 * gap})
    config = GateConfig(overfitting={"accuracy": margin})
    card = sealed.card(rng)
    return gate(card, card, None, config, CLEAN, development=seen.card(rng, "development")).verdict == "blocked"


def slow_decline(seed: int, n: int, step: float = 0.01, turns: int = 10, margin: float = 0.04) -> dict[str, int]:
    """``turns`` releases, each ``step`` worse than the one before; where each gate first blocks (0: never).

    Answers are nearly greedy: two evaluations of one truth differ on a tenth of the cases. Every gate judges the same
    releases, each against its own line of those before.
    """
    rng = np.random.default_rng([6, seed, n])
    base = Truth.drawn(rng, n, strength=_STEADY)
    name = "metric_04"
    first = base.card(rng)
    cards = [base.worse(step * turn, (name,)).card(rng) for turn in range(1, turns + 1)]
    gates = {
        "the incumbent": GateConfig(non_inferiority={name: margin}),
        "π0": GateConfig(non_inferiority={name: margin}, non_inferiority_to_base={name: margin}),
        "the best so far": GateConfig(non_inferiority={name: margin}, non_inferiority_to_best={name: margin}),
    }
    return {whom: _first_block(first, cards, config, name) for whom, config in gates.items()}


def _first_block(first: Scorecard, cards: list[Scorecard], config: GateConfig, name: str) -> int:
    line = [first]
    for turn, card in enumerate(cards, 1):
        best = best_so_far(line[-4:], (name,))
        if gate(card, line[-1], first, config, CLEAN, best=best).verdict == "blocked":
            return turn
        line.append(card)
    return 0


def steady_is_blocked(seed: int, n: int, turns: int = 10, margin: float = 0.04) -> dict[str, bool]:
    """Ten releases of one truth: whether the anchor blocks any of them (what it costs an honest line)."""
    rng = np.random.default_rng([7, seed, n])
    truth, name = Truth.drawn(rng, n, strength=_STEADY), "metric_04"
    line = [truth.card(rng) for _ in range(turns + 1)]
    found = {}
    for whom, section in (("π0", "non_inferiority_to_base"), ("the best so far", "non_inferiority_to_best")):
        config = GateConfig.model_validate({section: {name: margin}})
        verdicts = [
            gate(line[i], line[i - 1], line[0], config, CLEAN, best=best_so_far(line[max(0, i - 4) : i], (name,)))
            for i in range(1, turns + 1)
        ]
        found[whom] = any(verdict.verdict == "blocked" for verdict in verdicts)
    return found
