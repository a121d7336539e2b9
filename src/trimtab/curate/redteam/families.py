"""Families: attacks that are one thing in other words, and so must stay on one side of the split."""

from collections.abc import Iterable, Iterator, Mapping

from trimtab.curate.hashing import uniform
from trimtab.curate.near import NearIndex, signature
from trimtab.curate.redteam.attack import Attack, Side
from trimtab.text import ngrams, normalise, words

NEAR = 0.5
"""Estimated Jaccard of 3-word shingles: lower than what counts as contamination, so that paraphrases stay together."""
RUN = 13
"""A shared run of so many words binds two attacks: a jailbreak template is learnt like a question."""
_SHORTEST = 4
"""A goal of fewer words stands in other texts by accident."""


def links(attacks: Iterable[Attack]) -> Iterator[tuple[str, set[str]]]:
    """Each attack's id with the ids of earlier ones that it belongs with: the same goal or text, nearly the same,
    a shared run of 13 words, or one's goal standing in the other's text."""
    known = _Known()
    for attack in attacks:
        yield attack.id, known.add(attack)


class _Known:
    """What was seen so far, by every sign of kinship; the caller's union is transitive, so a sign has one owner."""

    def __init__(self) -> None:
        self._near, self._near_owner = NearIndex(NEAR), list[str]()
        self._signs: dict[str, str] = {}
        self._goals: dict[int, dict[str, str]] = {}
        self._inner: dict[str, list[str]] = {}
        self._texts: dict[str, list[str]] = {}

    def add(self, attack: Attack) -> set[str]:
        """The kin among those before; then it is one of them."""
        texts = list(dict.fromkeys(normalise(text) for text in (attack.text, attack.goal) if normalise(text)))
        found = self._same(attack.id, texts) | self._alike(attack.id, texts)
        return found | self._goal_inside(attack.id, texts, words(attack.goal))

    def _same(self, id: str, texts: list[str]) -> set[str]:
        signs = {sign for text in texts for sign in (text, *ngrams(words(text), RUN))}
        found = {self._signs.setdefault(sign, id) for sign in sorted(signs)}
        return found - {id}

    def _alike(self, id: str, texts: list[str]) -> set[str]:
        found = set[str]()
        signatures = [signature(text) for text in texts]
        for sign in signatures:
            found.update(self._near_owner[place] for place, _ in self._near.alike(sign))
        for sign in signatures:
            self._near.add(sign)
            self._near_owner.append(id)
        return found

    def _goal_inside(self, id: str, texts: list[str], goal: list[str]) -> set[str]:
        """Earlier goals in this text, and this goal in earlier texts (whose runs of that length are kept lazily)."""
        found = set[str]()
        for text in texts:
            tokens = words(text)
            for length, goals in self._goals.items():
                found.update(goals[run] for run in ngrams(tokens, length) if run in goals)
        if _SHORTEST <= len(goal) <= RUN:
            run = " ".join(goal)
            self._goals.setdefault(len(goal), {}).setdefault(run, id)
            head = " ".join(goal[:_SHORTEST])
            found.update(other for other in self._inner.get(head, ()) if self._holds(other, run))
        for text in texts:
            self._texts.setdefault(id, []).append(f" {text} ")
            for head in ngrams(words(text), _SHORTEST):
                self._inner.setdefault(head, []).append(id)
        return found - {id}

    def _holds(self, other: str, run: str) -> bool:
        return any(f" {run} " in text for text in self._texts[other])


class Sides:
    """Families with their sides: a union of kin in which two families of different fixed sides never become one."""

    def __init__(self, fixed: Mapping[str, Side], share: float, seed: int) -> None:
        self._fixed, self._share, self._seed = dict(fixed), share, seed
        self._up: dict[str, str] = {}
        self._side: dict[str, Side] = {}
        self.held: dict[str, str] = {}
        """Attack id -> why it is on neither side."""

    def add(self, id: str, kin: Iterable[str]) -> None:
        """Join the attack to its kin's families; where these are on both sides it is held, and joins none."""
        self._up[id] = id
        if id in self._fixed and self._fixed[id] != "held":
            self._side[id] = self._fixed[id]
        for other in sorted(kin):
            if not self.join(id, other) and self.is_new(id):
                self.hold(id, other)
                return

    def join(self, a: str, b: str) -> bool:
        """Make two families one; False, and nothing changes, where their sides differ. Held attacks join none."""
        if a in self.held or b in self.held:
            return True
        first, second = sorted((self.family(a), self.family(b)))
        sides = {self._side[root] for root in (first, second) if root in self._side}
        if len(sides) > 1:
            return False
        self._up[second] = first
        if sides:
            self._side[first] = sides.pop()
        return True

    def hold(self, id: str, other: str) -> None:
        """Keep the attack off both sides: a family that an earlier version has settled never moves."""
        self.held[id] = f"it belongs to families on both sides, such as that of {other[:12]}"

    def family(self, id: str) -> str:
        while self._up[id] != id:
            self._up[id] = self._up[self._up[id]]
            id = self._up[id]
        return id

    def side(self, id: str) -> Side:
        """Fixed by an earlier version, or drawn by the hash of the family's name."""
        if id in self.held:
            return "held"
        root = self.family(id)
        drawn: Side = "test" if uniform("redteam", self._seed, root) < self._share else "train"
        return self._side.get(root, drawn)

    def is_new(self, id: str) -> bool:
        return self._fixed.get(id, "held") == "held"
