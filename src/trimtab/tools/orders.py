"""Tools over a table of records: look one up, and pay one back (once, and written down before anyone is told)."""

import json
import re
import threading
from collections.abc import Mapping
from decimal import Decimal
from pathlib import Path
from typing import Any

from trimtab.records import ToolSchema, UserError, file_digest, iter_jsonl
from trimtab.tools.effects import REFUND, Effects, Row
from trimtab.tools.toolbox import Tool, ToolContext, ToolError


class Table:
    """A JSON Lines file by one of its fields."""

    def __init__(self, path: Path, key: str) -> None:
        self.key, self.digest = key, ""
        self.rows: dict[str, Row] = {}
        for line, row in iter_jsonl(path):
            name = row.get(key) if isinstance(row, Mapping) else None
            if not isinstance(name, str) or not name:
                raise UserError("the row has no key", file=path, line=line, field=key, expected="a text")
            if name in self.rows:
                raise UserError(f"a second row for {name!r}", file=path, line=line, field=key)
            self.rows[name] = row
        self.digest = file_digest(path)

    def find(self, name: object, pattern: str | None = None) -> Row:
        """Raises ToolError: ``invalid_argument`` on a malformed key, ``not_found`` on an unknown one."""
        key = name.strip() if isinstance(name, str) else ""
        if not key or (pattern is not None and not re.fullmatch(pattern, key)):
            raise ToolError(
                "invalid_argument", f"{name!r} is no {self.key}" + (f"; one matches {pattern}" if pattern else "")
            )
        if key not in self.rows:
            raise ToolError("not_found", f"there is no {self.key} {key}")
        return self.rows[key]


def lookup_tool(schema: ToolSchema, table: Table, pattern: str | None = None) -> Tool:
    """A tool whose argument is the table's key; its result is the row as a JSON object."""

    def run(arguments: Mapping[str, Any], context: ToolContext) -> str:
        return json.dumps(table.find(arguments.get(table.key), pattern), ensure_ascii=False)

    settings = {"kind": "lookup", "key": table.key, "pattern": pattern, "table": table.digest}
    return Tool(schema, run, settings=settings)


def refund_tool(
    schema: ToolSchema, table: Table, effects: Effects, pattern: str | None = None, total: str = "total"
) -> Tool:
    """An irreversible tool with the table's key, ``amount`` and perhaps ``reason``.

    The effect is written under the context's idempotency key, which a guard sets, before the result is returned: at
    most once a key, and all refunds of a row together never above its ``total``.
    """
    one_at_a_time = threading.Lock()

    def run(arguments: Mapping[str, Any], context: ToolContext) -> str:
        if not context.idempotency:
            raise ToolError("not_permitted", "a refund needs an idempotency key")
        row = table.find(arguments.get(table.key), pattern)
        amount = money(arguments.get("amount"))
        book = effects if context.rehearsal is None else context.rehearsal
        with one_at_a_time:
            written = book.get(REFUND, context.idempotency)
            if written is None:
                _check_room(book, table.key, row, amount, money(row.get(total)))
                written = _effect(arguments, context, table.key, row, amount)
                if not book.add(REFUND, context.idempotency, written):
                    written = book.get(REFUND, context.idempotency) or {}
        if written.get(table.key) != row[table.key] or money(written.get("amount")) != amount:
            raise ToolError("conflict", "this idempotency key belongs to another refund")
        return json.dumps({"refunded": float(amount), table.key: row[table.key], "id": context.idempotency[:16]})

    settings = {"kind": "refund", "key": table.key, "pattern": pattern, "table": table.digest, "total": total}
    return Tool(schema, run, irreversible=True, settings=settings)


def money(value: object) -> Decimal:
    """A positive amount in whole cents. Raises ToolError."""
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        raise ToolError("invalid_argument", "an amount must be a number")
    try:
        amount = Decimal(str(value))
        whole_cents = amount.is_finite() and 0 < amount < 10**12 and amount == round(amount, 2)
    except ArithmeticError:
        whole_cents = False
    if not whole_cents:
        raise ToolError("invalid_argument", f"{value!r} is no positive amount in whole cents")
    return round(amount, 2)


def _check_room(effects: Effects, key: str, row: Row, amount: Decimal, total: Decimal) -> None:
    before = sum((money(past["amount"]) for past in effects.list(REFUND) if past[key] == row[key]), Decimal(0))
    if before + amount > total:
        raise ToolError("not_permitted", f"at most {total - before} of {total} can still be refunded")


def _effect(arguments: Row, context: ToolContext, key: str, row: Row, amount: Decimal) -> dict[str, Any]:
    return {
        key: row[key],
        "amount": str(amount),
        "reason": str(arguments.get("reason") or ""),
        "user": context.user,
        "time": context.now,
    }
