"""What rooms hand each other without importing one another."""

from collections.abc import Callable
from typing import Protocol

from trimtab.records.trace import Feedback, Trace

Scrub = Callable[[str], str]
"""Text in, text without personal data out."""


class Progress(Protocol):
    """Where a long step reports; the CLI draws it, a pipe ignores it."""

    def start(self, name: str, total: int | None = None) -> None:
        """A stage begins, of ``total`` units where known."""

    def advance(self, amount: int = 1, note: str = "") -> None:
        """``amount`` units are done; ``note`` is a short figure such as a loss."""


class Silent:
    """A Progress that says nothing."""

    def start(self, name: str, total: int | None = None) -> None:
        return None

    def advance(self, amount: int = 1, note: str = "") -> None:
        return None


class Sink(Protocol):
    """Where the gateway hands each trace and each feedback."""

    def trace(self, trace: Trace) -> None: ...

    def feedback(self, feedback: Feedback) -> None: ...
