"""The quarantine: sealed cases, and the check at every data door that no training row repeats one."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, Protocol

from trimtab.curate.config import QuarantineConfig
from trimtab.curate.near import NearIndex, signature
from trimtab.curate.place import Placed, dropped
from trimtab.curate.reading import find_files
from trimtab.curate.runs import RunIndex
from trimtab.curate.stage import Staged
from trimtab.curate.units import final_answers, user_turns
from trimtab.records import Case, Row, UserError, case_from_json, digest, file_digest, iter_jsonl, row_from_json
from trimtab.text import normalise, words

_TELLING = 5
"""A single turn of fewer words ("yes please") tells nothing; the user's whole side always counts."""
_LONG_ANSWER = 8
"""An answer of fewer words ("The answer is 18.") is shared by accident."""


@dataclass(frozen=True, slots=True)
class Hit:
    """The sealed case that a row repeats: its id, file and line, how it was found, and the text in common."""

    case: str
    file: str
    line: int
    how: Literal["exact", "ngram", "near"]
    text: str
    score: float = 1.0

    def __str__(self) -> str:
        return f"{self.how} match with sealed case {self.case[:12]} ({self.file}:{self.line}): {self.text[:80]!r}"


class Ledger(Protocol):
    """Where looks at sealed cases are written down."""

    def look(self, shard: str, suite: str, who: str, purpose: str, time: float) -> Any: ...


@dataclass(frozen=True, slots=True)
class _Sealed:
    case: str
    file: str
    line: int


class Quarantine:
    """User turns and final answers of sealed cases, looked up by equality, shared runs of words, and MinHash.

    System prompts, schemas and tool results are shared by nature and not compared; nor are the ``shared`` texts (the
    policy's own wordings).
    """

    def __init__(self, config: QuarantineConfig | None = None, shared: Iterable[str] = ()) -> None:
        config = config or QuarantineConfig()
        self._shared = {normalise(text) for text in shared}
        self._exact: dict[str, int] = {}
        self._runs, self._near = RunIndex(config.ngram, config.shortest), NearIndex(config.threshold)
        self._sealed: list[_Sealed] = []
        self._run_owner: list[int] = []
        self._near_owner: list[int] = []
        self._shards: dict[str, str] = {}

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
                quarantine._load_file(
                    path, path.relative_to(root).as_posix() if path.is_relative_to(root) else str(path)
                )
        return quarantine

    def __len__(self) -> int:
        return len(self._sealed)

    @property
    def digest(self) -> str:
        """Over the sealed cases' ids: it moves when one does."""
        return digest(sorted(sealed.case for sealed in self._sealed))

    def record_look(self, ledger: Ledger, *, who: str, purpose: str, time: float) -> None:
        """One ledger entry a sealed file: that it was read, by whom and what for."""
        for shard, content in self._shards.items():
            ledger.look(shard, content, who, purpose, time)

    def add(self, sealed: Case | Row, file: str = "", line: int = 0) -> None:
        self._sealed.append(_Sealed(sealed.id, file, line))
        owner = len(self._sealed) - 1
        for text in self._units(sealed):
            self._exact.setdefault(normalise(text), owner)
            self._runs.add(words(text))
            self._run_owner.append(owner)
        for text in self._wholes(sealed):
            self._near.add(signature(text))
            self._near_owner.append(owner)

    def check(self, row: Case | Row) -> Hit | None:
        """The sealed case that this row repeats, by the plainest evidence first; None for a clean row."""
        units = self._units(row)
        for text in units:
            if (owner := self._exact.get(normalise(text))) is not None:
                return self._hit(owner, "exact", text)
        for text in units:
            if (found := self._runs.find(words(text))) is not None:
                return self._hit(self._run_owner[found[0]], "ngram", found[1])
        for text in self._wholes(row):
            if alike := self._near.alike(signature(text)):
                place, score = alike[0]
                return self._hit(self._near_owner[place], "near", text, score)
        return None

    def _units(self, row: Case | Row) -> list[str]:
        """The user's whole side, each telling turn, each long answer; each text once."""
        turns = user_turns(row)
        telling = [turn for turn in turns if len(words(turn)) >= _TELLING]
        return list(dict.fromkeys(["\n".join(turns), *telling, *self._answers(row)])) if turns else self._answers(row)

    def _wholes(self, row: Case | Row) -> list[str]:
        side = "\n".join(user_turns(row))
        return ([side] if side else []) + self._answers(row)

    def _answers(self, row: Case | Row) -> list[str]:
        return [
            text
            for text in final_answers(row)
            if len(words(text)) >= _LONG_ANSWER and normalise(text) not in self._shared
        ]

    def _hit(self, owner: int, how: Literal["exact", "ngram", "near"], text: str, score: float = 1.0) -> Hit:
        sealed = self._sealed[owner]
        return Hit(sealed.case, sealed.file, sealed.line, how, text, score)

    def _load_file(self, path: Path, name: str) -> None:
        self._shards[name] = file_digest(path)
        before = len(self)
        for line, value in iter_jsonl(path):
            try:
                sealed = (
                    case_from_json(value) if isinstance(value, dict) and "expected" in value else row_from_json(value)
                )
            except UserError as error:
                raise error.at(file=name, line=line) from error
            self.add(sealed, name, line)
        if len(self) == before:
            raise UserError("the file seals no case", file=name, fix="Remove it, or put cases in")


def quarantine_stage(rows: Sequence[Placed], quarantine: Quarantine) -> Staged:
    """Rows that repeat no sealed case; a drop names the case that a row repeats."""
    kept, drops = [], []
    for placed in rows:
        hit = quarantine.check(placed.row)
        if hit is None:
            kept.append(placed)
        else:
            drops.append(dropped(placed, "quarantine", str(hit)))
    return Staged(kept, drops, findings={"digest": quarantine.digest, "cases": len(quarantine)})
