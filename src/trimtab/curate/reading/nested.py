"""Values that a table can only hold as text: conversations, tools, labels, numbers and truth values."""

from collections.abc import Mapping
from typing import Any

from trimtab.records import UserError, strict_loads

NESTED = frozenset(
    {"messages", "conversations", "tools", "functions", "labels", "provenance", "annotators", "completions", "scores",
     "history"}
)  # fmt: skip
"""Columns that hold JSON; in every other column text is text, whatever it looks like."""
_TRUTH = {"true": True, "1": True, "yes": True, "false": False, "0": False, "no": False}


def with_values(row: Mapping[str, str]) -> dict[str, Any]:
    """A record's cells as what they mean; an empty cell of a nested column is an absent field. Raises UserError."""
    found: dict[str, Any] = {}
    for column, cell in row.items():
        if column in NESTED or column in ("label", "margin", "reason"):
            if cell.strip():
                found[column] = _value(column, cell)
        else:
            found[column] = cell
    return found


def _value(column: str, cell: str) -> Any:
    if column == "label":
        return _TRUTH.get(cell.strip().lower(), cell)
    if column == "reason":
        return cell
    if column == "margin":
        return _number(cell)
    return json_cell(column, cell)


def json_cell(column: str, cell: str) -> Any:
    """A cell that must be JSON. Raises UserError that names the column."""
    try:
        return strict_loads(cell)
    except (ValueError, RecursionError) as error:
        raise UserError(f"the cell is no JSON ({error})", field=column, expected="a list or an object") from error


def _number(cell: str) -> Any:
    try:
        return float(cell)
    except ValueError:
        return cell
