"""Who serves a workspace: a lock that the kernel takes back when its process ends, however it ends."""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

_NAME = "serving.lock"


class Presence:
    """Held by a gateway from before it opens a release until it ends; several may hold it."""

    def __init__(self, state: Path) -> None:
        self._handle = os.open(state / _NAME, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        fcntl.flock(self._handle, fcntl.LOCK_SH)

    def end(self) -> None:
        """From now on commands act by themselves."""
        if self._handle >= 0:
            os.close(self._handle)
            self._handle = -1

    def __del__(self) -> None:
        self.end()


@contextmanager
def alone(state: Path) -> Iterator[bool]:
    """Whether no gateway serves the workspace whose ``.trimtab`` is ``state``; if so, none starts meanwhile."""
    handle = os.open(state / _NAME, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            yield False
        else:
            yield True
    finally:
        os.close(handle)
