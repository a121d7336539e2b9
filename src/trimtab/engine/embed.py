"""Vectors of many texts beside everything else: one thread, one batch of like lengths at a time, requests in turn."""

import logging
import threading
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from pathlib import Path

from trimtab.engine.embed_model import EmbeddingModel, Ids, Vector
from trimtab.engine.memory import give_back

_BATCH_TOKENS = 2048  # padding included: some hundred milliseconds of a small model on one core
_log = logging.getLogger(__name__)


class TextEmbedder:
    """Mean-pooled vectors of length one by the model of ``folder`` (formula and source: ``embed_model``).

    Requests are never batched together, so a vector hangs on its own request alone: the same request gives the same
    bits whoever else asks. They take turns batch by batch, so that a large one does not hold up a small one. Raises
    UserError as EmbeddingModel does.
    """

    def __init__(self, folder: Path) -> None:
        self._model = EmbeddingModel(folder)
        self.weights, self.dimensions, self.context = self._model.weights, self._model.dimensions, self._model.context
        self._condition = threading.Condition()
        self._jobs: deque[_Job] = deque()
        self._closed = False
        self._thread = threading.Thread(target=self._run, name="embedder", daemon=True)
        self._thread.start()

    def prepare(self, inputs: Sequence[str | Sequence[int]]) -> list[Ids]:
        """Each input's tokens. Raises UserError that names the input which is empty, too long or unknown."""
        return self._model.prepare(inputs)

    def parts(self, text: str) -> list[Ids]:
        """A text of any length as inputs that fit, in order; none where it has no tokens."""
        return self._model.parts(text)

    def embed(self, inputs: Sequence[Ids]) -> "Future[list[Vector]]":
        """A vector for each of what ``prepare`` gave, in order. Cancelled, it stops after the batch under way.

        Raises RuntimeError when closed. Thread-safe.
        """
        job = _Job(inputs)
        with self._condition:
            if self._closed:
                raise RuntimeError("the embedder is closed")
            self._jobs.append(job)
            self._condition.notify()
        return job.future

    def close(self) -> None:
        """Fail what waits, end the thread and free the model. May be called twice."""
        with self._condition:
            self._closed = True
            self._condition.notify()
        self._thread.join()

    def _run(self) -> None:
        while (job := self._next()) is not None:
            if job.goes_on(self._model.vectors):
                with self._condition:
                    self._jobs.append(job)
        for left in self._jobs:
            left.fail(RuntimeError("the embedder is closed"))
        self._jobs.clear()
        del self._model
        give_back()

    def _next(self) -> "_Job | None":
        """The request whose turn it is; None when closed."""
        with self._condition:
            self._condition.wait_for(lambda: self._closed or self._jobs)
            return None if self._closed else self._jobs.popleft()


class _Job:
    """One request: its batches, shortest inputs first, and what they gave."""

    def __init__(self, inputs: Sequence[Ids]) -> None:
        self.future: Future[list[Vector]] = Future()
        self._inputs = inputs
        self._batches = deque(batches([len(ids) for ids in inputs]))
        self._found: dict[int, Vector] = {}

    def goes_on(self, vectors: Callable[[Sequence[Ids]], list[Vector]]) -> bool:
        """Compute one batch; whether more are left. Its end, good or bad, is the future's."""
        if self.future.cancelled():
            return False
        try:
            if self._batches:
                batch = self._batches.popleft()
                self._found |= zip(batch, vectors([self._inputs[i] for i in batch]), strict=True)
        except Exception as error:  # the named boundary: one request that fails is not the others'
            _log.debug("a batch of inputs failed", exc_info=True)
            self.fail(error)
            return False
        if self._batches:
            return True
        if self.future.set_running_or_notify_cancel():
            self.future.set_result([self._found[i] for i in range(len(self._inputs))])
        return False

    def fail(self, error: Exception) -> None:
        if self.future.set_running_or_notify_cancel():
            self.future.set_exception(error)


def batches(lengths: Sequence[int], most: int = _BATCH_TOKENS) -> list[list[int]]:
    """Indices by length, cut so that a batch holds at most ``most`` tokens with its padding, or one input."""
    found: list[list[int]] = []
    for index in sorted(range(len(lengths)), key=lambda i: (lengths[i], i)):
        if found and (len(found[-1]) + 1) * lengths[index] <= most:
            found[-1].append(index)
        else:
            found.append([index])
    return found
