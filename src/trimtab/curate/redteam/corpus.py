"""A version of a corpus: its attacks with family and side, grown from the version before, its sides never moving."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property

from trimtab.curate.quarantine import Hit, Quarantine
from trimtab.curate.redteam.attack import ACTIONS, Attack, Side
from trimtab.curate.redteam.families import Sides, links
from trimtab.records import Case, Expected, UserError, digest


@dataclass(frozen=True, slots=True)
class Entry:
    """``family`` is the id of one of its attacks; ``why``: why the attack is held on neither side."""

    attack: Attack
    family: str
    side: Side
    why: str = ""


@dataclass(frozen=True)
class Corpus:
    """``past``: the sides of attacks that an earlier version had and this one lacks or holds: kept for ever."""

    name: str
    version: str
    entries: tuple[Entry, ...]
    share: float
    seed: int
    parents: tuple[str, ...] = ()
    past: Mapping[str, Side] = field(default_factory=dict)

    @cached_property
    def digest(self) -> str:
        """Over content and sides, not over provenance or version: equal corpora have one digest."""
        rows = sorted([entry.attack.id, entry.side, digest(entry.attack.content())] for entry in self.entries)
        return digest({"rows": rows, "share": self.share, "seed": self.seed})

    @property
    def sides(self) -> dict[str, Side]:
        return {entry.attack.id: entry.side for entry in self.entries}

    def on(self, side: Side) -> list[Entry]:
        return [entry for entry in self.entries if entry.side == side]


def grow(
    parent: Corpus | None,
    attacks: Iterable[Attack],
    *,
    name: str,
    share: float = 0.5,
    seed: int = 0,
    replace_sets: bool = False,
) -> Corpus:
    """The next version: the parent's attacks and the new ones; the parent itself where nothing changed.

    ``share`` of the families test, drawn by hash; a parent's share and seed stay. ``replace_sets``: attacks that the
    parent has of the sets now given, and that are not among them, are removed.
    """
    if not 0 < share < 1:
        raise UserError(f"the test share must lie between 0 and 1, not {share}", field="share")
    before = {} if parent is None else {entry.attack.id: entry.attack for entry in parent.entries}
    given = {attack.id: _inherited(attack, before.get(attack.id)) for attack in attacks}
    sets = {attack.origin.get("set") for attack in given.values()} if replace_sets else set()
    kept = {id: old for id, old in before.items() if id in given or old.origin.get("set") not in sets}
    merged = {**kept, **{id: new for id, new in given.items() if before.get(id) != new}}
    if not merged:
        raise UserError("the corpus would have no attack")
    if parent is None:
        return _split(Corpus(name, "1.0.0", (), share, seed), merged)
    if merged == before:
        return parent
    version = _bumped(parent.version, major=len(kept) < len(before))
    past = {**parent.sides, **parent.past}
    return _split(Corpus(name, version, (), parent.share, parent.seed, (f"{name}@{parent.version}",), past), merged)


def contaminated(corpus: Corpus) -> list[tuple[Entry, Hit]]:
    """Train attacks that repeat a test attack as the quarantine tells it: equal, a run of 13 words, or MinHash."""
    quarantine = Quarantine()
    for entry in corpus.on("test"):
        quarantine.add(question(entry.attack), file=f"{corpus.name}@{corpus.version}")
    train = [*corpus.on("train")]
    hits = quarantine.check_all([question(entry.attack) for entry in train])
    return [(entry, hit) for entry, hit in zip(train, hits, strict=True) if hit is not None]


def question(attack: Attack) -> Case:
    """The attack as the quarantine and the evaluation see it."""
    return Case(attack.messages, Expected(ACTIONS[attack.expected], forbidden=attack.forbidden))


def _inherited(new: Attack, old: Attack | None) -> Attack:
    """What people added to an attack stays where its set, read again, says nothing of it."""
    if old is None:
        return new
    return replace(
        new, rule=new.rule or old.rule, severity=new.severity or old.severity, answer=new.answer or old.answer
    )


def _split(corpus: Corpus, attacks: Mapping[str, Attack]) -> Corpus:
    """Families and sides; then whatever still repeats across the sides is joined, or held, until nothing does."""
    sides = Sides(corpus.past, corpus.share, corpus.seed)
    ordered = sorted(attacks.values(), key=lambda attack: (sides.is_new(attack.id), attack.id))
    for id, kin in links(ordered):
        sides.add(id, kin)
    of_case = {question(attack).id: id for id, attack in attacks.items()}
    for _ in range(2 * len(attacks)):  # each round joins two families or holds an attack
        entries = tuple(
            Entry(attacks[id], sides.family(id), sides.side(id), sides.held.get(id, "")) for id in sorted(attacks)
        )
        done = Corpus(
            corpus.name, corpus.version, entries, corpus.share, corpus.seed, corpus.parents, _past(corpus.past, entries)
        )
        hits = contaminated(done)
        if not hits:
            return done
        for entry, hit in hits:
            _part(sides, entry.attack.id, of_case[hit.case])
    raise AssertionError("the quarantine tells one pair of attacks from itself")


def _part(sides: Sides, train: str, test: str) -> None:
    """Two attacks on different sides that repeat each other: one family; or the new one is held, else the train one."""
    if not sides.join(train, test):
        held = test if sides.is_new(test) and not sides.is_new(train) else train
        sides.hold(held, test if held == train else train)


def _past(past: Mapping[str, Side], entries: Iterable[Entry]) -> dict[str, Side]:
    here = {entry.attack.id for entry in entries if entry.side != "held"}
    return {id: side for id, side in past.items() if id not in here and side != "held"}


def _bumped(version: str, *, major: bool) -> str:
    """Semantic versions: attacks removed is a major step, added or relabelled a minor one."""
    first, second, _ = (int(part) for part in version.split("."))
    return f"{first + 1}.0.0" if major else f"{first}.{second + 1}.0"
