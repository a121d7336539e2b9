"""Shares of strata that meet several targets at once: iterative proportional fitting."""

from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

Cell = TypeVar("Cell", bound=Hashable)
_CLOSE = 1e-10


@dataclass(frozen=True, slots=True)
class Target(Generic[Cell]):
    """One way to part the cells: the group of each cell, and the share that each group shall have (sum at most 1).

    A cell in no group must share what the named groups leave.
    """

    group: Mapping[Cell, str]
    shares: Mapping[str, float]


@dataclass(frozen=True, slots=True)
class Fitted(Generic[Cell]):
    """``gap``: the largest |share had - share wanted| of any group that has a cell; above 0 where targets conflict."""

    shares: Mapping[Cell, float]
    gap: float


def fit(weights: Mapping[Cell, float], targets: Sequence[Target[Cell]], rounds: int = 1000) -> Fitted[Cell]:
    """The shares (sum 1) nearest to ``weights`` in relative entropy that meet the targets (Deming and Stephan 1940).

    Each round scales, target after target, every group to its share. Groups without a cell are left out and the
    others keep their proportions. Weights must be positive.
    """
    total = sum(weights.values())
    shares = {cell: weight / total for cell, weight in weights.items()}
    wanted = [_reachable(target, shares) for target in targets]
    gap = _gap(shares, targets, wanted)
    done = 0
    while gap > _CLOSE and done < rounds:
        for target, goal in zip(targets, wanted, strict=True):
            shares = _scaled(shares, target, goal)
        done, before, gap = done + 1, gap, _gap(shares, targets, wanted)
        if len(targets) == 1 or (done > 50 and abs(before - gap) < _CLOSE * 1e-3):
            break
    return Fitted(shares, gap)


def _sums(shares: Mapping[Cell, float], target: Target[Cell]) -> dict[str, float]:
    sums: dict[str, float] = {}
    for cell, share in shares.items():
        sums[target.group[cell]] = sums.get(target.group[cell], 0.0) + share
    return sums


def _reachable(target: Target[Cell], shares: Mapping[Cell, float]) -> dict[str, float]:
    present = {name: target.shares[name] for name in sorted({target.group[cell] for cell in shares})}
    total = sum(present.values())
    return {name: share / total for name, share in present.items()}


def _scaled(shares: Mapping[Cell, float], target: Target[Cell], goal: Mapping[str, float]) -> dict[Cell, float]:
    sums = _sums(shares, target)
    factor = {name: goal[name] / value if value else 0.0 for name, value in sums.items()}
    return {cell: share * factor[target.group[cell]] for cell, share in shares.items()}


def _gap(shares: Mapping[Cell, float], targets: Sequence[Target[Cell]], wanted: Sequence[Mapping[str, float]]) -> float:
    gaps = [
        abs(_sums(shares, target)[name] - share)
        for target, goal in zip(targets, wanted, strict=True)
        for name, share in goal.items()
    ]
    return max(gaps, default=0.0)
