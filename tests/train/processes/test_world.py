"""Processes are started, know who they are, and end together with one message."""

import logging
import os
import subprocess
import sys
from pathlib import Path

import pytest

from trimtab.records import Stopped, UserError
from trimtab.train.processes.world import World, launch, leave_verdict, run_under_torchrun, verdict_left, world


def test_a_process_without_torchrun_is_alone_and_leads(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("RANK", raising=False)
    monkeypatch.delenv("WORLD_SIZE", raising=False)
    assert world() == World(0, 1, 0)
    assert world().leads


def test_torchruns_environment_says_who_a_process_is(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in {"RANK": "5", "WORLD_SIZE": "8", "LOCAL_RANK": "1"}.items():
        monkeypatch.setenv(name, value)
    assert world() == World(5, 8, 1)
    assert not world().leads


def test_asking_who_one_is_needs_no_torch() -> None:
    code = "import sys; from trimtab.train.processes.world import world; world(); sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_the_first_verdict_stands(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("TRIMTAB_VERDICT", raising=False)
    assert not leave_verdict(UserError("alone"))
    monkeypatch.setenv("TRIMTAB_VERDICT", str(tmp_path / "verdict.json"))
    assert not verdict_left()
    assert leave_verdict(UserError("first"))
    assert leave_verdict(UserError("second"))
    assert verdict_left()
    assert "first" in (tmp_path / "verdict.json").read_text()
    assert [path.name for path in tmp_path.iterdir()] == ["verdict.json"]


@pytest.mark.parametrize("how", ["one", "all"])
def test_a_users_mistake_ends_all_processes_and_is_said_once(how: str, capfd: pytest.CaptureFixture[str]) -> None:
    before = dict(os.environ), logging.root.manager.disable
    with pytest.raises(UserError, match="field 'rows': it is broken"):
        launch(2, "tests.train.processes.failing", [how])
    assert capfd.readouterr() == ("", "")
    assert (dict(os.environ), logging.root.manager.disable) == before


def test_a_check_that_says_no_stays_one() -> None:
    with pytest.raises(Stopped, match="the gate says no"):
        launch(2, "tests.train.processes.failing", ["stopped"])


def test_our_own_mistake_in_a_silent_process_is_shown_and_exits_3(capfd: pytest.CaptureFixture[str]) -> None:
    assert launch(2, "tests.train.processes.failing", ["bug"]) == 3
    assert "an invariant does not hold" in capfd.readouterr().err


def test_processes_that_end_well_exit_0() -> None:
    assert launch(2, "tests.train.processes.failing", ["none"]) == 0


def test_no_process_at_all_is_refused() -> None:
    with pytest.raises(UserError, match="expected at least 1"):
        run_under_torchrun(0, [])
