"""An engine in a process of its own: what computes for long with Python's lock in its hand stops nobody else.

openvino-genai's ``step`` holds the interpreter's lock (30 ms with 32 requests decoding, 300 ms where prompts are
computed). Beside a gateway in the same process that is how long a new request, a token on its way out or a refusal
waits; measured at 32 streams the last first token came after 2.8 s in one process and 0.95 s in two. Chunks cross over
once a step.
"""

import itertools
import subprocess
import sys
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from contextlib import suppress
from multiprocessing.connection import Pipe
from pathlib import Path
from typing import Any

from trimtab.engine.core import Caps, Chunk, Request
from trimtab.engine.lookup import Counts

Pair = tuple[Sequence[int], Sequence[int]]
_FAREWELL_SECONDS = 30.0


class ApartEngine:
    """The engine ``name`` over ``folder``, opened with ``options`` by a child process that ends with this one.

    Raises what opening it raises there. Where the child dies, requests under way and all later ones end with an error
    that says so, and ``alive`` is false.
    """

    def __init__(self, name: str, folder: Path, **options: Any) -> None:
        self._pipe, theirs = Pipe()
        with theirs:
            self._child = subprocess.Popen(
                [sys.executable, "-m", "trimtab.engine.apart_child", str(theirs.fileno())],
                pass_fds=(theirs.fileno(),),
                stdin=subprocess.DEVNULL,
            )
        self._sending, self._numbers = threading.Lock(), itertools.count()
        self._waiting: dict[int, Callable[[Chunk], None]] = {}
        self._answers: dict[int, Future[Any]] = {}
        self._closed = False
        self.alive = True
        self.counts = Counts()
        """What the engine has decoded, as of its last chunks: nobody waits for the child to say it."""
        try:
            self.caps, self.weights = self._opened(name, folder, options)
        except BaseException:
            self._end()
            raise
        self._reader = threading.Thread(target=self._read, name=f"{name}-reader", daemon=True)
        self._reader.start()

    @property
    def pid(self) -> int:
        """Of the child."""
        return self._child.pid

    def submit(self, request: Request, on_chunk: Callable[[Chunk], None]) -> "_Remote":
        """Queue a request. Raises what the engine raises of a constraint; without one nobody waits for its word."""
        number = next(self._numbers)
        self._waiting[number] = on_chunk
        try:
            if request.constraint is None:
                self._send("submit", number, request)
            else:
                self._ask("check", number, request)
        except (OSError, EOFError, ValueError):
            self._lose(number)
        except BaseException:
            self._waiting.pop(number, None)
            raise
        return _Remote(self, number)

    def score(self, prompt_ids: Sequence[int], completion_ids: Sequence[int]) -> list[float]:
        """Log-prob (nats) of each completion token given all before it. Raises as the engine itself does."""
        return self.score_many([(prompt_ids, completion_ids)])[0]

    def score_many(self, pairs: Sequence[Pair]) -> list[list[float]]:
        """``score`` of each ``(prompt_ids, completion_ids)``."""
        found: list[list[float]] = self.call("score_many", pairs)
        return found

    def call(self, method: str, *arguments: Any) -> Any:
        """What the engine's method gives. Raises what it raises, RuntimeError where its process is gone."""
        try:
            return self._ask("call", next(self._numbers), method, arguments)
        except (OSError, EOFError, ValueError) as error:
            raise RuntimeError(self._fate()) from error

    def cancel(self, number: int) -> None:
        if number in self._waiting:
            try:
                self._send("cancel", number)
            except (OSError, ValueError):
                self._lose(number)

    def close(self) -> None:
        """Cancel what runs and end the process, which frees all its memory. May be called twice."""
        self._closed = True
        self._end()
        if threading.current_thread() is not self._reader:
            self._reader.join()

    def _opened(self, name: str, folder: Path, options: dict[str, Any]) -> tuple[Caps, str]:
        try:
            self._send(name, folder, options)
            said = self._pipe.recv()
        except (OSError, EOFError) as error:
            raise RuntimeError(self._fate()) from error
        if isinstance(said, BaseException):
            raise said
        caps, weights = said
        return caps, weights

    def _send(self, *message: Any) -> None:
        with self._sending:
            self._pipe.send(message)

    def _ask(self, what: str, number: int, *arguments: Any) -> Any:
        """Send a message that is answered, and wait for the answer."""
        answer: Future[Any] = Future()
        self._answers[number] = answer
        try:
            if not self.alive:
                raise EOFError
            self._send(what, number, *arguments)
            return answer.result()
        finally:
            self._answers.pop(number, None)

    def _read(self) -> None:
        """Hand on what the child says until it says no more."""
        try:
            while True:
                chunks, answers, counts = self._pipe.recv()
                self.counts = counts or self.counts
                for number, value in answers:
                    _settle(self._answers.get(number), value)
                for number, *fields in chunks:
                    self._take(number, Chunk(*fields))
        except (OSError, EOFError):
            pass
        self.alive = False
        for answer in list(self._answers.values()):
            _settle(answer, EOFError())
        for number in list(self._waiting):
            self._lose(number)

    def _take(self, number: int, chunk: Chunk) -> None:
        on_chunk = self._waiting.get(number) if chunk.finish is None else self._waiting.pop(number, None)
        if on_chunk is None:
            return
        try:
            on_chunk(chunk)
        except Exception:  # the named boundary: a caller that fails to take a chunk loses its request alone
            self.cancel(number)
            self._waiting.pop(number, None)

    def _lose(self, number: int) -> None:
        finish, error = ("cancelled", "") if self._closed else ("error", self._fate())
        self._take(number, Chunk((), (), finish, error))  # type: ignore[arg-type]

    def _fate(self) -> str:
        if self._closed:
            return "the engine is closed"
        try:
            code = self._child.wait(1.0)
        except subprocess.TimeoutExpired:
            return "the engine's process does not answer"
        return f"the engine's process ended ({f'signal {-code}' if code < 0 else f'exit code {code}'})"

    def _end(self) -> None:
        """The child leaves at the pipe's end; one that does not is ended."""
        with suppress(OSError, ValueError):
            self._send("close", 0)
        try:
            self._child.wait(_FAREWELL_SECONDS)
        except subprocess.TimeoutExpired:
            self._child.kill()
            self._child.wait()
        self._pipe.close()


class _Remote:
    """The handle of a request in the other process."""

    def __init__(self, engine: ApartEngine, number: int) -> None:
        self._engine, self._number = engine, number

    def cancel(self) -> None:
        """Free the slot; the last chunk says ``cancelled``. Does nothing once the request is finished."""
        self._engine.cancel(self._number)


def _settle(answer: "Future[Any] | None", value: Any) -> None:
    if answer is None or answer.done():
        return
    if isinstance(value, BaseException):
        answer.set_exception(value)
    else:
        answer.set_result(value)
