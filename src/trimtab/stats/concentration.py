"""How many voices weights amount to, and weights clipped so that no voice has more than its share."""

from collections.abc import Sequence


def effective_number(weights: Sequence[float]) -> float:
    """(Σw)² / Σw² (Kish 1965): as many as there are where all weigh the same, 1 where one has all, 0 of nothing."""
    squares = sum(weight * weight for weight in weights)
    return sum(weights) ** 2 / squares if squares else 0.0


def clipped(weights: Sequence[float], share: float) -> list[float]:
    """The weights with the largest lowered to one level, so that none is above ``share`` of what is then the sum.

    The fixed point of clipping again and again: with k clipped the level is share · (sum of the others) /
    (1 − k · share). Where no positive level will do (there are at most 1/share weights above 0) the weights come
    back as they are. Raises ValueError where a weight is negative or the share not in (0, 1].
    """
    if not 0 < share <= 1 or any(weight < 0 for weight in weights):
        raise ValueError("needs weights of at least 0 and a share in (0, 1]")
    ordered = sorted(weights, reverse=True)
    for k, largest in enumerate(ordered):
        if 1 - k * share <= 1e-12:
            break
        level = share * sum(ordered[k:]) / (1 - k * share)
        if largest <= level * (1 + 1e-12):
            return [min(weight, level) for weight in weights] if k else list(weights)
    return list(weights)
