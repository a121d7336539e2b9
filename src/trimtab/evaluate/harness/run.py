"""Another harness run in a process of its own, in an environment that has it, against our API."""

import os
import shutil
import subprocess
import sys
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

from trimtab.evaluate.harness import inspect, lm_eval
from trimtab.evaluate.harness.job import Job
from trimtab.evaluate.harness.result import Result
from trimtab.records import Progress, UserError

_LAST_LINES = 12


@dataclass(frozen=True, slots=True)
class Harness:
    """One harness: the module that must be installed, the extra that brings it, and how it is run and read."""

    module: str
    extra: str
    command: Callable[[Job, Path], list[str]]
    environment: Callable[[Job], dict[str, str]]
    read: Callable[[Path, Job], Result]


HARNESSES: Mapping[str, Harness] = {
    "inspect": Harness(inspect.MODULE, inspect.EXTRA, inspect.command, inspect.environment, inspect.read),
    "lm-eval": Harness(lm_eval.MODULE, lm_eval.EXTRA, lm_eval.command, lm_eval.environment, lm_eval.read),
}


def run_harness(name: str, job: Job, folder: Path, progress: Progress, python: Path | None = None) -> Result:
    """Run the job to its end; its logs stay in ``folder`` and take the place of those before.

    ``python``: the interpreter of an environment that has the harness (default: this one). Raises UserError where it
    has not, where the harness fails (with its last lines), and where it wrote nothing that can be read.
    """
    harness = HARNESSES[name]
    interpreter = interpreter_of(harness, python)
    fresh = folder.with_name(folder.name + ".part")
    shutil.rmtree(fresh, ignore_errors=True)
    fresh.mkdir(parents=True)
    progress.start(f"{name} {job.name}")
    code, last = _run([interpreter, *harness.command(job, fresh)], harness.environment(job), progress)
    if code != 0:
        raise UserError(
            f"{name} ended with exit code {code}:\n" + "\n".join(last), field="task", expected="exit code 0"
        )
    result = harness.read(fresh, job)
    shutil.rmtree(folder, ignore_errors=True)
    fresh.rename(folder)
    return result


def interpreter_of(harness: Harness, python: Path | None) -> str:
    """The interpreter that has the harness. Raises UserError with the line that installs it."""
    if python is None:
        has = find_spec(harness.module) is not None
    else:
        code = f"import importlib.util, sys; sys.exit(importlib.util.find_spec({harness.module!r}) is None)"
        try:
            has = subprocess.run([python, "-c", code], check=False, capture_output=True).returncode == 0
        except OSError as error:
            raise UserError(f"{python} cannot be run: {error}", field="python") from error
    if not has:
        raise UserError(
            f"{harness.module} is not installed {'here' if python is None else f'for {python}'}",
            field="python",
            fix=f"pip install 'trimtab[{harness.extra}]', or name an environment that has it: --python PATH",
        )
    return sys.executable if python is None else str(python)


def _run(arguments: list[str], environment: Mapping[str, str], progress: Progress) -> tuple[int, list[str]]:
    """Exit code and last lines; each line is noted as it comes. The child ends with us."""
    last: deque[str] = deque(maxlen=_LAST_LINES)
    kept = {name: value for name, value in os.environ.items() if name not in ("PYTHONPATH", "VIRTUAL_ENV")}
    with subprocess.Popen(
        arguments,
        env=kept | dict(environment) | {"PYTHONUNBUFFERED": "1", "NO_COLOR": "1"},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
    ) as child:
        assert child.stdout is not None
        try:
            for line in child.stdout:
                if text := line.strip():
                    last.append(text)
                    progress.advance(0, note=text[:60])
        except BaseException:
            child.terminate()
            raise
    return child.returncode, list(last)
