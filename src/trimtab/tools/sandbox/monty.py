"""The sandbox of ``pydantic-monty``: a Python of its own in a worker process, with every limit set."""

import atexit
import time
from collections.abc import Callable
from functools import cache
from typing import Any

from trimtab.records import UserError
from trimtab.tools.sandbox.core import DEFAULT_LIMITS, Failure, Ran, RunLimits
from trimtab.tools.sandbox.lacking import lacking

_FAILURES: dict[str, Failure] = {
    "SyntaxError": "syntax",
    "AssertionError": "wrong",
    "TimeoutError": "time",
    "MemoryError": "memory",
}
_PARTS, _BITS = 100_000, 8192
"""A value may have so many parts, and a whole number so many bits (Python writes out no more than 14,000)."""


class MontySandbox:
    """A pool of worker processes; a crash costs a worker, never the host. Close it, or use it in a ``with``.

    Raises UserError where the extra ``sandbox`` is not installed.
    """

    def __init__(self, workers: int = 1, clock: Callable[[], float] = time.perf_counter) -> None:
        self._monty = _load()
        self._clock = clock
        # The parent's own deadline stands behind the worker's limits, for a worker that no longer listens.
        self._pool = self._monty.Monty(min_processes=1, max_processes=workers, request_timeout=30.0)
        self._pool.__enter__()

    def __enter__(self) -> "MontySandbox":
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()

    def close(self) -> None:
        """Ends the workers; a second call does nothing."""
        pool, self._pool = self._pool, None
        if pool is not None:
            pool.__exit__(None, None, None)

    def run(self, code: str, limits: RunLimits = DEFAULT_LIMITS) -> Ran:
        """What came of ``code`` in a session of its own."""
        began, printed = self._clock(), self._monty.CollectString(max_bytes=limits.output)
        value, failure, detail = self._fed(code, limits, printed)
        return Ran(value, printed.output, failure, detail, self._clock() - began)

    def _fed(self, code: str, limits: RunLimits, printed: Any) -> tuple[Any, Failure | None, str]:
        try:
            with self._pool.checkout(limits=_limits(limits), assert_message_annotations=False) as session:
                value = session.feed_run(code, print_callback=printed)
            return (value, None, "") if _small(value) else (None, "error", "the value is too large to hand over")
        except self._monty.MontyCrashedError as error:
            return None, "time" if error.timed_out else "crashed", str(error)
        except self._monty.MontyError as error:
            kind = type(error.exception()).__name__
            return None, "unsupported" if lacking(str(error)) else _FAILURES.get(kind, "error"), str(error)
        except (ValueError, TypeError) as error:
            # A value that Python itself does not take over, such as text that is no Unicode.
            return None, "error", str(error)


def _small(value: Any) -> bool:
    """Whether the host can look at all of it: a list of itself twice, forty deep, is short to make, endless to read."""
    waiting, left = [value], _PARTS
    while waiting:
        one = waiting.pop()
        left -= 1
        if left < 0 or (isinstance(one, int) and one.bit_length() > _BITS):
            return False
        if isinstance(one, dict):
            waiting += one.keys()
            waiting += one.values()
        elif isinstance(one, list | tuple | set | frozenset):
            if len(one) > left:
                return False
            waiting += one
    return True


def _limits(limits: RunLimits) -> dict[str, float | int]:
    """Monty's names; what is not named there is unlimited."""
    return {
        "max_feed_duration_secs": limits.seconds,
        "max_turn_duration_secs": limits.seconds,
        "max_memory": limits.memory,
        "max_recursion_depth": limits.depth,
        "max_total_sleep_secs": 0.0,
        "max_suspensions": 1,
    }


@cache
def shared_sandbox() -> MontySandbox:
    """One pool for the whole process, closed at its end. Raises UserError without the extra ``sandbox``."""
    sandbox = MontySandbox()
    atexit.register(sandbox.close)
    return sandbox


def _load() -> Any:
    try:
        import pydantic_monty
    except ImportError as error:
        raise UserError(
            "running a model's code needs the sandbox, which is not installed",
            expected="pydantic-monty",
            fix="pip install trimtab[sandbox]",
        ) from error
    return pydantic_monty
