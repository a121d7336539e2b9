"""Raw rows out of files and hub data sets, a bounded part of a file at a time, each with its place."""

from collections.abc import Iterator
from pathlib import Path

from trimtab.curate.reading.columns import parquet_rows
from trimtab.curate.reading.document import json_document
from trimtab.curate.reading.files import COMMAS, JSONL, ending, find_files, is_known, local_files, refuse_as_target
from trimtab.curate.reading.lines import json_lines
from trimtab.curate.reading.raw import LARGEST_ROW, Raw
from trimtab.curate.reading.stream import opened
from trimtab.curate.reading.table import table_rows
from trimtab.records import Progress, Silent, UserError

__all__ = ["LARGEST_ROW", "Raw", "find_files", "is_known", "local_files", "read_raw", "refuse_as_target"]


def read_raw(path: Path, name: str | None = None, progress: Progress | None = None) -> Iterator[Raw]:
    """Every row of a file by its ending (.jsonl, .json, .csv, .tsv, .parquet; the text kinds also with .gz).

    A row that cannot be parsed comes back with its ``error``; a file that cannot be read at all raises UserError.
    ``progress`` hears of kibibytes read.
    """
    name, kind = name or str(path), ending(path)
    if kind not in (*JSONL, *COMMAS, ".json", ".parquet") or path.name.lower().endswith(".parquet.gz"):
        raise UserError("unknown kind of file", file=name, expected=".jsonl, .json, .csv, .tsv (.gz as well), .parquet")
    return _rows(path, name, kind, progress or Silent())


def _rows(path: Path, name: str, kind: str, progress: Progress) -> Iterator[Raw]:
    if kind == ".parquet":
        yield from parquet_rows(path, name, progress)
        return
    with opened(path, name, progress) as file:
        if kind in JSONL:
            yield from json_lines(file, name)
        elif kind == ".json":
            yield from json_document(file, name)
        else:
            yield from table_rows(file, name, COMMAS[kind])
