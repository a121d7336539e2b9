"""A harness runs in its own process: it is found or its install line is said, its failure is told in its own words."""

import stat
import sys
from pathlib import Path
from typing import Any

import pytest

from trimtab.evaluate.harness import HARNESSES, Job, run_harness
from trimtab.records import Silent, UserError

JOB = Job("sums", "http://127.0.0.1:1", "desk")
LOG = """{"status": "success", "eval": {"task": "sums"}, "samples": [
 {"id": 1, "input": "q", "target": "4", "output": {}, "scores": {"match": {"value": "C"}}}]}"""


def python(folder: Path, body: str, *, has: bool = True) -> Path:
    """An interpreter of sorts: ``-c`` asks whether it has the harness, anything else runs ``body`` as it."""
    script = folder / "python"
    code = f"import sys\nif sys.argv[1] == '-c':\n    sys.exit({int(not has)})\n{body}"
    script.write_text(f"#!{sys.executable}\n{code}\n")
    script.chmod(script.stat().st_mode | stat.S_IXUSR)
    return script


def write_log(text: str = LOG) -> str:
    return f"import pathlib\npathlib.Path(sys.argv[sys.argv.index('--log-dir') + 1], 'log.json').write_text({text!r})"


def test_a_run_is_read_and_its_log_kept(tmp_path: Path) -> None:
    result = run_harness("inspect", JOB, tmp_path / "logs", Silent(), python(tmp_path, write_log()))
    assert result.scores == {"match": {"1": 1.0}}
    assert (tmp_path / "logs" / "log.json").is_file()


def test_a_failed_run_leaves_the_logs_of_the_last_good_one(tmp_path: Path) -> None:
    run_harness("inspect", JOB, tmp_path / "logs", Silent(), python(tmp_path, write_log()))
    with pytest.raises(UserError, match=r"exit code 3:\nno such task"):
        run_harness("inspect", JOB, tmp_path / "logs", Silent(), python(tmp_path, "print('no such task'); sys.exit(3)"))
    assert (tmp_path / "logs" / "log.json").read_text() == LOG


def test_what_the_harness_says_is_noted_as_it_comes(tmp_path: Path) -> None:
    notes: list[str] = []

    class Listener(Silent):
        def advance(self, amount: int = 1, note: str = "") -> None:
            notes.append(note)

    run_harness("inspect", JOB, tmp_path / "logs", Listener(), python(tmp_path, write_log() + "\nprint('half done')"))
    assert notes == ["half done"]


@pytest.mark.parametrize("name", sorted(HARNESSES))
def test_a_missing_harness_has_its_install_line(tmp_path: Path, name: str) -> None:
    with pytest.raises(UserError) as caught:
        run_harness(name, JOB, tmp_path / "logs", Silent(), python(tmp_path, "", has=False))
    assert f"pip install 'trimtab[{HARNESSES[name].extra}]'" in str(caught.value)
    with pytest.raises(UserError, match="cannot be run"):
        run_harness(name, JOB, tmp_path / "logs", Silent(), tmp_path / "nowhere")


def test_our_own_path_is_not_the_harness_path(tmp_path: Path, monkeypatch: Any) -> None:
    monkeypatch.setenv("PYTHONPATH", "/ours")
    body = write_log() + "\nimport os\nassert 'PYTHONPATH' not in os.environ\nassert os.environ['TRIMTAB_API_KEY']"
    run_harness("inspect", JOB, tmp_path / "logs", Silent(), python(tmp_path, body))
