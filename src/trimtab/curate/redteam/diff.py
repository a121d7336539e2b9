"""What changed between two versions: added, removed, relabelled, reworded, and moved sides, which must never be."""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from trimtab.curate.near import NearIndex, signature
from trimtab.curate.redteam.attack import Attack
from trimtab.curate.redteam.corpus import Corpus, Entry
from trimtab.curate.redteam.families import NEAR


@dataclass(frozen=True, slots=True)
class Diff:
    """Ids; ``relabelled``: id -> fields; ``reworded``: removed id -> the nearly equal added one, then in neither list.

    ``moved``: id -> "train to test"; a version that moves one must not be used.
    """

    added: tuple[str, ...]
    removed: tuple[str, ...]
    relabelled: Mapping[str, tuple[str, ...]]
    reworded: Mapping[str, str]
    moved: Mapping[str, str]
    by_category: Mapping[str, tuple[int, int]]
    """Hazard code -> (added, removed), rewordings counted in both; so ``by_style``."""
    by_style: Mapping[str, tuple[int, int]]

    def to_json(self) -> dict[str, Any]:
        return {
            "added": list(self.added),
            "removed": list(self.removed),
            "relabelled": {id: list(fields) for id, fields in self.relabelled.items()},
            "reworded": dict(self.reworded),
            "moved": dict(self.moved),
            "by_category": {name: list(counts) for name, counts in self.by_category.items()},
            "by_style": {name: list(counts) for name, counts in self.by_style.items()},
        }


def compare(old: Corpus, new: Corpus) -> Diff:
    before, after = ({entry.attack.id: entry for entry in corpus.entries} for corpus in (old, new))
    gone, come = ([a[id].attack for id in a if id not in b] for a, b in ((before, after), (after, before)))
    reworded = _reworded(gone, come)
    both = [(before[id], after[id]) for id in before if id in after]
    return Diff(
        added=tuple(attack.id for attack in come if attack.id not in reworded.values()),
        removed=tuple(attack.id for attack in gone if attack.id not in reworded),
        relabelled={a.attack.id: fields for a, b in both if (fields := _fields(a.attack, b.attack))},
        reworded=reworded,
        moved={a.attack.id: f"{a.side} to {b.side}" for a, b in both if _moves(a, b)} | _returned(old, after),
        by_category=_counts(come, gone, lambda attack: attack.categories or ("unmapped",)),
        by_style=_counts(come, gone, lambda attack: (attack.style,)),
    )


def _moves(a: Entry, b: Entry) -> bool:
    """An attack that was held may find a side; one that had a side keeps it, or a train attack is withdrawn."""
    return a.side != "held" and b.side != a.side and (a.side, b.side) != ("train", "held")


def _returned(old: Corpus, after: Mapping[str, Entry]) -> dict[str, str]:
    """Attacks that were removed or held before and are back, on another side than they had."""
    return {
        id: f"{side} to {after[id].side}"
        for id, side in old.past.items()
        if id in after and after[id].side not in ("held", side)
    }


def _fields(a: Attack, b: Attack) -> tuple[str, ...]:
    first, second = a.content(), b.content()
    return tuple(name for name in first if first[name] != second[name])


def _reworded(gone: list[Attack], come: list[Attack]) -> dict[str, str]:
    """Each removed attack with the added one that is most like it, each used once."""
    index, found = NearIndex(NEAR), dict[str, str]()
    for attack in come:
        index.add(signature(attack.text))
    for attack in gone:
        alike = (come[place].id for place, _ in index.alike(signature(attack.text)))
        if (match := next((id for id in alike if id not in found.values()), None)) is not None:
            found[attack.id] = match
    return found


def _counts(come: Iterable[Attack], gone: Iterable[Attack], names: Any) -> dict[str, tuple[int, int]]:
    added = Counter(name for attack in come for name in names(attack))
    removed = Counter(name for attack in gone for name in names(attack))
    return {name: (added[name], removed[name]) for name in sorted(added | removed)}
