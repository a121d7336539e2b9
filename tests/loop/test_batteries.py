"""`evaluate --battery` asks a battery alone, shows it with counts and intervals, and keeps its scorecard."""

import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from trimtab.cli.main import cli, main
from trimtab.loop.batteries import Asked, asked_from
from trimtab.loop.behaviour import behaviour_of
from trimtab.loop.material import fresh_cases, material_of
from trimtab.loop.scored import scored
from trimtab.loop.workspace import find_workspace
from trimtab.records import Release, UserError, write_jsonl
from trimtab.release import promote, register
from trimtab.store import Store


@pytest.fixture
def released(tiny_workspace: Path, tiny_model: Path) -> Path:
    """The tiny workspace with one stable release."""
    workspace = find_workspace(tiny_workspace)
    with workspace.store as store:
        artefact = store.artefacts.put(tiny_model)
        promote(store, register(store, Release(behaviour_of(workspace, artefact))), "stable")
    return tiny_workspace


def run(folder: Path, *arguments: str) -> Any:
    return CliRunner().invoke(cli, ["evaluate", *arguments, "-w", str(folder)])


def test_a_battery_is_asked_alone_and_kept(released: Path) -> None:
    done = run(released, "--battery", "multi_turn:2", "--battery", "redteam:3", "--seed", "4", "--json")
    assert done.exit_code == 0, done.output
    rows = json.loads(done.stdout)
    assert [row["suite"] for row in rows] == ["multi_turn:2@4", "redteam:3@4"]
    assert rows[1]["metrics"]["attack_success"]["n"] == 3
    with Store.open(released / ".trimtab") as store:
        assert list(scored(store, rows[0]["release"])) == ["multi_turn:2@4", "redteam:3@4"]


def test_people_see_counts_and_intervals(released: Path) -> None:
    done = run(released, "--battery", "redteam:2")
    assert done.exit_code == 0, done.output
    assert "attacks, severity-weighted" in done.output
    assert "n=2" in done.output


def test_a_file_of_cases_is_asked_alone(released: Path, tmp_path: Path) -> None:
    row = {"messages": [{"role": "user", "content": "Hello"}], "expected": {"action": "answer"}}
    write_jsonl(tmp_path / "own.jsonl", [row])
    done = run(released, "--cases", str(tmp_path / "own.jsonl"), "--json")
    assert json.loads(done.stdout)[0]["suite"] == "cases:own.jsonl"


def test_an_unknown_battery_exits_2_with_the_list(released: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as stopped:
        main(["evaluate", "--battery", "honest:2", "--battery", "nice", "-w", str(released)])
    assert stopped.value.code == 2
    assert "harmless | helpful" in capsys.readouterr().err
    with Store.open(released / ".trimtab") as store:
        assert not list(store.documents.items("scored"))


def test_the_list_needs_no_workspace(tmp_path: Path) -> None:
    done = run(tmp_path, "--batteries")
    assert done.exit_code == 0
    assert "long_context" in done.output


def test_the_configured_batteries_are_fed_by_the_workspace(tiny_workspace: Path) -> None:
    found = find_workspace(tiny_workspace, ["evaluate.batteries={domain: {cases: 3}, honest: {cases: 2}}"])
    assert [case.labels["battery"] for case in fresh_cases(found)] == ["domain"] * 3 + ["honest"] * 2


def test_the_material_is_the_workspaces_own(tiny_workspace: Path) -> None:
    material = material_of(find_workspace(tiny_workspace))
    assert [passage.id for passage in material.passages] == ["a-1"]
    assert material.tools == {"calculator"}
    assert material.count("one two three four") < 40
    assert material.taken > 0


@pytest.mark.parametrize("text", ["math:", "math:0", "math:-1", "math:x", "math:²"])
def test_a_number_of_cases_is_a_whole_number_from_1(text: str) -> None:
    with pytest.raises(UserError, match="no number of cases"):
        asked_from(text)
    assert asked_from("math:7") == Asked("math", 7)
