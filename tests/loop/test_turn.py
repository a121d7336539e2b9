"""A whole turn on a tiny random model: journaled, skipped when known, the same digest whatever happens on the way."""

import json
import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.loop.conftest import write_tiny
from trimtab.loop.steps import TURN
from trimtab.loop.turn import run_turn
from trimtab.loop.workspace import find_workspace
from trimtab.records import Silent, Stopped, UserError
from trimtab.release import get, promote

KILLS = int(os.environ.get("TRIMTAB_KILLS", "4"))
"""Kills in the kill test; 30 for the figure in docs/results."""


def turn(folder: Path, *overrides: str) -> dict[str, dict[str, object]]:
    """Run a turn; step -> outputs, with ``skipped`` among them."""
    runs = run_turn(find_workspace(folder, overrides), TURN, Silent())
    return {run.name: {**run.outputs, "skipped": run.skipped} for run in runs}


def test_a_turn_ends_in_a_release_with_card_changelog_and_evidence(tiny_workspace: Path) -> None:
    outputs = turn(tiny_workspace)
    release = get(find_workspace(tiny_workspace).store, str(outputs["release"]["release"]))
    assert release.card.startswith("---")
    assert "What moved" in release.changelog
    assert release.scorecard["metrics"]["unscored"]["n"] == 10
    assert release.gate["verdict"] in ("passed", "blocked")
    assert release.logprob_record["sequences"]
    assert get(find_workspace(tiny_workspace).store, "stable").scorecard["metrics"]
    assert {step["step"] for step in release.steps} == {"curate", "sft", "dpo", "kto", "rl", "refresh"}


def test_a_known_turn_is_skipped_and_a_changed_section_reruns_no_more_than_it_must(tiny_workspace: Path) -> None:
    first = turn(tiny_workspace)
    again = turn(tiny_workspace)
    assert all(again[name]["skipped"] for name in again)
    assert again["release"]["release"] == first["release"]["release"]
    changed = turn(tiny_workspace, "train.refresh.epochs=2")
    assert [name for name in changed if not changed[name]["skipped"]] == ["refresh", "evaluate", "gate", "release"]
    assert changed["release"]["release"] != first["release"]["release"]


def test_a_turn_run_again_after_its_promotion_says_the_same(tiny_workspace: Path) -> None:
    first = turn(tiny_workspace)
    promote(find_workspace(tiny_workspace).store, str(first["release"]["release"]), "test", force=True)
    again = turn(tiny_workspace)
    assert again["gate"]["checks"] == first["gate"]["checks"]
    assert again["release"]["release"] == first["release"]["release"]
    assert find_workspace(tiny_workspace).store.aliases.get("candidate") is None


def test_two_workspaces_with_the_same_inputs_reach_the_same_digest(tmp_path: Path, tiny_model: Path) -> None:
    digests = {turn(write_tiny(tmp_path / name, tiny_model))["release"]["release"] for name in ("one", "two")}
    assert len(digests) == 1


def test_a_row_that_repeats_a_sealed_case_never_reaches_training(tiny_workspace: Path) -> None:
    rows = tiny_workspace / "data/sft.jsonl"
    sealed = {"messages": [{"role": "user", "content": "Name one animal with a RED coat please"},
                           {"role": "assistant", "content": "Fox."}]}  # fmt: skip
    rows.write_text(rows.read_text() + json.dumps(sealed) + "\n")
    outputs = turn(tiny_workspace)
    assert outputs["curate"]["dropped"] == {"quarantine": 1}
    assert outputs["evaluate"]["contaminated"] == 0


def test_every_look_at_the_sealed_set_is_in_the_ledger(tiny_workspace: Path) -> None:
    turn(tiny_workspace)
    looks = find_workspace(tiny_workspace).store.ledger.looks()
    assert {look.purpose for look in looks} >= {"evaluate"}


def test_teaching_that_breaks_routing_stops_the_turn(tiny_workspace: Path) -> None:
    with pytest.raises(Stopped, match="tool_routing_accuracy"):
        turn(tiny_workspace, "train.anchor.margin=-2")


def test_an_empty_source_is_the_users_to_mend(tiny_workspace: Path) -> None:
    (tiny_workspace / "data/sft.jsonl").write_text("")
    with pytest.raises(UserError, match=r"sft\.jsonl"):
        turn(tiny_workspace)


def test_a_model_that_cannot_be_resolved_is_named(tiny_workspace: Path) -> None:
    with pytest.raises(UserError, match="no-such-model"):
        turn(tiny_workspace, "model=./no-such-model")


def test_killed_at_random_instants_the_same_command_reaches_the_same_digest(tmp_path: Path, tiny_model: Path) -> None:
    undisturbed = turn(write_tiny(tmp_path / "undisturbed", tiny_model))["release"]["release"]
    folder, draw, killed = write_tiny(tmp_path / "killed", tiny_model), random.Random(KILLS), 0
    command = [sys.executable, "-m", "trimtab", "run", "--json", "-w", str(folder)]
    while killed < KILLS:
        process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        time.sleep(draw.uniform(1.0, 9.0))
        if process.poll() is None:
            os.kill(process.pid, signal.SIGKILL)
        elif process.returncode not in (0, 1):
            pytest.fail(process.communicate()[1])
        else:
            _forget(folder, draw)
        process.communicate()
        killed += 1
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode in (0, 1), done.stderr
    assert json.loads(done.stdout)["release"] == undisturbed


def _forget(folder: Path, draw: random.Random) -> None:
    """A finished turn leaves nothing to kill: forget some of its last steps, so that the next one has work."""
    store = find_workspace(folder).store
    forgotten = draw.choice([("refresh",), ("dpo", "refresh"), ("sft", "dpo", "refresh")])
    with store.database.write() as connection:
        for step in (*forgotten, "evaluate", "gate", "release"):
            connection.execute("DELETE FROM steps WHERE step = ?", (step,))
    store.close()
