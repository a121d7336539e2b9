"""Raw rows out of JSON Lines, JSON, CSV and Parquet files, each with its place."""

import csv
import gzip
import io
import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from trimtab.records import UserError

_JSONL = frozenset({".jsonl", ".ndjson"})
_COMMAS = {".csv": ",", ".tsv": "\t"}


@dataclass(frozen=True, slots=True)
class Raw:
    """One row as read, or why it could not be. ``line`` counts from 1: lines of text files, rows of the others."""

    file: str
    line: int
    value: Any = None
    error: UserError | None = None


def find_files(pattern: str, root: Path) -> list[Path]:
    """The files that a path or glob names below ``root``, in order. Raises UserError when there are none."""
    path = root / pattern
    if path.is_file():
        return [path]
    base = Path(path.anchor)
    found = sorted(file for file in base.glob(str(path.relative_to(base))) if file.is_file())
    if not found:
        raise UserError("no such file", file=pattern, fix="Check the path; it is relative to the workspace")
    return found


def read_raw(path: Path, name: str | None = None) -> Iterator[Raw]:
    """Every row of a file by its ending (.jsonl, .json, .csv, .tsv, .parquet, with .gz or without).

    A row that cannot be parsed comes back with its ``error``; a file that cannot be read at all raises UserError.
    """
    name = name or str(path)
    kind = _ending(path)
    if kind in _JSONL:
        return _json_lines(_bytes(path), name)
    if kind == ".json":
        return _json_document(_bytes(path), name)
    if kind in _COMMAS:
        return _table(_bytes(path), name, _COMMAS[kind])
    if kind == ".parquet":
        return _parquet(path, name)
    raise UserError("unknown kind of file", file=name, expected=".jsonl, .json, .csv, .tsv or .parquet (.gz as well)")


def _ending(path: Path) -> str:
    return Path(path.stem).suffix.lower() if path.suffix == ".gz" else path.suffix.lower()


def _bytes(path: Path) -> bytes:
    try:
        data = path.read_bytes()
        return gzip.decompress(data) if path.suffix == ".gz" else data
    except (OSError, EOFError) as error:
        raise UserError(f"could not be read ({error})", file=path) from error


def _json_lines(data: bytes, name: str) -> Iterator[Raw]:
    for number, raw in enumerate(data.removeprefix(b"\xef\xbb\xbf").split(b"\n"), start=1):
        if raw.strip():
            yield _parsed_line(raw, name, number)


def _parsed_line(raw: bytes, name: str, number: int) -> Raw:
    try:
        return Raw(name, number, json.loads(raw.decode()))
    except UnicodeDecodeError:
        error = UserError("not UTF-8", file=name, line=number, fix="Save the file as UTF-8")
    except (ValueError, RecursionError) as reason:
        error = UserError(f"not JSON ({reason})", file=name, line=number, expected="one object a line")
    return Raw(name, number, error=error)


def _json_document(data: bytes, name: str) -> Iterator[Raw]:
    """A list of rows, or JSON Lines under the wrong ending."""
    try:
        rows = json.loads(data.decode("utf-8-sig"))
    except UnicodeDecodeError as error:
        raise UserError("not UTF-8", file=name, fix="Save the file as UTF-8") from error
    except (ValueError, RecursionError) as error:
        lines = list(_json_lines(data, name))
        if lines and lines[0].error is None:
            yield from lines
            return
        raise UserError(f"not JSON ({error})", file=name, expected="a list of objects, or one object a line") from error
    if isinstance(rows, dict):
        rows = [rows]
    if not isinstance(rows, list):
        raise UserError("not a list of rows", file=name, expected="a list of objects")
    yield from (Raw(name, number, row) for number, row in enumerate(rows, start=1))


def _table(data: bytes, name: str, delimiter: str) -> Iterator[Raw]:
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise UserError("not UTF-8", file=name, fix="Save the file as UTF-8") from error
    reader = csv.DictReader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    before = 1
    try:
        for row in reader:
            # A quoted cell may span lines: the row is where it begins.
            line, before = before + 1, reader.line_num
            yield Raw(name, line, row, _cells(row, name, line))
    except csv.Error as error:
        raise UserError(f"not {'CSV' if delimiter == ',' else 'TSV'} ({error})", file=name, line=before + 1) from error


def _cells(row: dict[Any, Any], name: str, line: int) -> UserError | None:
    if None in row:
        return UserError("more cells than columns", file=name, line=line, fix="Quote the cells that hold commas")
    if absent := [column for column, cell in row.items() if cell is None]:
        return UserError("fewer cells than columns", file=name, line=line, field=str(absent[0]))
    return None


def _parquet(path: Path, name: str) -> Iterator[Raw]:
    try:
        import pyarrow.parquet
    except ImportError as error:
        raise UserError("Parquet needs pyarrow", file=name, fix="pip install 'trimtab[parquet]'") from error
    number = 0
    try:
        with pyarrow.parquet.ParquetFile(path) as file:
            for batch in file.iter_batches(batch_size=1024):
                for row in batch.to_pylist():
                    number += 1
                    yield Raw(name, number, _without_nulls(row))
    except pyarrow.ArrowException as error:
        raise UserError(f"not Parquet ({error})", file=name) from error


def _without_nulls(value: Any) -> Any:
    """A struct column has every row's keys: a null there means that this row had no such key."""
    if isinstance(value, dict):
        return {key: _without_nulls(item) for key, item in value.items() if item is not None}
    return [_without_nulls(item) for item in value] if isinstance(value, list) else value
