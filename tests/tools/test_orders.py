"""A look-up tells what there is; a refund happens once, and is written down before anyone is told."""

import json
import time
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from trimtab.records import ToolCall, UserError
from trimtab.tools import Rehearsal, Table, Tool, Toolbox, ToolContext, lookup_tool, make_schema, refund_tool
from trimtab.tools.effects import REFUND

ORDERS = [
    {"order_id": "AB-10001", "status": "delivered", "total": 80.0},
    {"order_id": "AB-10002", "status": "packed", "total": 12.5},
]
PATTERN = r"^[A-Z]{2}-\d{5}$"
BY_ID = {"type": "object", "properties": {"order_id": {"type": "string"}}, "required": ["order_id"]}
TO_PAY = {"type": "object", "properties": {}, "required": ["order_id", "amount"]}


@pytest.fixture
def table(tmp_path: Path) -> Table:
    path = tmp_path / "orders.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in ORDERS))
    return Table(path, "order_id")


def refunding(table: Table, effects: Any) -> Tool:
    return refund_tool(make_schema("refund_order", "pays back", TO_PAY), table, effects)


def run(tool: Tool, *, key: str = "", **arguments: Any) -> Any:
    context = ToolContext(user="u1", now=5.0, idempotency=key)
    return json.loads(Toolbox([tool]).run(ToolCall(tool.name, arguments), context).content)


def test_a_known_order_is_its_row(table: Table) -> None:
    tool = lookup_tool(make_schema("lookup_order", "reads", BY_ID), table, PATTERN)
    assert run(tool, order_id=" AB-10001 ") == ORDERS[0]


@pytest.mark.parametrize(
    ("order_id", "code"), [("AB-99999", "not_found"), ("99999", "invalid_argument"), ("", "invalid_argument")]
)
def test_unknown_and_malformed_ids_are_told_apart(table: Table, order_id: str, code: str) -> None:
    tool = lookup_tool(make_schema("lookup_order", "reads", BY_ID), table, PATTERN)
    assert run(tool, order_id=order_id)["error"]["code"] == code


def test_a_refund_is_written_with_who_and_when(table: Table) -> None:
    effects = Rehearsal()
    result = run(refunding(table, effects), key="k1", order_id="AB-10001", amount=30, reason="dent")
    assert result == {"refunded": 30.0, "order_id": "AB-10001", "id": "k1"}
    assert effects.get(REFUND, "k1") == {
        "order_id": "AB-10001",
        "amount": "30.00",
        "reason": "dent",
        "user": "u1",
        "time": 5.0,
    }


def test_one_key_pays_once_and_says_the_same_again(table: Table) -> None:
    effects = Rehearsal()
    results = [run(refunding(table, effects), key="k1", order_id="AB-10001", amount=30) for _ in range(3)]
    assert results[0] == results[1] == results[2]
    assert len(effects.list(REFUND)) == 1


def test_one_key_is_one_refund_only(table: Table) -> None:
    effects = Rehearsal()
    run(refunding(table, effects), key="k1", order_id="AB-10001", amount=30)
    other = run(refunding(table, effects), key="k1", order_id="AB-10001", amount=20)
    assert other["error"]["code"] == "conflict"


def test_the_effect_is_durable_before_it_is_told(table: Table) -> None:
    class Torn(Rehearsal):
        def add(self, kind: str, id: str, row: Mapping[str, Any]) -> bool:
            raise OSError("disk full")

    assert run(refunding(table, Torn()), key="k1", order_id="AB-10001", amount=30)["error"]["code"] == "internal"


def test_another_process_that_was_first_wins(table: Table) -> None:
    class Raced(Rehearsal):
        def add(self, kind: str, id: str, row: Mapping[str, Any]) -> bool:
            super().add(kind, id, {**row, "amount": "1.00"})
            return False

    assert run(refunding(table, Raced()), key="k1", order_id="AB-10001", amount=30)["error"]["code"] == "conflict"


def test_all_refunds_together_stay_within_the_total(table: Table) -> None:
    class Slow(Rehearsal):
        def list(self, kind: str) -> list[dict[str, Any]]:
            rows = super().list(kind)
            time.sleep(0.01)  # long enough for another thread to look as well
            return rows

    effects = Slow()
    tool = refunding(table, effects)
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda i: run(tool, key=f"k{i}", order_id="AB-10001", amount=30 + i), range(8)))
    assert sum(float(row["amount"]) for row in effects.list(REFUND)) <= 80
    assert len(effects.list(REFUND)) == 2


def test_refunds_of_one_order_do_not_bar_another(table: Table) -> None:
    effects = Rehearsal()
    run(refunding(table, effects), key="k1", order_id="AB-10001", amount=80)
    assert "refunded" in run(refunding(table, effects), key="k2", order_id="AB-10002", amount=12.5)


def test_a_rehearsal_keeps_effects_to_itself(table: Table) -> None:
    effects, rehearsal = Rehearsal(), Rehearsal()
    context = ToolContext(idempotency="k1", rehearsal=rehearsal)
    refunding(table, effects).run({"order_id": "AB-10001", "amount": 80}, context)
    assert (effects.list(REFUND), len(rehearsal.list(REFUND))) == ([], 1)


def test_without_a_key_nothing_happens(table: Table) -> None:
    effects = Rehearsal()
    assert run(refunding(table, effects), order_id="AB-10001", amount=30)["error"]["code"] == "not_permitted"
    assert effects.list(REFUND) == []


@pytest.mark.parametrize("amount", [0, -1, 0.001, float("nan"), float("inf"), 1e300, True, "ten", None, [1]])
def test_an_amount_is_positive_and_in_whole_cents(table: Table, amount: Any) -> None:
    effects = Rehearsal()
    assert (
        run(refunding(table, effects), key="k", order_id="AB-10001", amount=amount)["error"]["code"]
        == "invalid_argument"
    )
    assert effects.list(REFUND) == []


def test_above_the_total_is_refused(table: Table) -> None:
    assert (
        run(refunding(table, Rehearsal()), key="k", order_id="AB-10001", amount=80.01)["error"]["code"]
        == "not_permitted"
    )


@pytest.mark.parametrize("row", ['{"id": "x"}', '{"order_id": 7}', '{"order_id": "A"}\n{"order_id": "A"}', "[]"])
def test_a_bad_table_is_said_with_its_line(tmp_path: Path, row: str) -> None:
    (tmp_path / "orders.jsonl").write_text(row)
    with pytest.raises(UserError, match=r"orders\.jsonl:\d"):
        Table(tmp_path / "orders.jsonl", "order_id")
