"""Sources in, rows out: each with its file and line, each labelled; what is malformed stops the import or is listed."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from trimtab.curate.adapters import ADAPTERS, Adapter, AdapterOptions, adapter_named
from trimtab.curate.config import CurateConfig, OnError, SourceConfig, SplitConfig
from trimtab.curate.formats import Format, format_named, guess_format, understood
from trimtab.curate.hashing import uniform
from trimtab.curate.labelling import action_of
from trimtab.curate.place import Drop, Imported, Placed, join_imports
from trimtab.curate.reading import Raw, find_files, read_raw
from trimtab.curate.split import side_of
from trimtab.curate.units import first_question
from trimtab.records import Case, Example, Row, ToolSchema, UserError, case_from_json

_FIRST = 20
"""Rows by which a format is told."""


def import_sources(config: CurateConfig, root: Path, tools: tuple[ToolSchema, ...] = ()) -> Imported:
    """Every source's training rows. ``tools``: the product's own schemas, for adapters.

    Raises UserError with file, line and field; under ``on_error: skip`` a malformed row becomes a Drop instead.
    """
    readers = [_Reader(source, config, root, tools) for source in config.sources if source.split != "sealed"]
    return join_imports([reader.rows() for reader in readers])


def import_cases(config: CurateConfig, root: Path, tools: tuple[ToolSchema, ...] = ()) -> tuple[Case, ...]:
    """The sealed cases of every source that has ``split``: of its sealed side, whichever side it gives to training."""
    readers = [_Reader(source, config, root, tools) for source in config.sources if source.split != "all"]
    return tuple(case for reader in readers for case in reader.cases())


def import_rows(path: Path, format: str | None = None, on_error: OnError = "refuse") -> Imported:
    """One file or glob, as `data import` reads it."""
    source = SourceConfig(path=str(path), format=format)
    return import_sources(CurateConfig(sources=(source,), on_error=on_error), Path())


def describe(path: Path) -> tuple[Format, str]:
    """What a file's rows are, and a sentence that says so. Raises UserError."""
    return _told(list(_first(read_raw(path))), str(path))


@dataclass(frozen=True, slots=True)
class _Reader:
    """One source, read for training or for cases."""

    source: SourceConfig
    config: CurateConfig
    root: Path
    tools: tuple[ToolSchema, ...]

    @property
    def name(self) -> str:
        return self.source.name or Path(self.source.path).name

    def rows(self) -> Imported:
        parts = [self._file(path) for path in find_files(self.source.path, self.root)]
        joined = join_imports(parts)
        if not joined.rows and not joined.drops:
            raise UserError("the source has no rows", file=self.source.path)
        return replace(joined, rows=_limited(joined.rows, self.source.limit, self.config.seed))

    def cases(self) -> Iterator[Case]:
        for path in find_files(self.source.path, self.root):
            raws = list(read_raw(path, self._shown(path)))
            read = self._case_reader(raws, self._shown(path))
            for raw in raws:
                case = self._tried(raw, [], read)
                if case is not None and self._on_side(first_question(case), "sealed"):
                    yield replace(case, labels={**case.labels, "source": self.name})

    def _file(self, path: Path) -> Imported:
        shown, drops, rows = self._shown(path), list[Drop](), list[Placed]()
        raws = list(read_raw(path, shown))
        form, adapter, sentence = self._how(raws, shown)
        for raw in raws:
            parsed = self._tried(raw, drops, lambda raw: _parse(raw.value, form, adapter))
            if parsed == () and adapter is not None:
                drops.append(Drop("nothing to learn", adapter.skipped, self.name, shown, raw.line))
            for row in parsed or ():
                if self._on_side(first_question(row), self.source.split):
                    labelled = _labelled(row, raw, self.source, self.name)
                    rows.append(Placed(labelled, self.name, shown, raw.line, self.source.weight))
        return Imported(tuple(rows), tuple(drops), {shown: sentence})

    def _case_reader(self, raws: list[Raw], shown: str) -> Callable[[Raw], Case | None]:
        _, adapter, _ = self._how(raws, shown)
        return lambda raw: _case(raw.value, adapter, self._options())

    def _tried(self, raw: Raw, drops: list[Drop], read: Callable[[Raw], Any]) -> Any:
        """What ``read`` makes of the row; a person's mistake stops everything or is listed, as configured."""
        try:
            if raw.error is not None:
                raise raw.error
            return read(raw)
        except UserError as error:
            if self.config.on_error == "refuse":
                raise error.at(file=raw.file, line=raw.line) from error
            detail = f"{error.field}: {error.message}" if error.field else error.message
            drops.append(Drop("malformed", detail, self.name, raw.file, raw.line))
            return None

    def _how(self, raws: list[Raw], shown: str) -> tuple[Format | None, Adapter | None, str]:
        """The format or the adapter to read with: named in the config, or told from the first rows."""
        if self.source.adapter:
            return None, adapter_named(self.source.adapter, self._options()), f"adapter {self.source.adapter}"
        if self.source.format:
            form, sentence = format_named(self.source.format), f"{self.source.format}, as configured"
        else:
            if self.config.on_error == "refuse" and (bad := next((raw.error for raw in raws if raw.error), None)):
                raise bad
            form, sentence = _told([raw for raw in raws if raw.error is None][:_FIRST], shown)
        adapter = adapter_named(form.name, self._options()) if form.name in ADAPTERS else None
        return form, adapter, sentence

    def _options(self) -> AdapterOptions:
        return AdapterOptions(self.config.texts, self.tools, self.source.passage_words)

    def _on_side(self, question: str, side: str) -> bool:
        split: SplitConfig = self.config.split
        return side == "all" or side_of(question, split.sealed_share, split.seed) == side

    def _shown(self, path: Path) -> str:
        return path.relative_to(self.root).as_posix() if path.is_relative_to(self.root) else str(path)


def _first(raws: Iterator[Raw]) -> Iterator[Raw]:
    for _, raw in zip(range(_FIRST), raws, strict=False):
        if raw.error is not None:
            raise raw.error
        yield raw


def _told(raws: list[Raw], shown: str) -> tuple[Format, str]:
    values = [raw.value for raw in raws]
    try:
        form = guess_format(values)
    except UserError as error:
        line = raws[error.line - 1].line if error.line else None
        raise UserError(error.message, file=shown, line=line, expected=error.expected, fix=error.fix) from error
    return form, understood(form, values)


def _parse(value: Any, form: Format | None, adapter: Adapter | None) -> tuple[Row, ...]:
    if not isinstance(value, Mapping):
        raise UserError(f"a row must be an object, not {type(value).__name__}")
    if adapter is not None:
        example = adapter.example(value)
        return () if example is None else (example,)
    assert form is not None
    assert form.parse is not None
    _need(value, form)
    return form.parse(value)


def _need(value: Mapping[str, Any], form: Format) -> None:
    if not form.recognise(value):
        raise UserError(
            f"not a row of {form.name}, with the fields {', '.join(map(str, value))}", expected=form.sentence
        )


def _case(value: Any, adapter: Adapter | None, options: AdapterOptions) -> Case | None:
    if not isinstance(value, Mapping):
        raise UserError(f"a row must be an object, not {type(value).__name__}")
    if isinstance(value.get("expected"), Mapping):
        return case_from_json(value)
    if adapter is None:
        adapter = adapter_named("tool_sft", options)
    return adapter.case(value)


def _labelled(row: Row, raw: Raw, source: SourceConfig, name: str) -> Row:
    """The row with domain and action where it lacks them, and with where it comes from."""
    about = raw.value.get("meta") if isinstance(raw.value.get("meta"), Mapping) else {}
    domain = row.labels.get("domain") or source.domain or about.get("domain") or name
    labels = {**row.labels, "domain": str(domain)}
    provenance = {"source": name, **_granted(source, row), **row.provenance, "file": raw.file, "line": raw.line}
    if about.get("id"):
        provenance.setdefault("origin", str(about["id"]))
    if isinstance(row, Example) and "action" not in labels:
        labels["action"] = action_of(row.messages)
        provenance["action"] = "told from the last turn"
    return replace(row, labels=labels, provenance=provenance)


def _granted(source: SourceConfig, row: Row) -> dict[str, Any]:
    """The source's licence and consent, for rows that say nothing of their own."""
    granted = {} if source.consent is None else {"consent": source.consent}
    return granted if source.license is None or "licence" in row.provenance else {**granted, "license": source.license}


def _limited(rows: tuple[Placed, ...], limit: int | None, seed: int) -> tuple[Placed, ...]:
    """At most ``limit`` rows, drawn by hash: a larger limit keeps every row of a smaller one."""
    if limit is None or len(rows) <= limit:
        return rows
    drawn = sorted(range(len(rows)), key=lambda i: (uniform("limit", seed, rows[i].key), i))[:limit]
    return tuple(rows[i] for i in sorted(drawn))
