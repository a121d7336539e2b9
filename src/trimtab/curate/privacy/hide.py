"""One row's personal data behind placeholders: equal data get the same one in every text, call, label and comment."""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

from trimtab.curate.privacy.known import any_writing
from trimtab.curate.privacy.leaves import Leaf, leaves, rebuilt
from trimtab.text import Span, normal_datum

Find = Callable[[str], Sequence[Span]]
PLACEHOLDER = re.compile(r"<([A-Z]+)_(\d+)>")


@dataclass(frozen=True, slots=True)
class Writing:
    """One occurrence of a datum: what stands there now, and what stood there (a text or a number)."""

    placeholder: str
    original: Any


Part = str | Writing


@dataclass(frozen=True, slots=True)
class Hidden:
    """``mapping``: placeholder -> what stood there, occurrence after occurrence; one entry where all are the same."""

    value: Any
    mapping: Mapping[str, list[Any]]
    kinds: Mapping[str, str]
    """Placeholder -> kind."""


def hide(
    value: Any, find: Find, *, aliases: Mapping[str, str] | None = None, aside: Sequence[str] = ()
) -> Hidden | None:
    """JSON with every datum that ``find`` finds replaced wherever it stands; None where it finds none.

    ``aliases``: annotators -> their placeholder. Below the outermost keys ``aside`` nothing is looked for, but texts
    there lose what was found elsewhere; numbers there stay. What already looks like a placeholder stays, and its
    number is not given again.
    """
    found = _Row(list(leaves(value)), find, aliases or {}, frozenset(aside))
    if not found.any():
        return None
    found.settle()
    return Hidden(rebuilt(value, found.fresh_keys()), found.mapping(), found.kinds)


class _Row:
    """The leaves of one row while data are being cut out of them."""

    def __init__(self, row: list[Leaf], find: Find, aliases: Mapping[str, str], aside: frozenset[str]) -> None:
        self._leaves, self._find, self._aliases, self._aside = row, find, aliases, aside
        self._parts: list[list[Part]] = [[leaf.text] for leaf in row]
        self._placeholders: dict[str, str] = {}
        self._exact: dict[str, str] = {}
        self._taken: dict[str, int] = {}
        self.kinds: dict[str, str] = {}

    def any(self) -> bool:
        return any(
            self._looked_at(leaf) and (self._alias(leaf) or self._spans(leaf, leaf.text)) for leaf in self._leaves
        )

    def settle(self) -> None:
        """Cut until nothing is found: what stood beside a datum may hide another, seen once the first is gone."""
        for leaf in self._leaves:
            for kind, number in PLACEHOLDER.findall(leaf.text):
                self._taken[kind] = max(self._taken.get(kind, 0), int(number))
        self._name_annotators()
        while self._cut_found():
            while self._cut_known():
                pass

    def mapping(self) -> dict[str, list[Any]]:
        writings: dict[str, list[Any]] = {}
        for parts in self._parts:
            for part in parts:
                if isinstance(part, Writing):
                    writings.setdefault(part.placeholder, []).append(part.original)
        return {name: _short(originals) for name, originals in writings.items()}

    def fresh_keys(self) -> list[Any]:
        """The leaves' new values; two keys of one object never become one."""
        seen: dict[tuple[Any, ...], set[str]] = {}
        for i, leaf in enumerate(self._leaves):
            if leaf.is_key:
                siblings = seen.setdefault(leaf.path, set())
                if _rendered(self._parts[i]) in siblings:
                    kind = next(self.kinds[part.placeholder] for part in self._parts[i] if isinstance(part, Writing))
                    self._parts[i] = [Writing(self._new(kind), leaf.value)]
                siblings.add(_rendered(self._parts[i]))
        return [
            leaf.value if all(isinstance(part, str) for part in parts) else _rendered(parts)
            for leaf, parts in zip(self._leaves, self._parts, strict=True)
        ]

    def _looked_at(self, leaf: Leaf) -> bool:
        return leaf.top not in self._aside

    def _alias(self, leaf: Leaf) -> str | None:
        return self._aliases.get(leaf.text) if leaf.name in ("annotators", "annotator") and not leaf.is_key else None

    def _name_annotators(self) -> None:
        for i, leaf in enumerate(self._leaves):
            if alias := self._alias(leaf):
                self.kinds[alias] = "ANNOTATOR"
                self._placeholders[normal_datum(leaf.text)] = self._exact[leaf.text] = alias
                self._parts[i] = [Writing(alias, leaf.value)]

    def _spans(self, leaf: Leaf, text: str) -> list[Span]:
        """What is found in a text, its key read as a cue before it, apart from placeholders."""
        said = f"{leaf.name}: " if leaf.name else ""
        fixed = [match.span() for match in PLACEHOLDER.finditer(text)]
        return [
            Span(start, end, span.kind, text[start:end])
            for span in self._find(said + text)
            if (start := span.start - len(said)) >= 0
            and (end := span.end - len(said)) > start
            and all(end <= left or right <= start for left, right in fixed)
        ]

    def _cut_found(self) -> bool:
        some = False
        for i, leaf in enumerate(self._leaves):
            if self._looked_at(leaf) and (spans := self._spans(leaf, _rendered(self._parts[i]))):
                some = True
                self._cut(i, [(span.start, span.end, self._placeholder(span)) for span in spans])
        return some

    def _cut_known(self) -> bool:
        """Whatever is found in one place goes in all others, in whichever of its writings; False when all is gone."""
        some = False
        known = any_writing(list(self._exact), [datum for datum in self._placeholders if datum.isdecimal()])
        for i, leaf in enumerate(self._leaves):
            if not isinstance(leaf.value, str) and not self._looked_at(leaf):
                continue
            cuts, offset = [], 0
            for part in self._parts[i]:
                if isinstance(part, str):
                    for match in known.finditer(part):
                        name = self._exact.get(match.group()) or self._placeholders[normal_datum(match.group())]
                        cuts.append((offset + match.start(), offset + match.end(), name))
                offset += len(part if isinstance(part, str) else part.placeholder)
            if cuts:
                some = True
                self._cut(i, cuts)
        return some

    def _cut(self, index: int, cuts: Sequence[tuple[int, int, str]]) -> None:
        """Writings in the place of ``text[start:end]``; a number goes whole."""
        leaf = self._leaves[index]
        if not isinstance(leaf.value, str):
            whole = Span(0, len(leaf.text), self.kinds[cuts[0][2]], leaf.text)
            self._parts[index] = [Writing(self._placeholder(whole), leaf.value)]
            return
        text, old = _rendered(self._parts[index]), _positions(self._parts[index])
        self._exact.update({text[start:end]: name for start, end, name in cuts})
        new = [(start, end, Writing(name, text[start:end])) for start, end, name in cuts]
        ordered = sorted([*old, *new], key=lambda cut: cut[0])
        edges = [0, *(edge for start, end, _ in ordered for edge in (start, end)), len(text)]
        gaps = [text[left:right] for left, right in list(pairwise(edges))[::2]]
        parts: list[Part] = [gaps[0]]
        for (_, _, writing), gap in zip(ordered, gaps[1:], strict=True):
            parts += [writing, gap]
        self._parts[index] = parts

    def _placeholder(self, span: Span) -> str:
        key = normal_datum(span.text) or span.text
        if key not in self._placeholders:
            self._placeholders[key] = self._new(span.kind)
        return self._exact.setdefault(span.text, self._placeholders[key])

    def _new(self, kind: str) -> str:
        name = re.sub("[^A-Z]", "", kind.upper()) or "DATUM"
        self._taken[name] = self._taken.get(name, 0) + 1
        placeholder = f"<{name}_{self._taken[name]}>"
        self.kinds[placeholder] = kind
        return placeholder


def _rendered(parts: Sequence[Part]) -> str:
    return "".join(part if isinstance(part, str) else part.placeholder for part in parts)


def _positions(parts: Sequence[Part]) -> list[tuple[int, int, Writing]]:
    found, offset = [], 0
    for part in parts:
        length = len(part if isinstance(part, str) else part.placeholder)
        if isinstance(part, Writing):
            found.append((offset, offset + length, part))
        offset += length
    return found


def _short(originals: list[Any]) -> list[Any]:
    same = all(type(one) is type(originals[0]) and one == originals[0] for one in originals)
    return originals[:1] if same else originals
