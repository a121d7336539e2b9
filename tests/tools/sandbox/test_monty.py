"""Hostile code ends at the sandbox's wall, says why, and the next run is as good as the first."""

import builtins
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from trimtab.records import UserError
from trimtab.tools.sandbox import MontySandbox, RunLimits
from trimtab.tools.sandbox.lacking import lacking

QUICK = RunLimits(seconds=0.3, memory=16 << 20)


@pytest.fixture(scope="module")
def sandbox() -> Iterator[MontySandbox]:
    pytest.importorskip("pydantic_monty", reason="pydantic-monty is not installed (the sandbox extra)")
    with MontySandbox() as opened:
        yield opened


@pytest.mark.parametrize(
    ("code", "failure"),
    [
        ("while True: pass", "time"),
        ("while True:\n  try:\n    while True: pass\n  except BaseException: pass", "time"),
        ("x = []\nwhile True: x.append('a' * 100000)", "memory"),
        ("'a' * 10**10", "memory"),
        ("10**10**8", "memory"),
        ("10**5000", "error"),
        ("x = [1]\nfor _ in range(40): x = [x, x]\nx", "error"),
        ("while True: print('x' * 10000)", "memory"),
        ("open('/etc/passwd').read()", "error"),
        ("open('made', 'w').write('x')", "error"),
        ("import os\nos.environ['HOME']", "unsupported"),
        ("import os\nos.system('touch made')", "error"),
        ("import socket\nsocket.socket()", "error"),
        ("import subprocess\nsubprocess.run(['ls'])", "error"),
        ("import time\ntime.sleep(100)", "time"),
        ("def f(n): return f(n + 1)\nf(0)", "error"),
        ("().__class__.__base__.__subclasses__()", "error"),
        ("(lambda: 0).__globals__", "error"),
        ("'{0.__class__}'.format(1)", "error"),
        ("__import__('os').system('ls')", "error"),
        ("raise SystemExit", "error"),
        ("def f(:", "syntax"),
        ("assert 1 == 2", "wrong"),
        ("del x", "unsupported"),
        ("def f():\n  yield 1", "unsupported"),
        ("import statistics", "unsupported"),
        ("import numpy", "error"),
        ("'a'.shout()", "error"),
    ],
)
def test_a_hostile_or_faulty_run_fails_by_its_kind(
    sandbox: MontySandbox, code: str, failure: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    ran = sandbox.run(code, QUICK)
    assert (ran.failure, ran.value) == (failure, None), ran
    assert ran.detail
    assert not list(tmp_path.iterdir())
    assert sandbox.run("1 + 1").value == 2


def test_a_catastrophic_pattern_ends(sandbox: MontySandbox) -> None:
    ran = sandbox.run("import re\nre.match(r'(a+)+$', 'a' * 40 + 'b')", QUICK)
    assert ran.ok or ran.failure in ("time", "error")
    assert ran.seconds < 5


def test_what_is_printed_is_kept_and_not_shown(sandbox: MontySandbox, capfd: pytest.CaptureFixture[str]) -> None:
    ran = sandbox.run("print('hello')\n[1, (2, 3)]")
    assert (ran.ok, ran.value, ran.stdout) == (True, [1, (2, 3)], "hello\n")
    assert capfd.readouterr() == ("", "")


def test_nothing_is_left_for_the_next_run(sandbox: MontySandbox) -> None:
    assert sandbox.run("secret = 1").ok
    assert sandbox.run("secret").failure == "error"


def test_a_worker_that_is_killed_costs_one_run_at_most(sandbox: MontySandbox) -> None:
    with sandbox._pool.checkout() as session:
        os.kill(session.worker_pid, 9)
    runs = [sandbox.run("2 + 2") for _ in range(2)]
    assert runs[-1].value == 4


def test_seconds_are_of_the_clock_that_is_given() -> None:
    pytest.importorskip("pydantic_monty", reason="pydantic-monty is not installed (the sandbox extra)")
    ticks = iter([1.0, 3.5])
    with MontySandbox(clock=lambda: next(ticks)) as sandbox:
        assert sandbox.run("1").seconds == 2.5


def test_without_the_extra_a_person_is_told_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    real = builtins.__import__

    def missing(name: str, *args: Any, **more: Any) -> Any:
        if name == "pydantic_monty":
            raise ImportError(name)
        return real(name, *args, **more)

    monkeypatch.setattr(builtins, "__import__", missing)
    with pytest.raises(UserError, match="sandbox") as raised:
        MontySandbox()
    assert raised.value.fix == "pip install trimtab[sandbox]"


@pytest.mark.parametrize(
    ("error", "lack"),
    [
        ("NotImplementedError: The monty syntax parser does not yet support yield expressions", True),
        ("NotImplementedError: to do", False),
        ("ModuleNotFoundError: No module named 'statistics'", True),
        ("ModuleNotFoundError: No module named 'numpy'", False),
        ("ImportError: cannot import name 'reduce' from 'functools'", True),
        ("AttributeError: 'str' object has no attribute 'casefold'", True),
        ("AttributeError: 'str' object has no attribute 'shout'", False),
        ("AttributeError: 'Thing' object has no attribute 'upper'", False),
        ("AttributeError: 'collections.defaultdict' object has no attribute 'get'", True),
        ("AttributeError: 'Counter' object has no attribute 'shout'", False),
        ("NameError: name 'memoryview' is not defined", True),
        ("NameError: name 'foo' is not defined", False),
        ("AssertionError", False),
    ],
)
def test_what_python_has_and_the_sandbox_lacks_is_no_fault_of_the_code(error: str, lack: bool) -> None:
    assert lacking(error) == lack
