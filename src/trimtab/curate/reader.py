"""One source, read row by row: what its files were taken for, the rows, and every row that is none."""

import heapq
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import partial
from itertools import chain, count
from pathlib import Path
from typing import Any

from trimtab.curate.adapters import Adapter, AdapterOptions, adapter_named
from trimtab.curate.config import CurateConfig, SourceConfig
from trimtab.curate.hashing import uniform
from trimtab.curate.place import Drop, Item, Placed, Told
from trimtab.curate.provenance import granted, labelled
from trimtab.curate.reading import Raw, find_files, read_raw
from trimtab.curate.reading.hub import fetch, parse_hub
from trimtab.curate.split import side_of
from trimtab.curate.telling import How, first_rows, parse_row, told
from trimtab.curate.units import first_question
from trimtab.records import Case, Progress, Silent, ToolSchema, UserError, case_from_json


@dataclass(frozen=True, slots=True)
class File:
    """A file of a source: where it lies, its name for people, what its rows carry in provenance, what else to say."""

    path: Path
    shown: str
    about: Mapping[str, str] = field(default_factory=dict)
    note: str = ""


@dataclass(frozen=True, slots=True)
class Reader:
    """Reads one source for training or for cases, a bounded part of it at a time."""

    source: SourceConfig
    config: CurateConfig
    root: Path
    tools: tuple[ToolSchema, ...] = ()
    progress: Progress = field(default_factory=Silent)
    as_they_are: bool = False

    @property
    def name(self) -> str:
        return self.source.name or Path(self.source.path).name

    def stream(self) -> Iterator[Item]:
        """Everything that the source holds, in order. Raises UserError, also when there is no row at all."""
        items, seen = (item for file in self._files() for item in self._file(file)), False
        for item in _limited(items, self.source.limit, self.config.seed):
            seen = seen or not isinstance(item, Told)
            yield item
        if not seen:
            raise UserError("the source has no rows", file=self.source.path)

    def cases(self) -> Iterator[Case]:
        """The sealed side's cases. A source that is sealed as a whole is never skipped over: a bad row stops."""
        for file in self._files():
            raws = read_raw(file.path, file.shown, self.progress)
            first = first_rows(raws)
            read = partial(_case, adapter=self._how(first).adapter, options=self._options())
            for raw in chain(first, raws):
                case, drop = self._tried(raw, read)
                if drop is not None and self.source.split == "sealed":
                    raise UserError(drop.detail, file=drop.file, line=drop.line, fix="A sealed row cannot be skipped")
                if case is not None and self._on_side(first_question(case), "sealed"):
                    yield replace(case, labels={**case.labels, "source": self.name})

    def _files(self) -> list[File]:
        ref = parse_hub(self.source.path, self.root)
        if ref is None:
            return [File(path, self._shown(path)) for path in find_files(self.source.path, self.root)]
        got = fetch(ref, self.progress)
        place = f"{ref.name}@{got.revision[:8]}"
        left = f"; files of the data set that were not asked for: {', '.join(got.left[:8])}" if got.left else ""
        return [File(path, f"{place}/{name}", got.provenance, left) for name, path in got.files.items()]

    def _file(self, file: File) -> Iterator[Item]:
        raws = read_raw(file.path, file.shown, self.progress)
        first = first_rows(raws)
        how = self._how(first)
        yield Told(file.shown, how.sentence + file.note)
        for raw in chain(first, raws):
            yield from self._row(raw, how, file)

    def _row(self, raw: Raw, how: How, file: File) -> Iterator[Item]:
        parsed, drop = self._tried(raw, partial(parse_row, how=how))
        if drop is not None:
            yield drop
        elif not parsed and how.adapter is not None:
            yield Drop("nothing to learn", how.adapter.skipped, self.name, raw.file, raw.line)
        about = {**file.about, **granted(self.source.license, self.source.consent)}
        for row in parsed or ():
            if self._on_side(first_question(row), self.source.split):
                known = row if self.as_they_are else labelled(row, raw, self.source.domain, self.name, about)
                yield Placed(known, self.name, raw.file, raw.line, self.source.weight)

    def _tried(self, raw: Raw, read: Callable[[Any], Any]) -> tuple[Any, Drop | None]:
        """What ``read`` makes of the row; a person's mistake stops everything or is a Drop, as configured."""
        try:
            if raw.error is not None:
                raise raw.error
            return read(raw.value), None
        except UserError as error:
            if self.config.on_error == "refuse":
                raise error.at(file=raw.file, line=raw.line) from error
            detail = f"{error.field}: {error.message}" if error.field else error.message
            return None, Drop("malformed", detail, self.name, raw.file, raw.line)

    def _how(self, first: list[Raw]) -> How:
        values = [raw.value for raw in first if raw.error is None]
        return told(values, self.source.format, self.source.adapter, self._options())

    def _options(self) -> AdapterOptions:
        return AdapterOptions(self.config.texts, self.tools, self.source.passage_words)

    def _on_side(self, question: str, side: str) -> bool:
        split = self.config.split
        return side == "all" or side_of(question, split.sealed_share, split.seed) == side

    def _shown(self, path: Path) -> str:
        return path.relative_to(self.root).as_posix() if path.is_relative_to(self.root) else str(path)


def _case(value: Any, adapter: Adapter | None, options: AdapterOptions) -> Case | None:
    if not isinstance(value, Mapping):
        raise UserError(f"a row must be an object, not {type(value).__name__}")
    if isinstance(value.get("expected"), Mapping):
        return case_from_json(value)
    return (adapter or adapter_named("tool_sft", options)).case(value)


def _limited(items: Iterator[Item], limit: int | None, seed: int) -> Iterator[Item]:
    """At most ``limit`` rows, drawn by hash: a larger limit keeps every row of a smaller one; no more are held."""
    if limit is None:
        yield from items
        return
    drawn: list[tuple[float, int, Placed]] = []
    order = count()
    for item in items:
        if not isinstance(item, Placed):
            yield item
            continue
        entry = (-uniform("limit", seed, item.key), -next(order), item)
        if len(drawn) < limit:
            heapq.heappush(drawn, entry)
        else:
            heapq.heappushpop(drawn, entry)
    yield from (placed for _, _, placed in sorted(drawn, key=lambda entry: -entry[1]))
