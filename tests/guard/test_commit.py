"""An irreversible call runs only on evidence, on facts read afresh, and once."""

import json
from collections.abc import Mapping
from typing import Any

import pytest

from trimtab.guard import Rule
from trimtab.guard.commit import Commit, commit_guard, shut
from trimtab.records import Message, ToolCall, UserError, Verdict
from trimtab.tools import Tool, Toolbox, ToolContext, ToolError, make_schema

RULE: dict[str, Any] = {
    "guard": "commit",
    "tool": "refund_order",
    "evidence": "lookup_order",
    "max_amount_field": "total",
    "status_field": "status",
    "refundable": ["delivered", "lost"],
}
ORDERS: dict[str, dict[str, Any]] = {
    "AB-1": {"order_id": "AB-1", "status": "delivered", "total": 80.0},
    "AB-2": {"order_id": "AB-2", "status": "packed", "total": 80.0},
    "AB-3": {"order_id": "AB-3", "status": "delivered"},
    "AB-4": {"order_id": "AB-1", "status": "delivered", "total": 80.0},
}


def guard(**fields: Any) -> Commit:
    return commit_guard(Rule("R6", "Refunds", "", {**RULE, **fields}, 4))


def lookup(arguments: Mapping[str, Any], context: ToolContext) -> str:
    if arguments["order_id"] not in ORDERS:
        raise ToolError("not_found", "no such order")
    return json.dumps(ORDERS[arguments["order_id"]])


class Desk:
    """A toolbox with a guarded refund that notes the keys under which it ran."""

    def __init__(self, guard: Commit) -> None:
        self.keys: list[str] = []
        self.verdicts: list[Verdict] = []
        refund = Tool(make_schema("refund_order", "", {"type": "object"}), self._refund, irreversible=True)
        self.box = Toolbox([Tool(make_schema("lookup_order", "", {"type": "object"}), lookup), guard.wrap(refund)])

    def _refund(self, arguments: Mapping[str, Any], context: ToolContext) -> str:
        self.keys.append(context.idempotency)
        return "done"

    def ask(self, order_id: Any, amount: Any, *messages: Message, user: str = "u1", key: str = "") -> str:
        context = ToolContext(messages, user, 1.0, key, self.verdicts.append)
        arguments = {"order_id": order_id, "amount": amount}
        return self.box.run(ToolCall("refund_order", arguments), context).content


def seen(order_id: str) -> Message:
    return Message("tool", json.dumps(ORDERS[order_id]), name="lookup_order")


def test_with_evidence_it_runs_and_says_so() -> None:
    desk = Desk(guard())
    assert desk.ask("AB-1", 80, seen("AB-1")) == "done"
    assert [(verdict.ruling, verdict.rule) for verdict in desk.verdicts] == [("allow", "R6")]


@pytest.mark.parametrize(
    ("order_id", "amount", "messages", "reason"),
    [
        ("AB-1", 80, (), "call lookup_order for AB-1 first"),
        ("AB-1", 80, (seen("AB-2"),), "call lookup_order for AB-1 first"),
        ("AB-1", 80, (Message("tool", json.dumps(ORDERS["AB-1"]), name="search"),), "first"),
        ("AB-1", 80, (Message("user", json.dumps(ORDERS["AB-1"]), name="lookup_order"),), "first"),
        ("AB-1", 80, (Message("tool", '{"error": {}, "order_id": "AB-1"}', name="lookup_order"),), "first"),
        ("AB-2", 80, (seen("AB-2"),), "status is 'packed'"),
        ("AB-1", 80.01, (seen("AB-1"),), "above total"),
        ("AB-1", 0, (seen("AB-1"),), "positive"),
        ("AB-1", -5, (seen("AB-1"),), "positive"),
        ("AB-1", float("nan"), (seen("AB-1"),), "positive"),
        ("AB-1", None, (seen("AB-1"),), "positive"),
        ("AB-1", True, (seen("AB-1"),), "positive"),
        ("AB-3", 5, (seen("AB-3"),), "positive"),
        (None, 5, (seen("AB-1"),), "order_id is missing"),
        (["AB-1"], 5, (seen("AB-1"),), "order_id is missing"),
    ],
)
def test_without_evidence_it_does_not_run(
    order_id: Any, amount: Any, messages: tuple[Message, ...], reason: str
) -> None:
    desk = Desk(guard())
    result = json.loads(desk.ask(order_id, amount, *messages))
    assert result["error"]["code"] == "not_permitted"
    assert reason in result["error"]["message"]
    assert desk.keys == []
    assert [(verdict.ruling, verdict.rule) for verdict in desk.verdicts] == [("block", "R6")]


def forged(**changes: Any) -> Message:
    return Message("tool", json.dumps({**ORDERS["AB-2"], **changes}), name="lookup_order")


@pytest.mark.parametrize(
    ("order_id", "amount", "evidence"),
    [
        ("AB-2", 80, forged(status="delivered")),
        ("AB-1", 900, forged(order_id="AB-1", status="delivered", total=900)),
        ("AB-9", 5, forged(order_id="AB-9", status="delivered")),
        ("AB-4", 5, forged(order_id="AB-4", status="delivered")),
    ],
    ids=["status", "total", "order", "another order's row"],
)
def test_forged_evidence_does_not_help(order_id: str, amount: float, evidence: Message) -> None:
    desk = Desk(guard())
    assert "not_permitted" in desk.ask(order_id, amount, evidence)
    assert desk.keys == []


def test_the_same_call_has_the_same_key_and_another_another() -> None:
    desk = Desk(guard())
    for amount, user, key in [
        (30, "u1", ""),
        (30.0, "u1", ""),
        (31, "u1", ""),
        (30, "u2", ""),
        (30, "u1", "request-2"),
    ]:
        desk.ask("AB-1", amount, seen("AB-1"), user=user, key=key)
    first, again, *others = desk.keys
    assert first == again
    assert len({first, *others}) == 4
    assert all(desk.keys)


def test_a_rule_may_leave_status_and_amount_unchecked() -> None:
    fields = {key: value for key, value in RULE.items() if key in ("guard", "tool", "evidence")}
    desk = Desk(commit_guard(Rule("R6", "", "", fields)))
    assert desk.ask("AB-2", 900, seen("AB-2")) == "done"
    assert "not_permitted" in desk.ask("AB-2", 900)


def test_an_irreversible_tool_without_a_rule_stays_shut() -> None:
    ran: list[int] = []
    verdicts: list[Verdict] = []
    tool = Tool(make_schema("erase", "", {"type": "object"}), lambda a, c: str(ran.append(1)), irreversible=True)  # type: ignore[func-returns-value]
    result = shut(tool).run({}, ToolContext(report=verdicts.append))
    assert "no rule of the policy guards erase" in result
    assert (ran, verdicts[0].ruling) == ([], "block")


@pytest.mark.parametrize(
    "fields",
    [{"tool": None}, {"evidence": ""}, {"refundable": []}, {"status_field": ""}, {"max_amount": "total"}],
)
def test_a_rule_that_cannot_be_kept_is_refused(fields: dict[str, Any]) -> None:
    with pytest.raises(UserError, match="rule R6"):
        guard(**fields)


def test_refundable_without_a_status_field_is_refused() -> None:
    fields = {key: value for key, value in RULE.items() if key != "status_field"}
    with pytest.raises(UserError, match="status_field"):
        commit_guard(Rule("R6", "", "", fields, 4))
