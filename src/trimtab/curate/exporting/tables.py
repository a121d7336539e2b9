"""CSV and TSV: text in text columns, JSON in the columns that our reader knows to be JSON."""

import csv
import io
import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import IO, Any

from trimtab.curate.reading.nested import NESTED
from trimtab.records import UserError

_COMMON = ("tools", "labels", "provenance")
_PAIR = ("annotators", "margin", "reason")
_COLUMNS: Mapping[str, tuple[str, ...]] = {
    "messages": ("messages", *_COMMON),
    "sharegpt": ("conversations", *_COMMON),
    "thumbed_chat": ("messages", "label", *_COMMON),
    "alpaca": ("instruction", "input", "output", "system", "history", *_COMMON),
    "prompt_completion": ("prompt", "completion", *_COMMON),
    "preference": ("prompt", "chosen", "rejected", *_PAIR, *_COMMON),
    "k_wise": ("prompt", "completions", "scores", *_PAIR, *_COMMON),
    "unpaired": ("prompt", "completion", "label", *_COMMON),
}
_SPEAKER = {"prompt": "user", "completion": "assistant", "chosen": "assistant", "rejected": "assistant"}


def table_file(
    file: IO[bytes], form: str, delimiter: str, target: Path
) -> Callable[[dict[str, Any], list[str]], dict[str, Any] | None]:
    """What writes rows of ``form`` as records; the header is written at once. Raises UserError."""
    columns = _COLUMNS.get(form)
    if columns is None:
        raise UserError(f"{form} does not go into a table", file=target, expected=" | ".join(_COLUMNS))
    file.write(_record(list(columns), delimiter))

    def put(row: dict[str, Any], lost: list[str]) -> dict[str, Any] | None:
        cells = {column: _cell(column, value, lost) for column, value in row.items() if column in columns}
        lost += [name for name in row if name not in columns]
        if any(cell is None for cell in cells.values()):
            return None
        if form == "prompt_completion" and not (str(cells["prompt"]).strip() and str(cells["completion"]).strip()):
            lost.append("an empty prompt or completion")
            return None
        file.write(_record([cells.get(column) or "" for column in columns], delimiter))
        return row

    return put


def _record(cells: list[str], delimiter: str) -> bytes:
    text = io.StringIO()
    csv.writer(text, delimiter=delimiter, quoting=csv.QUOTE_ALL, lineterminator="\n").writerow(cells)
    return text.getvalue().encode()


def _cell(column: str, value: Any, lost: list[str]) -> str | None:
    """The cell, or None where a table cannot hold the value: it is then the row that is lost."""
    if column in NESTED:
        return json.dumps(value, ensure_ascii=False)
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int | float):
        return repr(float(value))
    if isinstance(value, list):
        value = _plain(column, value)
        if value is None:
            lost.append(f"a conversation in {column!r}: a table holds one text there")
            return None
    if "\0" in value:
        lost.append(f"a NUL character in {column!r}")
        return None
    if column == "reason" and not value.strip():
        lost.append("an empty reason")
    return str(value)


def _plain(column: str, turns: list[dict[str, Any]]) -> str | None:
    plain = len(turns) == 1 and set(turns[0]) == {"role", "content"} and turns[0]["role"] == _SPEAKER[column]
    return turns[0]["content"] if plain else None
