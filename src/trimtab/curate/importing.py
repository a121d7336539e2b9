"""Sources in, rows out: each with its file and line, each labelled; what is malformed stops the import or is listed."""

from collections.abc import Iterator
from pathlib import Path

from trimtab.curate.config import CurateConfig, OnError, SourceConfig
from trimtab.curate.formats import Format, guess_format, understood
from trimtab.curate.place import Drop, Imported, Item, Placed, Told
from trimtab.curate.reader import Reader
from trimtab.curate.reading import read_raw
from trimtab.curate.telling import FIRST
from trimtab.records import Case, Progress, Silent, ToolSchema, UserError


def import_sources(
    config: CurateConfig, root: Path, tools: tuple[ToolSchema, ...] = (), progress: Progress | None = None
) -> Imported:
    """Every source's training rows. ``tools``: the product's own schemas, for adapters.

    Raises UserError with file, line and field; under ``on_error: skip`` a malformed row becomes a Drop instead.
    """
    readers = [Reader(source, config, root, tools, progress or Silent()) for source in config.sources]
    return _gathered(item for reader in readers if reader.source.split != "sealed" for item in reader.stream())


def import_cases(config: CurateConfig, root: Path, tools: tuple[ToolSchema, ...] = ()) -> tuple[Case, ...]:
    """The sealed cases of every source that has ``split``: of its sealed side, whichever side it gives to training."""
    readers = [Reader(source, config, root, tools) for source in config.sources if source.split != "all"]
    return tuple(case for reader in readers for case in reader.cases())


def import_rows(path: Path, format: str | None = None, on_error: OnError = "refuse") -> Imported:
    """One file, folder, glob or hub id, as `data import` reads it."""
    return _gathered(stream_rows(str(path), format, on_error))


def stream_rows(
    source: str,
    format: str | None = None,
    on_error: OnError = "refuse",
    progress: Progress | None = None,
    *,
    as_they_are: bool = False,
) -> Iterator[Item]:
    """``import_rows`` item by item: what each file was taken for, its rows and drops; one row is held at a time.

    ``as_they_are``: without the labels and the provenance that an import adds.
    """
    one, config = SourceConfig(path=source, format=format), CurateConfig(on_error=on_error)
    return Reader(one, config, Path(), (), progress or Silent(), as_they_are).stream()


def describe(path: Path) -> tuple[Format, str]:
    """What a file's rows are, and a sentence that says so. Raises UserError."""
    raws = []
    for _, raw in zip(range(FIRST), read_raw(path), strict=False):
        if raw.error is not None:
            raise raw.error
        raws.append(raw)
    values = [raw.value for raw in raws]
    try:
        form = guess_format(values)
    except UserError as error:
        line = raws[error.line - 1].line if error.line else None
        raise UserError(error.message, file=path, line=line, expected=error.expected, fix=error.fix) from error
    return form, understood(form, values)


def _gathered(items: Iterator[Item]) -> Imported:
    rows, drops, sentences = list[Placed](), list[Drop](), dict[str, str]()
    for item in items:
        if isinstance(item, Placed):
            rows.append(item)
        elif isinstance(item, Told):
            sentences[item.file] = item.sentence
        else:
            drops.append(item)
    return Imported(tuple(rows), tuple(drops), sentences)
