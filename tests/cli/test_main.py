"""Commands are quick to start, name what is wrong, and leave with the right code."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from trimtab.cli import main
from trimtab.cli.main import COMMANDS, cli

HEAVY = ("torch", "transformers", "openvino", "openvino_genai", "peft", "bm25s")


def code(*arguments: str) -> int:
    """The exit status of a command."""
    try:
        main(arguments)
    except SystemExit as stop:
        return int(stop.code or 0)
    return 0


def imported(*arguments: str) -> set[str]:
    """Heavy packages that a command pulls in."""
    script = (
        "import sys\nfrom trimtab.cli import main\n"
        f"try:\n    main({list(arguments)!r})\nexcept SystemExit:\n    pass\n"
        f"print('loaded', *[name for name in {HEAVY!r} if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    return set(done.stdout.splitlines()[-1].split()[1:])


@pytest.fixture(scope="module")
def workspace(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("cli") / "support"
    assert code("init", str(folder)) == 0
    return folder


def test_help_and_status_import_nothing_heavy(workspace: Path) -> None:
    assert imported("--help") == set()
    assert imported("status", "-w", str(workspace)) == set()


@pytest.mark.parametrize("name", list(COMMANDS))
def test_every_listed_command_exists_and_explains_itself(name: str) -> None:
    command = cli.get_command(None, name)  # type: ignore[arg-type]
    assert command is not None
    assert command.help


def test_a_fresh_workspace_has_rows_cases_and_a_valid_config(workspace: Path) -> None:
    assert code("config", "-w", str(workspace)) == 0
    for path in ("data/sft.jsonl", "data/preference.jsonl", "quarantine/sealed.jsonl.sealed", "redteam/test.jsonl"):
        assert (workspace / path).stat().st_size > 1000


def test_init_does_not_write_into_a_workspace(workspace: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert code("init", str(workspace)) == 2
    assert "there is a workspace already" in capsys.readouterr().err


def test_no_workspace_is_one_clear_message(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert code("status", "-w", str(tmp_path)) == 2
    error = capsys.readouterr().err
    assert "no workspace here" in error
    assert "trimtab init" in error
    assert "Traceback" not in error


def test_an_unknown_setting_is_named_with_its_line(
    workspace: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    text = (workspace / "trimtab.yaml").read_text() + "\ncolour: blue\n"
    (tmp_path / "trimtab.yaml").write_text(text)
    assert code("config", "-w", str(tmp_path)) == 2
    error = capsys.readouterr().err
    assert f"trimtab.yaml:{len(text.splitlines())}" in error
    assert "colour" in error


def test_a_workspace_from_a_newer_version_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "trimtab.yaml").write_text("format: 99\ndata: {sources: []}\n")
    assert code("run", "-w", str(tmp_path)) == 2
    assert "newer" in capsys.readouterr().err


def test_overrides_reach_the_tree_and_say_so(workspace: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert code("config", "--resolved", "--json", "--set", "train.sft.epochs=3", "-w", str(workspace)) == 0
    rows = {row["name"]: row for row in json.loads(capsys.readouterr().out)}
    assert rows["train.sft.epochs"] == {"name": "train.sft.epochs", "value": 3, "origin": "--set"}
    assert rows["train.sft.learning_rate"]["origin"].startswith("trimtab.yaml:")
    assert rows["evaluate.concurrency"]["origin"] == "default"


def test_a_bad_override_is_the_users_mistake(workspace: Path) -> None:
    assert code("config", "--set", "train.sft.epochs=many", "-w", str(workspace)) == 2
    assert code("config", "--set", "train.sft.epochs", "-w", str(workspace)) == 2


def test_status_speaks_json(workspace: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert code("status", "--json", "-w", str(workspace)) == 0
    assert json.loads(capsys.readouterr().out)["canary"] is None


def test_init_from_a_file_says_what_it_understood(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    rows = tmp_path / "mine.jsonl"
    rows.write_text(
        "".join(
            json.dumps({"instruction": f"Name colour number {n}.", "input": "", "output": f"Shade {n}."}) + "\n"
            for n in range(40)
        )
    )
    assert code("init", str(tmp_path / "ws"), "--from", str(rows)) == 0
    assert "alpaca" in capsys.readouterr().out.lower()
    assert yaml.safe_load((tmp_path / "ws/trimtab.yaml").read_text())["data"]["sources"]
    assert code("config", "-w", str(tmp_path / "ws")) == 0
    assert code("data", "check", "-w", str(tmp_path / "ws")) == 0


def test_a_malformed_line_is_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    rows = tmp_path / "bad.jsonl"
    rows.write_text(
        '{"messages": [{"role": "user", "content": "hi"}, {"role": "assistant", "content": "ho"}]}\n{oops\n'
    )
    assert code("init", str(tmp_path / "ws"), "--from", str(rows)) == 2
    assert "bad.jsonl:2" in capsys.readouterr().err
    assert not (tmp_path / "ws").exists()


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_completion_scripts_name_the_program(shell: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert code("completion", shell) == 0
    assert "_TRIMTAB_COMPLETE" in capsys.readouterr().out


def test_rolling_back_with_nothing_to_go_back_to_is_said(workspace: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert code("rollback", "-w", str(workspace)) == 2
    assert "nothing to go back to" in capsys.readouterr().err


def test_a_full_disk_is_said_and_is_the_users_to_mend(
    workspace: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    import errno

    from trimtab.loop import status

    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device", "store.sqlite")

    monkeypatch.setattr(status, "status", full)
    assert code("status", "-w", str(workspace)) == 2
    error = capsys.readouterr().err
    assert "the disk is full (store.sqlite)" in error
    assert "trimtab gc" in error


def test_a_port_in_use_is_named(workspace: Path, capsys: pytest.CaptureFixture[str]) -> None:
    from trimtab.serve import bind

    taken = bind("127.0.0.1", 0)
    try:
        assert code("dashboard", "--port", str(taken.getsockname()[1]), "-w", str(workspace)) == 2
    finally:
        taken.close()
    assert "is in use" in capsys.readouterr().err
