"""The workspace's ``tools.yaml``: each tool declared by its kind, checked, and made."""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from trimtab.records import ToolSchema, UserError
from trimtab.tools.calculator import calculator_tool
from trimtab.tools.documents import load_documents
from trimtab.tools.effects import Effects
from trimtab.tools.index import Index
from trimtab.tools.orders import Table, lookup_tool, refund_tool
from trimtab.tools.search import search_tool
from trimtab.tools.toolbox import Tool, Toolbox, make_schema

_FIELDS = {"name", "kind", "description", "parameters", "options", "irreversible"}
_OPTIONS = {
    "search": {"k"},
    "calculator": set[str](),
    "lookup": {"table", "key", "pattern"},
    "refund": {"table", "key", "pattern", "total"},
}


def load_tools(path: Path, effects: Effects, index: Index | None = None) -> Toolbox:
    """The toolbox that ``tools.yaml`` declares; its tables lie beside it.

    ``effects``: where irreversible tools write. ``index``: what ``search`` looks in; None builds it from the
    ``knowledge`` folder beside the ``tools`` folder. Raises UserError with file and field.
    """
    rows = _rows(path)
    tools = []
    for i, row in enumerate(rows):
        try:
            tools.append(_tool(row, f"tools[{i}]", path, effects, index))
        except UserError as error:
            raise error.at(file=path) from error
    try:
        return Toolbox(tools)
    except UserError as error:
        raise error.at(file=path) from error


def _rows(path: Path) -> list[Any]:
    if not path.is_file():
        raise UserError("no such file", file=path)
    try:
        document = yaml.safe_load(path.read_text("utf-8"))
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        raise UserError("no YAML", file=path, line=None if mark is None else mark.line + 1) from error
    rows = document.get("tools") if isinstance(document, Mapping) else None
    if not isinstance(rows, list):
        raise UserError("the tools must be a list", file=path, field="tools", expected="tools: [{name, kind, ...}]")
    return rows


def _tool(row: Any, field: str, path: Path, effects: Effects, index: Index | None) -> Tool:
    if not isinstance(row, Mapping):
        raise UserError("a tool must be an object", field=field)
    _known(row, _FIELDS, field)
    kind, options = row.get("kind"), row.get("options") or {}
    if kind not in _OPTIONS:
        raise UserError(f"unknown kind {kind!r}", field=f"{field}.kind", expected=" | ".join(_OPTIONS))
    if not isinstance(options, Mapping):
        raise UserError("options must be an object", field=f"{field}.options")
    _known(options, _OPTIONS[kind], f"{field}.options")
    schema = _schema(row, field)
    if kind == "calculator":
        _needs(schema, "expression", field)
        return calculator_tool(schema)
    if kind == "search":
        _needs(schema, "query", field)
        k = _count(options.get("k", 2), f"{field}.options.k")
        index = index if index is not None else Index(load_documents(path.parent.parent / "knowledge"))
        return search_tool(index, k, schema)
    return _table_tool(kind, schema, options, field, path, effects)


def _table_tool(
    kind: str, schema: ToolSchema, options: Mapping[str, Any], field: str, path: Path, effects: Effects
) -> Tool:
    for name in ("table", "key"):
        if not isinstance(options.get(name), str):
            raise UserError(f"{name} is missing", field=f"{field}.options.{name}")
    pattern = options.get("pattern")
    try:
        re.compile(pattern or "")
    except (re.error, TypeError) as error:
        raise UserError(f"no regular expression ({error})", field=f"{field}.options.pattern") from error
    _needs(schema, options["key"], field)
    table = Table(path.parent / options["table"], options["key"])
    if kind == "lookup":
        return lookup_tool(schema, table, pattern)
    _needs(schema, "amount", field)
    return refund_tool(schema, table, effects, pattern, str(options.get("total", "total")))


def _schema(row: Mapping[str, Any], field: str) -> ToolSchema:
    for name in ("name", "description"):
        if not isinstance(row.get(name), str) or not row[name]:
            raise UserError(f"{name} is missing", field=f"{field}.{name}")
    parameters = row.get("parameters")
    if not isinstance(parameters, Mapping):
        raise UserError("parameters must be a JSON schema", field=f"{field}.parameters")
    return make_schema(row["name"], row["description"], parameters)


def _needs(schema: ToolSchema, argument: str, field: str) -> None:
    if argument not in schema["function"]["parameters"].get("required", ()):
        raise UserError(f"this kind needs the argument {argument!r}", field=f"{field}.parameters.required")


def _known(row: Mapping[str, Any], names: set[str], field: str) -> None:
    for name in row:
        if name not in names:
            raise UserError(f"unknown field {name!r}", field=field, expected=", ".join(sorted(names)) or "none")


def _count(value: Any, field: str) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or value < 1:
        raise UserError("must be a whole number from 1", field=field)
    return value
