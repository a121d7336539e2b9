"""The check at every data door that no training row repeats a sealed case."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from trimtab.curate.config import QuarantineConfig
from trimtab.curate.place import Placed, dropped
from trimtab.curate.quarantine.embed import Embedder, check_embedder, embedded
from trimtab.curate.quarantine.keyed import Keyed
from trimtab.curate.quarantine.match import How, Match, Matcher
from trimtab.curate.quarantine.prints import Named, Prints, join_prints, make_prints
from trimtab.curate.quarantine.shard import prints_path, read_shard
from trimtab.curate.quarantine.texts import texts_of
from trimtab.curate.reading import find_files
from trimtab.curate.stage import Staged
from trimtab.records import Case, Row, UserError, case_from_json, digest, file_digest, iter_jsonl, row_from_json
from trimtab.text import normalise

_BATCH = 1024
"""Rows that are laid end to end at a time."""


@dataclass(frozen=True, slots=True)
class Hit:
    """The sealed case that a row repeats: its id, file and line, how it was found, and the row's text that does."""

    case: str
    file: str
    line: int
    how: How
    text: str
    score: float = 1.0

    def __str__(self) -> str:
        return f"{self.how} match with sealed case {self.case[:12]} ({self.file}:{self.line}): {self.text[:80]!r}"


class Ledger(Protocol):
    """Where looks at sealed cases are written down."""

    def look(self, shard: str, suite: str, who: str, purpose: str, time: float) -> Any: ...


class Quarantine:
    """Sealed cases, known by their prints; rows are held against them.

    ``shared``: texts that belong to nobody (the policy's own wordings). ``keyed``: the key of the sealed shards.
    ``embedder``: compares what is said as well; shards must have been sealed with the same.
    """

    def __init__(
        self,
        config: QuarantineConfig | None = None,
        shared: Iterable[str] = (),
        keyed: Keyed | None = None,
        embedder: Embedder | None = None,
    ) -> None:
        self._embedder = embedder
        self._config, self._keyed = config or QuarantineConfig(), keyed or Keyed()
        self._shared = frozenset(normalise(text) for text in shared)
        self._open: list[tuple[Case | Row, Named]] = []
        self._sealed: list[Prints] = []
        self._names: list[str] = []
        self._shards: dict[str, str] = {}
        self._ready: tuple[Matcher, tuple[Named, ...]] | None = None

    @classmethod
    def load(
        cls,
        patterns: Sequence[str],
        root: Path,
        config: QuarantineConfig | None = None,
        shared: Iterable[str] = (),
    ) -> "Quarantine":
        """Every sealed case (or training-shaped row) of the files. Raises UserError on a bad line and on no file."""
        quarantine = cls(config, shared)
        for pattern in patterns:
            for path in find_files(pattern, root):
                quarantine.add_file(path, path.relative_to(root).as_posix() if path.is_relative_to(root) else str(path))
        return quarantine

    def __len__(self) -> int:
        return len(self._names)

    @property
    def digest(self) -> str:
        """Over the sealed cases' ids: it moves when one does."""
        return digest(sorted(self._names))

    def record_look(self, ledger: Ledger, *, who: str, purpose: str, time: float) -> None:
        """One ledger entry a shard: that rows were held against it, by whom and what for."""
        for shard, content in self._shards.items():
            ledger.look(shard, content, who, purpose, time)

    def add(self, sealed: Case | Row, file: str = "", line: int = 0) -> None:
        named = Named(sealed.id, file, line)
        self._open.append((sealed, named))
        self._names.append(named.case)
        self._ready = None

    def add_shard(self, path: Path, name: str) -> None:
        """The sealed shard called ``path``, by its prints. Raises UserError where it is broken or of another key."""
        header, prints = read_shard(path, self._keyed)
        if (header.ngram, header.shortest) != (self._config.ngram, self._config.shortest):
            raise UserError(
                f"sealed for runs of {header.ngram} words, {header.shortest} at least",
                file=prints_path(path),
                fix=f"Set data.quarantine.ngram: {header.ngram} and shortest: {header.shortest}",
            )
        self.add_prints(prints, name, header.content)

    def add_prints(self, prints: Prints, shard: str, content: str) -> None:
        """Prints of this quarantine's key; ``content`` is the shard's digest."""
        self._sealed.append(prints)
        self._names += [named.case for named in prints.cases]
        self._shards[shard] = content
        self._ready = None

    def add_file(self, path: Path, name: str) -> None:
        """A file of cases that lies open. Raises UserError with file and line, and where it seals no case."""
        self._shards[name] = file_digest(path)
        before = len(self)
        for line, value in iter_jsonl(path):
            self.add(sealed_from_json(value, name, line), name, line)
        if len(self) == before:
            raise UserError("the file seals no case", file=name, fix="Remove it, or put cases in")

    def check(self, row: Case | Row) -> Hit | None:
        """The sealed case that this row repeats, by the plainest evidence first; None for a clean row."""
        return self.check_all([row])[0]

    def check_all(self, rows: Sequence[Case | Row]) -> list[Hit | None]:
        """``check`` of each row, at a fraction of the price."""
        matcher, cases = self._matcher()
        found: list[Hit | None] = []
        for start in range(0, len(rows), _BATCH):
            batch = [texts_of(row, self._shared) for row in rows[start : start + _BATCH]]
            found += [_hit(match, cases) for match in matcher.match(batch)]
        return found

    def prints(self) -> Prints:
        """Of every case that was added one by one: what sealing writes down."""
        config = self._config
        texts = [texts_of(row, self._shared) for row, _ in self._open]
        made = make_prints([named for _, named in self._open], texts, self._keyed, config.ngram, config.shortest)
        return embedded(made, texts, self._embedder) if self._embedder is not None else made

    def _matcher(self) -> tuple[Matcher, tuple[Named, ...]]:
        if self._ready is None:
            if self._embedder is not None:
                check_embedder(self._sealed, self._embedder)
            joined, config = join_prints([self.prints(), *self._sealed]), self._config
            self._ready = Matcher(joined, self._keyed, config, self._embedder), joined.cases
        return self._ready


def sealed_from_json(value: Any, file: str, line: int) -> Case | Row:
    """A case or a training-shaped row. Raises UserError with the place."""
    try:
        return case_from_json(value) if isinstance(value, dict) and "expected" in value else row_from_json(value)
    except UserError as error:
        raise error.at(file=file, line=line) from error


def quarantine_stage(rows: Sequence[Placed], quarantine: Quarantine) -> Staged:
    """Rows that repeat no sealed case; a drop names the case that a row repeats."""
    kept, drops = [], []
    for placed, hit in zip(rows, quarantine.check_all([placed.row for placed in rows]), strict=True):
        if hit is None:
            kept.append(placed)
        else:
            drops.append(dropped(placed, "quarantine", str(hit)))
    return Staged(kept, drops, findings={"digest": quarantine.digest, "cases": len(quarantine)})


def _hit(match: Match | None, cases: Sequence[Named]) -> Hit | None:
    if match is None:
        return None
    named = cases[match.owner]
    return Hit(named.case, named.file, named.line, match.how, match.text, match.score)
