"""Parquet: a batch of rows at a time, row group after row group, nested columns as objects and lists."""

import datetime
import decimal
import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from trimtab.curate.reading.nested import json_cell
from trimtab.curate.reading.raw import Raw
from trimtab.records import Progress, UserError

_BATCH = 256
_AS_TEXT = ("labels", "provenance")
"""Objects whose keys differ from row to row: our Parquet files hold them as JSON."""


def parquet_rows(path: Path, name: str, progress: Progress) -> Iterator[Raw]:
    """Every row, numbered from 1, nulls left out. Raises UserError where pyarrow is absent or the file is none."""
    try:
        import pyarrow.parquet
    except ImportError as error:
        raise UserError("Parquet needs pyarrow", file=name, fix="pip install 'trimtab[parquet]'") from error
    number = 0
    try:
        with pyarrow.parquet.ParquetFile(path) as file:
            progress.start(f"Reading {Path(name).name} (rows)", file.metadata.num_rows)
            for batch in file.iter_batches(batch_size=_BATCH):
                for i in range(batch.num_rows):
                    number += 1
                    yield _row(batch, i, name, number)
                progress.advance(batch.num_rows)
    except (pyarrow.ArrowException, OSError) as error:
        raise UserError(f"not Parquet ({error})", file=name) from error


def _row(batch: Any, i: int, name: str, number: int) -> Raw:
    try:
        value = {key: item for key, item in batch.slice(i, 1).to_pylist()[0].items() if not _is_missing(item)}
        plain = {key: _plain(item, key) for key, item in value.items()}
        texts = {key: json_cell(key, plain[key]) for key in _AS_TEXT if isinstance(plain.get(key), str)}
        return Raw(name, number, plain | texts)
    except UnicodeDecodeError:
        error = UserError("a text that is not UTF-8", file=name, line=number)
    except UserError as reason:
        error = reason.at(file=name, line=number)
    return Raw(name, number, error=error)


def _plain(value: Any, field: str) -> Any:
    """JSON's own values. A struct column has every row's keys: a null there means that this row had no such key."""
    if isinstance(value, dict):
        return {key: _plain(item, f"{field}.{key}") for key, item in value.items() if not _is_missing(item)}
    if isinstance(value, list | tuple):
        return [_plain(item, f"{field}[{i}]") for i, item in enumerate(value)]
    if isinstance(value, datetime.datetime | datetime.date | datetime.time):
        return value.isoformat()
    if isinstance(value, decimal.Decimal):
        return float(value)
    return _checked(value, field)


def _checked(value: Any, field: str) -> Any:
    if isinstance(value, float) and not math.isfinite(value):
        raise UserError(f"{value} is no number", field=field, expected="a finite number, or null")
    if isinstance(value, int) and abs(value) >= 2**53:
        raise UserError(f"the integer {value} is beyond 2**53", field=field, fix="Write it as text")
    if value is None or isinstance(value, str | int | float):
        return value
    raise UserError(f"a column of {type(value).__name__} cannot be read", field=field, fix="Leave the column out")


def _is_missing(value: Any) -> bool:
    """Null, and the NaN that pandas writes for a missing number."""
    return value is None or (isinstance(value, float) and math.isnan(value))
