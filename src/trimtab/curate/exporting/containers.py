"""The files that rows are written into: JSON Lines, a JSON list, CSV and TSV, Parquet; each replaced whole."""

import gzip
import json
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import IO, Any

from trimtab.curate.exporting.parquet import parquet_file
from trimtab.curate.exporting.tables import table_file
from trimtab.curate.reading.files import COMMAS, JSONL, ending, is_known
from trimtab.records import UserError, writing

Put = Callable[[dict[str, Any], list[str]], dict[str, Any] | None]
"""Writes one row, or gives None; what the file cannot hold is added to the list."""


def container_for(target: Path, form: str) -> AbstractContextManager[Put]:
    """The file at ``target`` by its ending, for rows of ``form``. Raises UserError where it cannot hold them."""
    if not is_known(target):
        raise UserError("unknown kind of file", file=target, expected=".jsonl, .json, .csv, .tsv (.gz too), .parquet")
    kind = ending(target)
    flat = kind in COMMAS or kind == ".parquet"
    if flat and form in ("native", "openai", "openai_preference"):
        why = "one kind of row" if form == "native" else "no columns: OpenAI takes JSON Lines"
        raise UserError(f"{form} does not go into {kind}", file=target, expected=f"a table holds {why}")
    if kind == ".parquet":
        return parquet_file(target, form)
    return _text_file(target, kind, form)


@contextmanager
def _text_file(target: Path, kind: str, form: str) -> Iterator[Put]:
    with writing(target) as raw:
        if target.suffix.lower() != ".gz":
            yield from _into(raw, kind, form, target)
            return
        with gzip.GzipFile("", "wb", fileobj=raw, mtime=0) as packed:
            yield from _into(packed, kind, form, target)


def _into(file: Any, kind: str, form: str, target: Path) -> Iterator[Put]:
    if kind in COMMAS:
        yield table_file(file, form, COMMAS[kind], target)
    elif kind in JSONL:
        yield _lines(file)
    else:
        file.write(b"[")
        yield _elements(file)
        file.write(b"\n]\n")


def _lines(file: IO[bytes]) -> Put:
    def put(row: dict[str, Any], lost: list[str]) -> dict[str, Any]:
        file.write((json.dumps(row, ensure_ascii=False) + "\n").encode())
        return row

    return put


def _elements(file: IO[bytes]) -> Put:
    before = "\n"

    def put(row: dict[str, Any], lost: list[str]) -> dict[str, Any]:
        nonlocal before
        file.write((before + json.dumps(row, ensure_ascii=False)).encode())
        before = ",\n"
        return row

    return put
