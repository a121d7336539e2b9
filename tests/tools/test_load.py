"""``tools.yaml`` makes a toolbox, or says what is wrong with it and where."""

from pathlib import Path

import pytest

from trimtab.records import ToolCall, UserError
from trimtab.tools import Index, Passage, Rehearsal, Toolbox, ToolContext, load_tools

GOOD = """
tools:
  - name: search
    kind: search
    description: Find passages.
    parameters: {type: object, properties: {query: {type: string}}, required: [query]}
    options: {k: 1}
  - name: calculator
    kind: calculator
    description: Work out a sum.
    parameters: {type: object, properties: {expression: {type: string}}, required: [expression]}
  - name: lookup_order
    kind: lookup
    description: Read an order.
    parameters: {type: object, properties: {order_id: {type: string}}, required: [order_id]}
    options: {table: orders.jsonl, key: order_id, pattern: "^[A-Z]{2}-\\\\d{5}$"}
  - name: refund_order
    kind: refund
    description: Pay back.
    parameters: {type: object, properties: {amount: {type: number}}, required: [order_id, amount]}
    options: {table: orders.jsonl, key: order_id}
"""


@pytest.fixture
def workspace(tmp_path: Path) -> Path:
    (tmp_path / "tools").mkdir()
    (tmp_path / "knowledge").mkdir()
    (tmp_path / "tools" / "orders.jsonl").write_text('{"order_id": "AB-10001", "status": "delivered", "total": 8}\n')
    (tmp_path / "knowledge" / "war.md").write_text("---\nid: war-1\ntitle: Guarantee\n---\nFive years.\n")
    return tmp_path


def load(workspace: Path, text: str = GOOD, index: Index | None = None) -> Toolbox:
    path = workspace / "tools" / "tools.yaml"
    path.write_text(text)
    return load_tools(path, Rehearsal(), index)


def test_every_kind_is_made_and_runs(workspace: Path) -> None:
    box = load(workspace)
    assert box.names == ("search", "calculator", "lookup_order", "refund_order")
    assert "war-1" in box.run(ToolCall("search", {"query": "guarantee"}), ToolContext()).content
    assert box.run(ToolCall("calculator", {"expression": "2*20"}), ToolContext()).content == "40"
    assert "delivered" in box.run(ToolCall("lookup_order", {"order_id": "AB-10001"}), ToolContext()).content
    assert "invalid_argument" in box.run(ToolCall("lookup_order", {"order_id": "1"}), ToolContext()).content


def test_a_refund_is_irreversible_even_where_nobody_says_so(workspace: Path) -> None:
    assert [tool.name for tool in load(workspace) if tool.irreversible] == ["refund_order"]


def test_a_given_index_is_searched(workspace: Path) -> None:
    box = load(workspace, index=Index([Passage("x-1", "Guarantee", "None.")]))
    assert "x-1" in box.run(ToolCall("search", {"query": "guarantee"}), ToolContext()).content


def test_the_digest_follows_options_and_tables(workspace: Path) -> None:
    before = load(workspace).digest
    assert load(workspace).digest == before
    assert load(workspace, GOOD.replace("k: 1", "k: 2")).digest != before
    (workspace / "tools" / "orders.jsonl").write_text('{"order_id": "AB-10001", "status": "lost", "total": 8}\n')
    assert load(workspace).digest != before


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("kind: search", "kind: serach", r"tools\[0\]\.kind.*unknown kind 'serach'"),
        ("name: search", "nam: search", r"tools\[0\].*unknown field 'nam'"),
        ("    description: Find passages.\n", "", r"tools\[0\]\.description"),
        ("required: [query]", "required: []", r"needs the argument 'query'"),
        ("{k: 1}", "{k: 0}", r"options\.k.*whole number"),
        ("{k: 1}", "{n: 1}", r"unknown field 'n'"),
        ("{k: 1}", "[k]", r"options must be an object"),
        ("type: object, properties: {query", "type: objekt, properties: {query", "no JSON schema"),
        ("table: orders.jsonl, key: order_id}", "table: order.jsonl, key: order_id}", "no such file"),
        ("table: orders.jsonl, key: order_id}", "table: orders.jsonl}", "key is missing"),
        ('"^[A-Z]{2}-\\\\d{5}$"', '"["', r"options\.pattern.*no regular expression"),
        ("name: calculator", "name: search", "two tools are called 'search'"),
        ("tools:", "tools: [", r"tools\.yaml:\d+: no YAML"),
        ("tools:", "tolls:", "must be a list"),
    ],
)
def test_what_is_wrong_is_said_with_file_and_field(workspace: Path, old: str, new: str, message: str) -> None:
    assert old in GOOD
    with pytest.raises(UserError, match=message) as caught:
        load(workspace, GOOD.replace(old, new, 1))
    assert caught.value.file is not None


def test_a_missing_file_is_said(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="no such file"):
        load_tools(tmp_path / "tools.yaml", Rehearsal())
