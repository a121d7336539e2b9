"""The child of ``apart.ApartEngine``: it opens the engine, and sends what a step has produced in one message."""

import os
import signal
import sys
import threading
from collections.abc import Sequence
from multiprocessing.connection import Connection
from typing import Any

from trimtab.engine.batch import open_engine
from trimtab.engine.core import Chunk, Handle
from trimtab.engine.lookup import Counts


class Child:
    """One engine at the end of a pipe. Only the engine's thread and this one write to it."""

    def __init__(self, pipe: Connection) -> None:
        self._pipe, self._lock = pipe, threading.Lock()
        self._chunks: list[tuple[Any, ...]] = []
        self._running: set[int] = set()
        self._handles: dict[int, Handle] = {}
        self._counts: Counts | None = None

    def run(self) -> None:
        """Open the engine that the first message names, and serve it until told to close or left alone."""
        name, folder, options = self._pipe.recv()
        try:
            engine: Any = open_engine(name, folder, **options)
        except Exception as error:
            self._pipe.send(error)
            return
        self._counts = engine.counts if engine.caps.speculates else None
        engine.on_turn(self.flush)
        self._pipe.send((engine.caps, engine.weights))
        while (message := self._next())[0] != "close":
            self._do(engine, *message)
        engine.close()

    def flush(self) -> None:
        """Send the chunks that have come since the last time. In the engine's thread, as they come."""
        chunks, self._chunks = self._chunks, []
        if chunks:
            self._send(chunks, ())

    def _answer(self, number: int, value: Any) -> None:
        self._send((), ((number, value),))

    def _send(self, chunks: Sequence[tuple[Any, ...]], answers: Sequence[tuple[int, Any]]) -> None:
        with self._lock:
            self._pipe.send((chunks, answers, self._counts))

    def _next(self) -> tuple[Any, ...]:
        try:
            message: tuple[Any, ...] = self._pipe.recv()
        except (EOFError, OSError):
            os._exit(0)  # the parent is gone, and nobody is left to close for
        return message

    def _do(self, engine: Any, what: str, number: int, *arguments: Any) -> None:
        match what:
            case "submit":
                self._submit(engine, number, *arguments)
            case "check":
                self._answer(number, _outcome(self._submit, engine, number, *arguments))
            case "cancel":
                if (handle := self._handles.get(number)) is not None:
                    handle.cancel()
            case "call":  # scoring takes its time, and requests go on meanwhile
                method, given = arguments
                call = getattr(engine, method)
                threading.Thread(target=lambda: self._answer(number, _outcome(call, *given)), daemon=True).start()

    def _submit(self, engine: Any, number: int, request: Any) -> None:
        self._running.add(number)
        handle = engine.submit(request, lambda chunk: self._take(number, chunk))
        if number in self._running:  # else it has ended already
            self._handles[number] = handle

    def _take(self, number: int, chunk: Chunk) -> None:
        self._chunks.append((number, chunk.token_ids, chunk.logprobs, chunk.finish, chunk.error))
        if chunk.finish is not None:
            self._running.discard(number)
            self._handles.pop(number, None)


def _outcome(function: Any, *arguments: Any) -> Any:
    """What it gives, or the exception that it raises."""
    try:
        return function(*arguments)
    except Exception as error:
        return error


def main() -> None:
    """Run over the pipe whose descriptor is the first argument."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # a terminal's Ctrl-C is the parent's to answer
    Child(Connection(int(sys.argv[1]))).run()


if __name__ == "__main__":
    main()
