"""A mix by label shares: the same rows for the same seed, and every shortfall said."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from trimtab.curate.config import MixConfig
from trimtab.curate.hashing import uniform
from trimtab.curate.place import Drop, Placed, dropped
from trimtab.curate.stage import Staged
from trimtab.curate.strata.plan import Stratified, planned
from trimtab.records import Example


@dataclass(frozen=True, slots=True)
class Stratum:
    """``wanted`` by its share of the total, ``had`` before the mix, ``taken`` by it, of which ``repeated`` again."""

    share: float
    wanted: int
    had: int
    taken: int
    repeated: int = 0

    @property
    def short(self) -> int:
        return self.wanted - self.taken

    def to_json(self) -> dict[str, Any]:
        return {name: getattr(self, name) for name in (*self.__slots__, "short")}


@dataclass(frozen=True, slots=True)
class Mixed:
    """``gap``: how far the fitted shares are from conflicting targets, 0 where all are met."""

    rows: tuple[Placed, ...]
    drops: tuple[Drop, ...]
    strata: Mapping[str, Stratum]
    axes: Mapping[str, Mapping[str, Stratum]]
    gap: float = 0.0


def mix(rows: Sequence[Placed], config: MixConfig, seed: int = 0) -> Mixed:
    """Rows drawn so that each stratum has its share of the total; a stratum without a share is left out.

    A row's chance grows with its source's weight (Efraimidis and Spirakis 2006: the largest u^(1/w) are taken). With
    no total, the largest is used that leaves no stratum short. Without targets, strata keep the shares they have. A
    row is repeated only where ``config.repeat`` allows it. Raises UserError when no stratum with a share has a row.
    """
    plan = planned(rows, config)
    room = {name: len(found) * config.repeat for name, found in plan.strata.items()}
    total = config.total or _largest_total(plan.shares, room)
    taken: list[Placed] = []
    table: dict[str, Stratum] = {}
    for name, wanted in quotas(plan.shares, total).items():
        had = sorted(plan.strata.get(name, []), key=lambda placed: drawing_key(placed, seed), reverse=True)
        drawn = (had * config.repeat)[:wanted]
        taken += drawn
        table[name] = Stratum(plan.shares[name], wanted, len(had), len(drawn), max(0, len(drawn) - len(had)))
    survivors = {id(placed) for placed in taken}
    left_out = [dropped(placed, "mix", plan.name(placed)) for placed in rows if id(placed) not in survivors]
    taken.sort(key=lambda placed: uniform("order", seed, placed.key))
    return Mixed(tuple(taken), tuple(left_out), table, _axes(plan, table), plan.gap)


def mix_stage(rows: Sequence[Placed], config: MixConfig | None, seed: int) -> Staged:
    """``mix`` as a stage of the door: of examples; comparisons and thumbs pass it by."""
    examples = [placed for placed in rows if isinstance(placed.row, Example)]
    if config is None or not examples:
        return Staged(rows)
    mixed = mix(examples, config, seed)
    others = [placed for placed in rows if not isinstance(placed.row, Example)]
    return Staged([*mixed.rows, *others], mixed.drops, findings=_findings(mixed, examples))


def drawing_key(placed: Placed, seed: int, draw: str = "mix") -> float:
    """The rows with the largest are taken: u^(1/weight), u by hash (Efraimidis and Spirakis 2006)."""
    return math.pow(uniform(draw, seed, placed.key), 1 / placed.weight)


def quotas(shares: Mapping[str, float], total: int) -> dict[str, int]:
    """Whole numbers that sum to ``total``, each within 1 of its share (largest remainders; ties by name)."""
    exact = {name: share * total for name, share in shares.items()}
    counts = {name: math.floor(value) for name, value in exact.items()}
    by_remainder = sorted(exact, key=lambda name: (counts[name] - exact[name], name))
    for name in by_remainder[: total - sum(counts.values())]:
        counts[name] += 1
    return counts


def _largest_total(shares: Mapping[str, float], room: Mapping[str, int]) -> int:
    """The most rows that need no more of any stratum than there are; strata without a row do not bind."""
    bound = min(room[name] / share for name, share in shares.items() if room.get(name) and share > 0)
    return math.floor(bound + 1e-9)


def _axes(plan: Stratified, table: Mapping[str, Stratum]) -> dict[str, dict[str, Stratum]]:
    """Axis -> value -> the strata with that value as one."""
    axes: dict[str, dict[str, Stratum]] = {}
    for place, axis in enumerate(plan.axes):
        sums: dict[str, Stratum] = {}
        for name, values in plan.values.items():
            if (value := values[place]) == "*":
                continue
            one = table.get(name) or Stratum(0.0, 0, len(plan.strata.get(name, ())), 0)
            sums[value] = _sum(sums[value], one) if value in sums else one
        axes[axis] = dict(sorted(sums.items()))
    return axes


def _sum(a: Stratum, b: Stratum) -> Stratum:
    return Stratum(a.share + b.share, a.wanted + b.wanted, a.had + b.had, a.taken + b.taken, a.repeated + b.repeated)


def _findings(mixed: Mixed, examples: Sequence[Placed]) -> dict[str, Any]:
    strata = {name: stratum.to_json() for name, stratum in mixed.strata.items()}
    short = {name: stratum.short for name, stratum in mixed.strata.items() if stratum.short}
    wanted = sum(stratum.wanted for stratum in mixed.strata.values())
    found: dict[str, Any] = {
        "strata": strata,
        "axes": {
            axis: {value: stratum.to_json() for value, stratum in values.items()} for axis, values in mixed.axes.items()
        },
        "unknown_difficulty": {"had": _unknown(examples), "taken": _unknown(mixed.rows)},
    }
    if mixed.gap > 1e-6:
        found["gap"] = mixed.gap
    if short:
        found["short"] = {"rows": sum(short.values()), "share": sum(short.values()) / wanted}
        found["advice"] = [
            f"{name}: add {rows} rows, ask for a smaller share or total, or allow mix.repeat"
            for name, rows in short.items()
        ]
    return found


def _unknown(rows: Sequence[Placed]) -> int:
    return sum(not placed.row.labels.get("difficulty") for placed in rows)
