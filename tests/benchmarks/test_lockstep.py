"""Processes that take turns."""

import sys
from pathlib import Path

import pytest
from benchmarks.lockstep import Side, measure

_WORKER = """
import json, sys, time
from benchmarks.channel import Channel, peak_megabytes
job = json.load(open(sys.argv[1]))
channel = Channel()
print("noise of a library")
channel.say(ready=True)
for step in range(job["steps"]):
    channel.wait()
    channel.say(step=step, at=time.monotonic())
channel.say(peak_mb=peak_megabytes())
"""


@pytest.fixture
def worker(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    (tmp_path / "bench_worker.py").write_text(_WORKER)
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    return "bench_worker"


def _side(name: str, module: str, steps: int) -> Side:
    return Side(name, Path(sys.executable), module, {"steps": steps})


def test_sides_take_turns_step_by_step_whatever_they_print(worker: str, tmp_path: Path) -> None:
    found = measure([_side("a", worker, 3), _side("b", worker, 3)], 3, tmp_path / "out")
    at = [(found[name].steps[step]["at"], name) for step in range(3) for name in ("a", "b")]
    assert at == sorted(at)
    assert all(one.start == {"ready": True} and one.end["peak_mb"] > 1 for one in found.values())
    assert "noise" in (tmp_path / "out" / "a.log").read_text()


def test_a_side_that_ends_early_is_an_error_with_the_end_of_its_log(worker: str, tmp_path: Path) -> None:
    with pytest.raises(RuntimeError, match="ended early"):
        measure([_side("a", worker, 1)], 3, tmp_path / "out")
    with pytest.raises(RuntimeError, match="No module named"):
        measure([_side("a", "there_is_no_such_module", 1)], 1, tmp_path / "out")
