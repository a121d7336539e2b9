"""Processes measured side by side: each in turn does one step while the others sleep, so that noise hits all alike."""

import json
import os
import subprocess
from collections.abc import Mapping, Sequence
from contextlib import ExitStack, suppress
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
_FAREWELL_SECONDS = 30


@dataclass(frozen=True, slots=True)
class Side:
    """A process to measure: a module that speaks through ``channel``, run by ``python``, told its job as JSON."""

    name: str
    python: Path
    module: str
    job: Mapping[str, Any]
    environment: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Measured:
    """What a side reported: once at its start, once a step, once at its end."""

    start: dict[str, Any]
    steps: list[dict[str, Any]]
    end: dict[str, Any]

    def to_json(self) -> dict[str, Any]:
        return {"start": self.start, "steps": self.steps, "end": self.end}


class _Process:
    def __init__(self, side: Side, folder: Path) -> None:
        self._log = folder / f"{side.name}.log"
        job = folder / f"{side.name}.job.json"
        job.write_text(json.dumps(dict(side.job)), encoding="utf-8")
        threads = {"OMP_NUM_THREADS": str(os.cpu_count() or 1), "TOKENIZERS_PARALLELISM": "false"}
        with self._log.open("w", encoding="utf-8") as log:
            self._process = subprocess.Popen(
                [str(side.python), "-m", side.module, str(job)],
                cwd=ROOT,
                env={**os.environ, **threads, "HF_HUB_OFFLINE": "1", **side.environment},
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=log,
                text=True,
            )

    def __enter__(self) -> "_Process":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with suppress(BrokenPipeError), self._process:  # closes the pipes and waits
            if error is None:
                with suppress(subprocess.TimeoutExpired):  # it may still clean up
                    self._process.wait(_FAREWELL_SECONDS)
            if self._process.poll() is None:
                self._process.terminate()

    def hear(self) -> dict[str, Any]:
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        if not line:
            tail = "\n".join(self._log.read_text(encoding="utf-8", errors="replace").splitlines()[-15:])
            raise RuntimeError(f"a measured process ended early; the end of {self._log.name}:\n{tail}")
        message: dict[str, Any] = json.loads(line)
        return message

    def step(self) -> dict[str, Any]:
        assert self._process.stdin is not None
        with suppress(BrokenPipeError):  # it has ended, and its silence says so
            self._process.stdin.write("go\n")
            self._process.stdin.flush()
        return self.hear()


def measure(sides: Sequence[Side], steps: int, folder: Path) -> dict[str, Measured]:
    """Each side's report over ``steps`` steps, the sides taking turns. Raises RuntimeError where one of them fails."""
    folder.mkdir(parents=True, exist_ok=True)
    with ExitStack() as stack:
        processes: dict[str, _Process] = {}
        starts: dict[str, dict[str, Any]] = {}
        for side in sides:  # one at a time: loading is work too
            processes[side.name] = stack.enter_context(_Process(side, folder))
            starts[side.name] = processes[side.name].hear()
        done: dict[str, list[dict[str, Any]]] = {name: [] for name in processes}
        for _ in range(steps):
            for name, process in processes.items():
                done[name].append(process.step())
        ends = {name: process.hear() for name, process in processes.items()}
    return {name: Measured(starts[name], done[name], ends[name]) for name in processes}
