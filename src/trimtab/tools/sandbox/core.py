"""What a sandbox is: code and limits in, what came of it out; it never raises for what the code did."""

from dataclasses import dataclass
from typing import Any, Literal, Protocol

Failure = Literal["syntax", "wrong", "error", "time", "memory", "unsupported", "crashed"]
"""wrong: an assertion failed. unsupported: the sandbox lacks something that Python has, which is not the code's fault.
crashed: the worker died, and another took its place."""


@dataclass(frozen=True, slots=True)
class RunLimits:
    """Every bound is always on. ``seconds`` counts running code; sleeping is not allowed at all."""

    seconds: float = 2.0
    memory: int = 64 << 20
    depth: int = 400
    output: int = 16_384
    """Bytes that may be printed."""


DEFAULT_LIMITS = RunLimits()


@dataclass(frozen=True, slots=True)
class Ran:
    """``value``: of a trailing expression, as plain data. ``failure`` None: it ran to its end. ``seconds``: wall."""

    value: Any = None
    stdout: str = ""
    failure: Failure | None = None
    detail: str = ""
    seconds: float = 0.0

    @property
    def ok(self) -> bool:
        return self.failure is None


class Sandbox(Protocol):
    """Runs one piece of Python by itself: no files, network, environment, clock to wait on, or state left behind."""

    def run(self, code: str, limits: RunLimits = DEFAULT_LIMITS) -> Ran: ...
