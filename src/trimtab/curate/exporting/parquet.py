"""Parquet with one schema a format, a thousand rows a group; what differs from row to row is held as JSON text."""

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from trimtab.records import UserError, writing

_GROUP = 1000
_AS_TEXT = ("tools", "labels", "provenance")
_FIELDS = {
    "messages": {"messages": "turns", "rejected": "sides"},
    "sharegpt": {"conversations": "said"},
    "sharegpt_preference": {"conversations": "said", "chosen": "saying", "rejected": "saying"},
    "thumbed_chat": {"messages": "turns", "label": "truth"},
    "alpaca": {"instruction": "text", "input": "text", "output": "text", "system": "text", "history": "history"},
    "prompt_completion": {"prompt": "turns", "completion": "turns"},
    "preference": {"prompt": "turns", "chosen": "turns", "rejected": "turns"},
    "k_wise": {"prompt": "turns", "completions": "sides", "scores": "numbers"},
    "unpaired": {"prompt": "turns", "completion": "turns", "label": "truth"},
}
_PAIR = {"annotators": "texts", "margin": "number", "reason": "text"}


@contextmanager
def parquet_file(target: Path, form: str) -> Iterator[Callable[[dict[str, Any], list[str]], dict[str, Any] | None]]:
    """What writes rows of ``form``. Raises UserError where pyarrow is absent."""
    try:
        import pyarrow
        import pyarrow.parquet
    except ImportError as error:
        raise UserError("Parquet needs pyarrow", file=target, fix="pip install 'trimtab[parquet]'") from error
    schema = _schema(pyarrow, form)
    waiting: list[dict[str, Any]] = []
    with writing(target) as file, pyarrow.parquet.ParquetWriter(file, schema) as out:

        def flush() -> None:
            out.write_table(pyarrow.Table.from_pylist(waiting, schema=schema))
            waiting.clear()

        def put(row: dict[str, Any], lost: list[str]) -> dict[str, Any]:
            assert set(row) <= set(schema.names), sorted(set(row) - set(schema.names))
            waiting.append({key: _value(key, item) for key, item in row.items()})
            if len(waiting) >= _GROUP:
                flush()
            return row

        yield put
        if waiting:
            flush()


def _value(key: str, value: Any) -> Any:
    if key in _AS_TEXT:
        return json.dumps(value, ensure_ascii=False)
    if key in ("prompt", "completion") and isinstance(value, str):
        return [{"role": "user" if key == "prompt" else "assistant", "content": value}]
    return _wired(value)


def _wired(value: Any) -> Any:
    """Tool-call arguments as text, wherever they stand: their keys differ from call to call."""
    if isinstance(value, list):
        return [_wired(item) for item in value]
    if isinstance(value, dict):
        return {
            key: json.dumps(item, ensure_ascii=False) if key == "arguments" else _wired(item)
            for key, item in value.items()
        }
    return value


def _schema(pyarrow: Any, form: str) -> Any:
    text, number = pyarrow.string(), pyarrow.float64()
    call = pyarrow.struct([("name", text), ("arguments", text)])
    calls = pyarrow.list_(pyarrow.struct([("id", text), ("type", text), ("function", call)]))
    names = ("role", "content", "tool_call_id", "name", "reasoning")
    turns = pyarrow.list_(pyarrow.struct([*((name, text) for name in names), ("tool_calls", calls)]))
    saying = pyarrow.struct([("from", text), ("value", text)])
    types = {
        "text": text,
        "number": number,
        "truth": pyarrow.bool_(),
        "texts": pyarrow.list_(text),
        "numbers": pyarrow.list_(number),
        "turns": turns,
        "sides": pyarrow.list_(turns),
        "saying": saying,
        "said": pyarrow.list_(saying),
        "history": pyarrow.list_(pyarrow.list_(text)),
    }
    fields = _FIELDS[form] | (_PAIR if form in ("preference", "sharegpt_preference", "k_wise") else {})
    return pyarrow.schema(
        [*((name, types[kind]) for name, kind in fields.items()), *((name, text) for name in _AS_TEXT)]
    )
