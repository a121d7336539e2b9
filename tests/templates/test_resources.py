"""The packaged workspace: whole, readable by the rooms that use it, and never written over a person's files."""

from pathlib import Path

import pytest

from trimtab.records import UserError, case_from_json, read_jsonl
from trimtab.templates import workspace_files, write_workspace
from trimtab.templates.generator.build import tool_schemas
from trimtab.templates.generator.shop import make_orders, order_row, read_shop
from trimtab.tools import Rehearsal, load_documents, load_tools


def test_the_workspace_has_all_its_files() -> None:
    files = workspace_files("support")
    assert {"system.md", "policy/policy.md", "policy/CHANGELOG.md", "tools/tools.yaml"} <= set(files)
    assert sum(path.startswith("knowledge/") for path in files) == 44
    assert not any(path.endswith((".py", ".pyc")) for path in files)


def test_an_unknown_template_is_a_user_error() -> None:
    with pytest.raises(UserError, match="no workspace template"):
        workspace_files("nothing")


def test_writing_refuses_to_overwrite(tmp_path: Path) -> None:
    write_workspace(tmp_path)
    before = (tmp_path / "system.md").read_bytes()
    with pytest.raises(UserError, match="there already"):
        write_workspace(tmp_path)
    assert (tmp_path / "system.md").read_bytes() == before == workspace_files()["system.md"]


def test_the_tools_room_reads_it_as_we_do(workspace: Path) -> None:
    toolbox = load_tools(workspace / "tools" / "tools.yaml", Rehearsal())
    assert toolbox.schemas == tool_schemas(workspace_files())
    shop = read_shop(workspace_files())
    passages = load_documents(workspace / "knowledge")
    assert {p.id: p.text for p in passages} == {d.id: " ".join(d.sentences) for d in shop.documents.values()}


def test_documents_are_short_and_their_sentences_unique() -> None:
    documents = read_shop(workspace_files()).documents.values()
    sentences = [sentence for document in documents for sentence in document.sentences]
    assert all(len(document.sentences) == 2 for document in documents)
    assert all(len(" ".join(document.sentences).split()) <= 45 for document in documents)
    assert len(set(sentences)) == len(sentences)


def test_the_order_table_is_what_its_maker_makes() -> None:
    assert list(read_shop(workspace_files()).orders) == make_orders(160, 128)


def test_an_order_costs_what_its_items_cost() -> None:
    prices = {"Finch": 59.95, "Heron": 134.45, "Plover": 34.25, "Wren": 41.75, "Osprey": 168.85, "Siskin": 88.15}
    for order in read_shop(workspace_files()).orders:
        count, _, name = order.items.partition(" ")
        name = name.removesuffix("es") if name.endswith("ches") else name.removesuffix("s")
        if name in prices:
            goods = int(count) * prices[name]
            assert order.total == round(goods + (4.95 if goods <= 80 else 0), 2), order_row(order)


def test_red_team_cases_are_labelled_and_their_parts_apart(workspace: Path) -> None:
    cases = read_jsonl(workspace / "redteam" / "redteam.jsonl", case_from_json)
    assert {case.labels["part"] for case in cases} == {"train", "test"}
    for case in cases:
        assert case.labels["suite"] == "redteam"
        assert case.labels["severity"] in (1, 2, 3)
        assert case.expected.forbidden or case.expected.action == "decline"
    sides = [{c.labels["cluster"] for c in cases if c.labels["part"] == part} for part in ("train", "test")]
    assert not sides[0] & sides[1]
    assert {c.labels["category"] for c in cases if c.labels["part"] == "test"} == {c.labels["category"] for c in cases}
