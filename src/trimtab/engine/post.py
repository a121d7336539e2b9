"""From engines' threads to an event loop: what comes together wakes the loop once."""

import asyncio
from collections import deque
from collections.abc import Callable
from typing import Any
from weakref import WeakKeyDictionary

_posts: "WeakKeyDictionary[asyncio.AbstractEventLoop, Post]" = WeakKeyDictionary()


class Post:
    """Calls to be made on ``loop``, in the order in which they were posted. ``put`` is thread-safe.

    A wake-up of the loop costs a system call, and an engine has a chunk for each of its requests after every step.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._waiting: deque[tuple[Callable[[Any], None], Any]] = deque()
        self._woken = False

    @classmethod
    def of(cls, loop: asyncio.AbstractEventLoop) -> "Post":
        """The loop's own. On the loop's thread."""
        if loop not in _posts:
            _posts[loop] = cls(loop)
        return _posts[loop]

    def put(self, take: Callable[[Any], None], value: Any) -> None:
        """``take(value)`` on the loop, soon; never where the loop is closed."""
        self._waiting.append((take, value))
        if not self._woken and not self._loop.is_closed():
            self._woken = True
            self._loop.call_soon_threadsafe(self._deliver)

    def _deliver(self) -> None:
        self._woken = False  # before the look, so that whoever posts during it wakes the loop again
        for _ in range(len(self._waiting)):
            take, value = self._waiting.popleft()
            take(value)
