"""A mix by label shares: the same rows for the same seed, and every shortfall said."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from trimtab.curate.config import MixConfig
from trimtab.curate.hashing import uniform
from trimtab.curate.place import Drop, Placed, dropped
from trimtab.curate.stage import Staged
from trimtab.records import Example, UserError


@dataclass(frozen=True, slots=True)
class Stratum:
    """``wanted`` by its share of the total, ``had`` before the mix, ``taken`` by it."""

    share: float
    wanted: int
    had: int
    taken: int

    @property
    def short(self) -> int:
        return self.wanted - self.taken

    def to_json(self) -> dict[str, Any]:
        return {name: getattr(self, name) for name in (*self.__slots__, "short")}


@dataclass(frozen=True, slots=True)
class Mixed:
    rows: tuple[Placed, ...]
    drops: tuple[Drop, ...]
    strata: Mapping[str, Stratum]


def mix(rows: Sequence[Placed], config: MixConfig, seed: int = 0) -> Mixed:
    """Rows drawn so that each stratum has its share of the total; a stratum without a share is left out.

    A row's chance grows with its source's weight (Efraimidis and Spirakis 2006: the largest u^(1/w) are taken). With
    no total, the largest is used that leaves no stratum short. Without shares, strata keep the shares they have.
    Raises UserError when no stratum with a share has a row.
    """
    strata: dict[str, list[Placed]] = {}
    for placed in rows:
        strata.setdefault(stratum_of(placed, config.by), []).append(placed)
    shares = _shares(config, strata)
    total = config.total or _largest_total(shares, strata)
    taken: list[Placed] = []
    table: dict[str, Stratum] = {}
    for name, wanted in quotas(shares, total).items():
        had = strata.get(name, [])
        drawn = sorted(had, key=lambda placed: _key(placed, seed), reverse=True)[:wanted]
        taken += drawn
        table[name] = Stratum(shares[name], wanted, len(had), len(drawn))
    survivors = {id(placed) for placed in taken}
    left_out = [dropped(placed, "mix", stratum_of(placed, config.by)) for placed in rows if id(placed) not in survivors]
    taken.sort(key=lambda placed: uniform("order", seed, placed.key))
    return Mixed(tuple(taken), tuple(left_out), table)


def mix_stage(rows: Sequence[Placed], config: MixConfig | None, seed: int) -> Staged:
    """``mix`` as a stage of the door: of examples; comparisons and thumbs pass it by."""
    examples = [placed for placed in rows if isinstance(placed.row, Example)]
    if config is None or not examples:
        return Staged(rows)
    mixed = mix(examples, config, seed)
    others = [placed for placed in rows if not isinstance(placed.row, Example)]
    strata = {name: stratum.to_json() for name, stratum in mixed.strata.items()}
    return Staged([*mixed.rows, *others], mixed.drops, findings=strata)


def stratum_of(placed: Placed, by: Sequence[str]) -> str:
    """The labels joined by ``/``, the source under the name ``source``, ``none`` where a label is absent."""
    labels = {"source": placed.source, **placed.row.labels}
    return "/".join(str(labels.get(name, "none")) for name in by)


def quotas(shares: Mapping[str, float], total: int) -> dict[str, int]:
    """Whole numbers that sum to ``total``, each within 1 of its share (largest remainders; ties by name)."""
    exact = {name: share * total for name, share in shares.items()}
    counts = {name: math.floor(value) for name, value in exact.items()}
    by_remainder = sorted(exact, key=lambda name: (counts[name] - exact[name], name))
    for name in by_remainder[: total - sum(counts.values())]:
        counts[name] += 1
    return counts


def _shares(config: MixConfig, strata: Mapping[str, Sequence[Placed]]) -> dict[str, float]:
    raw: Mapping[str, float] = config.shares or {name: len(rows) for name, rows in sorted(strata.items())}
    if not any(strata.get(name) for name in raw):
        raise UserError(
            f"no row is in any stratum of the mix; there are {', '.join(sorted(strata)) or 'no rows'}",
            field="mix.shares",
            expected=f"labels joined as {'/'.join(config.by)}",
        )
    return {name: share / sum(raw.values()) for name, share in raw.items()}


def _largest_total(shares: Mapping[str, float], strata: Mapping[str, Sequence[Placed]]) -> int:
    """The most rows that need no more of any stratum than there are; strata without a row do not bind."""
    present = {name: share for name, share in shares.items() if strata.get(name)}
    bound = min(len(strata[name]) / share for name, share in present.items())
    return math.floor(bound + 1e-9)


def _key(placed: Placed, seed: int) -> float:
    return math.pow(uniform("mix", seed, placed.key), 1 / placed.weight)
