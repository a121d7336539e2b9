"""From intervals to decisions: the p-value that an interval stands for, and several of them held together."""

from collections.abc import Callable, Sequence

from trimtab.stats.interval import Interval

_HALVINGS = 40


def p_value(interval_at: Callable[[float], Interval], null: float = 0.0) -> float:
    """The two-sided p-value dual to an interval: 1 − the highest level whose interval leaves ``null`` out.

    ``interval_at``: level -> interval, nested in the level. So a decision by the p-value and one by the interval never
    disagree. By bisection, to 10⁻¹²; 1 where even the narrowest interval holds ``null``.
    """

    def out(level: float) -> bool:
        found = interval_at(level)
        return not found.low <= null <= found.high

    low, high = 0.0, 1.0
    for _ in range(_HALVINGS):
        middle = (low + high) / 2
        low, high = (middle, high) if out(middle) else (low, middle)
    return 1.0 - low


def holm(p_values: Sequence[float]) -> list[float]:
    """Holm's step-down adjusted p-values (1979), in the order given: the chance of any false rejection is held.

    The i-th smallest of m is max over j ≤ i of (m − j + 1) · p_(j), at most 1; uniformly stronger than Bonferroni's and
    valid whatever the dependence. Raises ValueError on a value outside [0, 1].
    """
    if not all(0 <= p <= 1 for p in p_values):
        raise ValueError("p-values must lie in [0, 1]")
    order = sorted(range(len(p_values)), key=lambda i: p_values[i])
    adjusted, highest = [0.0] * len(p_values), 0.0
    for rank, i in enumerate(order):
        highest = max(highest, min(1.0, (len(p_values) - rank) * p_values[i]))
        adjusted[i] = highest
    return adjusted
