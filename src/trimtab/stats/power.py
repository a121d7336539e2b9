"""What a comparison can see before it is made: the difference that n cases show, and the n that a difference needs."""

import math

from trimtab.stats.quantiles import normal_cdf, normal_quantile


def detectable(n: float, deviation: float, power: float = 0.8, alpha: float = 0.05, sides: int = 2) -> float:
    """The true difference that a test at ``alpha`` finds with chance ``power``: (z_{1−α/sides} + z_power) · σ/√n.

    Miller 2024, eq. 9 solved for δ. ``deviation``: standard deviation of one paired difference, see
    ``paired_deviation``; ``n``: cases, over the design effect where they cluster. Raises ValueError where n, power or
    alpha make no sense.
    """
    if n <= 0 or deviation < 0:
        raise ValueError("needs n above 0 and a deviation from 0")
    return _reach(power, alpha, sides) * deviation / math.sqrt(n)


def needed_n(difference: float, deviation: float, power: float = 0.8, alpha: float = 0.05, sides: int = 2) -> int:
    """The cases that ``detectable`` needs for ``difference``, rounded up (Miller 2024, eq. 9)."""
    if difference <= 0 or deviation < 0:
        raise ValueError("needs a difference above 0 and a deviation from 0")
    return max(1, math.ceil((_reach(power, alpha, sides) * deviation / difference) ** 2))


def power_of(difference: float, n: float, deviation: float, alpha: float = 0.05, sides: int = 2) -> float:
    """The chance that a test at ``alpha`` finds a true ``difference``: Φ(|δ|√n/σ − z_{1−α/sides}), one tail."""
    if n <= 0 or deviation <= 0:
        raise ValueError("needs n and a deviation above 0")
    return normal_cdf(abs(difference) * math.sqrt(n) / deviation - normal_quantile(1 - alpha / sides))


def paired_deviation(
    between: float, within_a: float = 0.0, within_b: float = 0.0, samples_a: int = 1, samples_b: int = 1
) -> float:
    """Standard deviation of one case's difference, √(ω² + σ_A²/K_A + σ_B²/K_B) (Miller 2024, eq. 9).

    ``between`` = ω²: variance of the true differences over cases; ``within``: variance of one answer's score on its
    case; ``samples``: answers a case. Of 0/1 scores that differ on a share f of cases it is at most √f.
    """
    return math.sqrt(between + within_a / samples_a + within_b / samples_b)


def design_effect(size: float, correlation: float) -> float:
    """1 + (m − 1)ρ: how many clustered cases are worth one that stands alone (Kish 1965)."""
    return 1 + (size - 1) * correlation


def _reach(power: float, alpha: float, sides: int) -> float:
    if not (0 < power < 1 and 0 < alpha < 1 and sides in (1, 2)):
        raise ValueError("needs power and alpha between 0 and 1, and one or two sides")
    return normal_quantile(1 - alpha / sides) + normal_quantile(power)
