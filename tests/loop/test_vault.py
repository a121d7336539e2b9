"""Harvested rows pass the door without personal data; who holds the key gets it back, or has it forgotten."""

import json
from pathlib import Path

import pytest

from trimtab.cli.main import main
from trimtab.cli.template import write_template
from trimtab.loop.reap import reap
from trimtab.loop.steps.data import BASE, CURATE, IMPORT, curated_now
from trimtab.loop.turn import run_turn
from trimtab.loop.vault import forget, restored
from trimtab.loop.workspace import Workspace, find_workspace
from trimtab.records import Feedback, Message, Silent, Trace, UserError, iter_jsonl, read_jsonl, row_from_json

SETTING = "data.privacy.scrub=false"
DATA = ("ann@x.org", "555-123-4567", "bob@y.org")
TRACE = Trace(
    "t1", 1.0, "shop", "u1", "stable", "r1",
    (Message("user", "I am ann@x.org: which paint for a kettle?"),),
    (Message("assistant", "Write to bob@y.org."),), "stop",
)  # fmt: skip


@pytest.fixture
def workspace(tiny_workspace: Path) -> Workspace:
    found = find_workspace(tiny_workspace)
    found.store.traces.add(TRACE)
    found.store.capture.put(TRACE.id, TRACE, expires=1e12, kept=True)
    for number, edit in enumerate(("Ask ann@x.org for blue.", None)):
        said = Feedback(f"f{number}", TRACE.id, 2.0, edit=edit, thumb=False, comment="call me on 555-123-4567")
        found.store.feedback.add(said)
        found.store.capture.put_feedback(said, expires=1e12)
    reap(found, who="test", now=3.0)
    return found


@pytest.fixture
def curated(workspace: Workspace) -> Path:
    """The folder of rows that passed the door."""
    runs = run_turn(workspace, [BASE, IMPORT, CURATE], Silent())
    return workspace.store.artefacts.path(runs[-1].outputs["rows"])


def test_comments_and_edits_of_harvested_rows_pass_the_door_without_their_data(
    workspace: Workspace, curated: Path
) -> None:
    waiting = "".join(path.read_text() for path in (workspace.root / "data/harvest").glob("*.jsonl"))
    passed = "".join(path.read_text() for path in curated.iterdir())
    assert all(datum in waiting for datum in DATA)
    assert not [datum for datum in DATA if datum in passed]
    assert "Ask <EMAIL_1> for blue." in passed
    found = json.loads((curated / "report.json").read_text())["findings"]["privacy"]
    assert found["rows"] == 3
    assert found["reversible"]
    assert set(found["by_source"]) == {"harvest/sft", "harvest/preference", "harvest/unpaired"}


def test_who_holds_the_key_gets_the_very_rows_back(workspace: Workspace, curated: Path) -> None:
    for name, waiting in (("examples", "sft"), ("comparisons", "preference"), ("unpaired", "unpaired")):
        done = restored(workspace, read_jsonl(curated / f"{name}.jsonl", row_from_json), now=0.0)
        assert (done.turned, done.missing) == (1, 0)
        originals = [row for _, row in iter_jsonl(workspace.root / f"data/harvest/{waiting}.jsonl")]
        found = [row.to_json() for row in done.rows if row.provenance.get("source") == "harvest"]
        assert [row["provenance"]["comment"] for row in found] == ["call me on 555-123-4567"]
        assert "vault" not in found[0]["provenance"]
        for key in ("messages", "prompt", "chosen", "rejected", "completion"):
            assert [row.get(key) for row in found] == [row.get(key) for row in originals]


def test_a_person_is_forgotten_and_the_row_stays_as_it_is(workspace: Workspace, curated: Path) -> None:
    rows = list(read_jsonl(curated / "examples.jsonl", row_from_json))
    assert forget(workspace, " Ann@X.org ") == 3
    done = restored(workspace, rows, now=0.0)
    assert (done.turned, done.missing) == (0, 1)
    assert list(done.rows) == rows
    with pytest.raises(UserError, match="nothing to forget"):
        forget(workspace, " ")


def test_the_commands_say_what_they_did(
    workspace: Workspace, curated: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    target = tmp_path / "rows.jsonl"
    where = ["-w", str(workspace.root)]
    main(["data", "restore", str(curated / "examples.jsonl"), "--to", str(target), *where])
    assert "1 of them restored" in capsys.readouterr().out
    assert "Ask ann@x.org for blue." in target.read_text()
    main(["data", "forget", "--person", "ann@x.org", *where, "--json"])
    said = json.loads(capsys.readouterr().out)
    assert said["rows"] == 3
    assert said["still_in"]["data/harvest/sft.jsonl"] == 1
    assert any(name.startswith(".trimtab/artefacts/") for name in said["still_in"])
    main(["data", "restore", str(curated / "examples.jsonl"), "--to", str(target), *where])
    assert "1 references are unknown" in capsys.readouterr().out


def test_the_template_has_nothing_to_hide(tmp_path: Path) -> None:
    """Orders, prices, dates and policies of the demo are no personal data: hiding on or off, its rows are the same."""
    write_template(tmp_path / "support")
    hidden = curated_now(find_workspace(tmp_path / "support"), Silent())
    plain = curated_now(find_workspace(tmp_path / "support", [SETTING]), Silent())
    assert hidden.report.findings["privacy"]["rows"] == 0
    assert (hidden.examples, hidden.comparisons) == (plain.examples, plain.comparisons)
