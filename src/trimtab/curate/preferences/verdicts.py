"""Several people's verdicts over the same two answers become one pair, with the probability that it is right."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from trimtab.curate.place import Drop, Placed, dropped
from trimtab.curate.preferences.config import AnnotatorsConfig
from trimtab.curate.preferences.pairs import (
    PROBABILITY,
    WEIGHT,
    annotators_of,
    chosen_is_first,
    labelled,
    ordered,
    pair_of,
    unordered,
    weight_of,
)
from trimtab.curate.stage import Repair, repaired
from trimtab.stats import bootstrap_interval, dawid_skene, mean_interval, nominal_alpha, wilson

_SMOOTHING = 1.0
_DRAWS = 500
_DIGITS = 3


@dataclass(frozen=True, slots=True)
class Item:
    """One prompt with two answers: the rows that judge it, and who says that the first answer is the better one."""

    rows: tuple[Placed, ...]
    votes: Mapping[str, bool] = field(default_factory=dict)
    wavering: tuple[str, ...] = ()
    """Who said both, and so counts for neither."""
    anonymous: bool = False
    """Whether a row is signed by nobody: its verdict is no vote, so a contradiction cannot be settled."""

    @property
    def contradictory(self) -> bool:
        return len({ordered(pair_of(row)) for row in self.rows}) > 1


@dataclass(frozen=True, slots=True)
class Combined:
    pairs: tuple[Placed, ...]
    drops: tuple[Drop, ...]
    repairs: tuple[Repair, ...]
    findings: Mapping[str, Any]


def combine(pairs: Sequence[Placed], config: AnnotatorsConfig) -> Combined:
    """Equal pairs as one, in the order of their first rows; ``findings``: agreement, and each annotator's accuracy.

    Verdicts that contradict each other and are not all signed go, all of them, as do those that stay undecided.
    """
    items = items_of(pairs)
    first = _probabilities(items, config)
    made = [_settled(item, p, config) for item, p in zip(items, first, strict=True)]
    place = {id(placed): number for number, placed in enumerate(pairs)}
    kept = sorted((one for each in made for one in each.pairs), key=lambda pair: place[id(pair[0])])
    return Combined(
        pairs=tuple(after for _, after in kept),
        drops=tuple(drop for each in made for drop in each.drops),
        repairs=tuple(repair for each in made for repair in each.repairs),
        findings=_findings(items, first, config),
    )


def items_of(pairs: Sequence[Placed]) -> list[Item]:
    """The rows grouped by what they judge, in order of appearance."""
    rows: dict[str, list[Placed]] = {}
    for placed in pairs:
        rows.setdefault(unordered(pair_of(placed)), []).append(placed)
    return [_item(tuple(group)) for group in rows.values()]


def _item(rows: tuple[Placed, ...]) -> Item:
    said: dict[str, set[bool]] = {}
    for placed in rows:
        pair = pair_of(placed)
        for name in annotators_of(pair):
            said.setdefault(name, set()).add(chosen_is_first(pair))
    votes = {name: next(iter(sides)) for name, sides in said.items() if len(sides) == 1}
    wavering = tuple(sorted(name for name, sides in said.items() if len(sides) > 1))
    return Item(rows, votes, wavering, any(not annotators_of(pair_of(placed)) for placed in rows))


def _probabilities(items: Sequence[Item], config: AnnotatorsConfig) -> list[float | None]:
    """P(the first answer is the better one), None where nothing is known beyond what the row says."""
    if _estimates(items, config):
        return _by_error_rates(items)
    return [_vote(item) if _votable(item) else None for item in items]


def _estimates(items: Sequence[Item], config: AnnotatorsConfig) -> bool:
    shared = sum(len(item.votes) > 1 for item in items)
    return config.combine == "dawid_skene" and shared >= config.least_shared


def _votable(item: Item) -> bool:
    return not item.anonymous and (len(item.votes) > 1 or (item.contradictory and bool(item.votes)))


def _vote(item: Item) -> float:
    return sum(item.votes.values()) / len(item.votes)


def _by_error_rates(items: Sequence[Item]) -> list[float | None]:
    """Dawid and Skene's posteriors; each item goes in a second time with its answers exchanged.

    So neither answer is favoured for the place it happens to have, and an annotator has one error rate.
    """
    names = {name: number for number, name in enumerate(sorted({name for item in items for name in item.votes}))}
    ratings = [
        (number + mirror * len(items), names[name], int(first) ^ mirror)
        for number, item in enumerate(items)
        for name, first in item.votes.items()
        for mirror in (0, 1)
    ]
    found = dawid_skene(ratings, 2 * len(items), len(names), 2, smoothing=_SMOOTHING)
    known = [bool(item.votes) and not item.anonymous for item in items]
    return [float(p) if k else None for p, k in zip(found.posterior_IK[: len(items), 1], known, strict=True)]


@dataclass(frozen=True, slots=True)
class _Settled:
    pairs: tuple[tuple[Placed, Placed], ...] = ()
    """(the row that stands for the item, the same as it goes on)."""
    drops: tuple[Drop, ...] = ()
    repairs: tuple[Repair, ...] = ()


def _settled(item: Item, first: float | None, config: AnnotatorsConfig) -> _Settled:
    if item.contradictory and (item.anonymous or not item.votes):
        return _Settled(drops=_all(item, "contradictory verdicts", "of a preference pair"))
    if first is None:
        return _Settled(pairs=tuple((row, row) for row in item.rows))
    sure = round(max(first, 1 - first), _DIGITS)
    detail = f"{len(item.votes)} verdicts, the better side has probability {sure}"
    if sure < config.least_probability:
        return _Settled(drops=_all(item, "undecided verdicts", detail))
    return _one(item, first > 0.5, sure, detail, config)


def _one(item: Item, first: bool, sure: float, detail: str, config: AnnotatorsConfig) -> _Settled:
    right = [row for row in item.rows if chosen_is_first(pair_of(row)) == first]
    stands = (right or item.rows)[0]
    weight = max(weight_of(pair_of(row)) for row in item.rows)
    after = stands if right else _turned(stands)
    after = replace(after, row=replace(pair_of(after), annotators=_signed(item)))
    after = labelled(after, _soft(sure, weight, config))
    drops = tuple(
        dropped(row, "equal pair" if chosen_is_first(pair_of(row)) == first else "outvoted verdict", detail)
        for row in item.rows
        if row is not stands
    )
    changed = [] if after.row == stands.row else [repaired(stands, "verdicts combined", detail)]
    if not right:
        changed.append(repaired(stands, "verdict turned", detail))
    return _Settled(((stands, after),), drops, tuple(changed))


def _signed(item: Item) -> tuple[str, ...]:
    return tuple(sorted({*item.votes, *item.wavering}))


def _soft(sure: float, weight: float, config: AnnotatorsConfig) -> dict[str, float]:
    if config.soft == "weight":
        return {WEIGHT: round(weight * (2 * sure - 1), 6)}
    labels = {PROBABILITY: sure} if sure < 1 else {}
    return labels if weight == 1 else {**labels, WEIGHT: weight}


def _turned(placed: Placed) -> Placed:
    pair = pair_of(placed)
    return replace(placed, row=replace(pair, chosen=pair.rejected, rejected=pair.chosen, margin=None))


def _all(item: Item, reason: str, detail: str) -> tuple[Drop, ...]:
    return tuple(dropped(row, reason, detail) for row in item.rows)


def _findings(items: Sequence[Item], first: Sequence[float | None], config: AnnotatorsConfig) -> dict[str, Any]:
    names = sorted({name for item in items for name in item.votes})
    if not names:
        return {}
    shared = [item for item in items if len(item.votes) > 1]
    people = {name: _person(name, shared, items, first, _estimates(items, config)) for name in names}
    careless = [name for name, found in people.items() if found.get("accuracy", {}).get("high", 1.0) < config.alarm]
    return {
        "pairs_judged_by_several": len(shared),
        "combined_by": config.combine if _estimates(items, config) else "majority",
        "agreement": _agreement(shared),
        "wavering": sum(len(item.wavering) for item in items),
        "annotators": people,
        "careless": careless,
    }


def _agreement(shared: Sequence[Item]) -> dict[str, Any] | None:
    """Krippendorff's α over the pairs that several judged. Each counts a second time with its answers exchanged.

    So chance is one half, whatever the order in which the two answers stand.
    """
    if not shared:
        return None
    first = [sum(item.votes.values()) for item in shared]
    counts_I2 = np.array([[f, len(item.votes) - f] for f, item in zip(first, shared, strict=True)], dtype=np.float64)
    found = bootstrap_interval(counts_I2, lambda c_I2: nominal_alpha(np.vstack([c_I2, c_I2[:, ::-1]])), draws=_DRAWS)
    return {"alpha": found.value, "low": found.low, "high": found.high, "n": found.n}


def _person(
    name: str, shared: Sequence[Item], items: Sequence[Item], first: Sequence[float | None], estimated: bool
) -> dict[str, Any]:
    """How many verdicts, how often the others agree, and the estimated accuracy on the pairs that others judged too."""
    found: dict[str, Any] = {"verdicts": sum(name in item.votes for item in items)}
    own = [item.votes for item in shared if name in item.votes]
    same = sum(votes[name] == votes[other] for votes in own for other in votes if other != name)
    pairs = sum(len(votes) - 1 for votes in own)
    if pairs:
        share = wilson(same, pairs)
        found["agrees"] = {"value": share.value, "low": share.low, "high": share.high, "n": pairs}
    right = [
        p if item.votes[name] else 1 - p
        for item, p in zip(items, first, strict=True)
        if p is not None and name in item.votes and len(item.votes) > 1
    ]
    if estimated and right:
        accuracy = mean_interval(right, lower=0.0, upper=1.0)
        found["accuracy"] = {
            "value": accuracy.value,
            "low": accuracy.low,
            "high": accuracy.high,
            "n": accuracy.n,
        }
    return found
