"""How a release is decoded follows from its own measurement, and is no part of what it is."""

import json
from pathlib import Path
from typing import Any

import pytest

from tests.loop.conftest import write_tiny
from trimtab.cli.main import cli
from trimtab.engine import Speculation
from trimtab.engine.trial import Trial
from trimtab.loop import speculation
from trimtab.loop.behaviour import behaviour_of
from trimtab.loop.config import Serving
from trimtab.loop.speculation import KIND, choose, collect, key_of, measure_release, speculation_of
from trimtab.loop.workspace import Workspace, find_workspace
from trimtab.records import Release, Silent, UserError
from trimtab.release import register

WON = Trial("lookup", 1, 8, 320, 8, 8, 12.0, 8.0, 24.0, 15.0, 160, 312, 300, 152, 800)
TORCH = Serving(engine="torch", precision="f32")


def released(tmp_path: Path, tiny_model: Path, *overrides: str) -> tuple[Workspace, str]:
    folder = write_tiny(tmp_path / "tiny", tiny_model)
    workspace = find_workspace(folder, ("serving.engine=torch", *overrides))
    model = workspace.store.artefacts.put(tiny_model)
    return workspace, register(workspace.store, Release(behaviour_of(workspace, model)))


def test_auto_does_what_the_trials_say_and_nothing_unmeasured() -> None:
    assert choose(TORCH, [WON]) == Speculation("lookup")
    assert choose(TORCH, []) is None


def test_a_named_way_is_taken_whatever_was_measured() -> None:
    assert choose(TORCH.model_copy(update={"speculation": "off"}), [WON]) is None
    assert choose(TORCH.model_copy(update={"speculation": "lookup"}), []) == Speculation("lookup")
    with pytest.raises(UserError, match="openvino engine"):
        choose(TORCH.model_copy(update={"speculation": "draft"}), [])
    openvino = Serving(engine="openvino", speculation="draft")
    assert choose(openvino, []) == Speculation("draft")


def test_a_measurement_counts_for_its_release_engine_precision_draft_and_machine_only(
    tmp_path: Path, tiny_model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    workspace, digest = released(tmp_path, tiny_model)
    behaviour = behaviour_of(workspace, workspace.store.artefacts.put(tiny_model))
    assert behaviour.digest == digest
    workspace.store.put(KIND, key_of(behaviour, TORCH), {"trials": [WON.to_json()]})
    assert speculation_of(workspace.store, behaviour, TORCH) == Speculation("lookup")
    others: list[dict[str, Any]] = [{"engine": "openvino"}, {"draft": "another"}, {"speculation": "off"}]
    for changes in others:
        assert speculation_of(workspace.store, behaviour, TORCH.model_copy(update=changes)) is None
    monkeypatch.setattr(speculation, "machine", lambda: {"processor": "another"})
    assert speculation_of(workspace.store, behaviour, TORCH) is None


def test_how_tokens_are_guessed_is_no_part_of_the_behaviour(tmp_path: Path, tiny_model: Path) -> None:
    workspace, plain = released(tmp_path, tiny_model, "serving.speculation=off")
    guessing = find_workspace(workspace.root, ("serving.engine=torch", "serving.speculation=lookup"))
    assert behaviour_of(guessing, workspace.store.artefacts.put(tiny_model)).digest == plain


def test_prompts_are_those_of_development_cases_and_greedy(tmp_path: Path, tiny_model: Path) -> None:
    workspace, _ = released(tmp_path, tiny_model, "serving.decoding.temperature=0.7")
    behaviour = behaviour_of(workspace, workspace.store.artefacts.put(tiny_model))
    requests = collect(workspace, behaviour, Silent(), 3)
    assert 0 < len(requests) <= 3
    assert {request.sampling.temperature for request in requests} == {0.0}


def test_speculate_measures_keeps_and_prints(
    tmp_path: Path, tiny_model: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    workspace, digest = released(tmp_path, tiny_model, "serving.decoding.max_tokens=8")
    row = measure_release(workspace, digest, Silent(), 2)
    behaviour = behaviour_of(workspace, workspace.store.artefacts.put(tiny_model))
    assert workspace.store.get(KIND, key_of(behaviour, workspace.config.serving)) == json.loads(json.dumps(row))
    trials = [Trial.from_json(trial) for trial in row["trials"]]
    assert [(trial.way, trial.concurrency) for trial in trials] == [("lookup", 1), ("lookup", 8)]
    assert all(trial.identical == trial.requests for trial in trials)
    settings = ["--set", "serving.engine=torch", "--set", "serving.decoding.max_tokens=8"]
    cli.main(["speculate", digest, "--limit", "2", "-w", str(workspace.root), *settings], standalone_mode=False)
    printed = capsys.readouterr().out
    assert "forwards/token" in printed
    assert "auto takes" in printed
