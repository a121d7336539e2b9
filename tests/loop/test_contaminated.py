"""What gets past the door does not get past the gate: a contaminated release is blocked, sealed and rotated or not."""

import json
from pathlib import Path

import pytest

from tests.loop.conftest import case
from tests.loop.test_turn import turn
from trimtab.curate.stage import Staged
from trimtab.loop.sealing import seal_files
from trimtab.loop.shards import rotate
from trimtab.loop.workspace import find_workspace
from trimtab.records import write_jsonl
from trimtab.release import get

SPARE = "What does the miller's youngest daughter keep in the attic?"
RESERVED = 'cases.reserved=["quarantine/spare.jsonl"]'


def test_a_row_past_the_door_is_counted_and_blocks_the_gate(
    tiny_workspace: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_jsonl(
        tiny_workspace / "quarantine/spare.jsonl", [case(SPARE), case("How many geese are there on the green?")]
    )
    workspace = find_workspace(tiny_workspace, [RESERVED])
    seal_files(workspace)
    rotate(workspace, who="test", now=1.0)
    rows = tiny_workspace / "data/sft.jsonl"
    planted = (
        "Name one animal with a RED coat please",
        "Tell me: what does the miller's eldest daughter keep in the attic?",
    )
    lines = [
        json.dumps({"messages": [{"role": "user", "content": text}, {"role": "assistant", "content": "Hm."}]})
        for text in planted  # the first repeats the retired shard, the second rewords the active one
    ]
    rows.write_text(rows.read_text() + "\n".join(lines) + "\n")
    monkeypatch.setattr("trimtab.curate.door.quarantine_stage", lambda rows, quarantine: Staged(rows))
    outputs = turn(tiny_workspace, RESERVED, "train.dpo=null", "train.refresh=null", "evaluate.limit=4")
    assert outputs["evaluate"]["contaminated"] == 2
    assert outputs["gate"]["verdict"] == "blocked"
    checks = {check["name"]: check for check in outputs["gate"]["checks"]}  # type: ignore[attr-defined]
    assert not checks["contamination"]["passed"]
    assert workspace.store.aliases.get("candidate") is None
    assert {look.shard for look in workspace.store.ledger.looks()} == {"quarantine/spare.jsonl", "redteam/test.jsonl"}
    release = get(workspace.store, str(outputs["release"]["release"]))
    assert "Min-K%++ AUC" in release.card
