"""Speculative decoding by openvino-genai: what a pipeline is opened with, asked for, and what it cannot combine."""

from collections import deque
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

from trimtab.engine.core import Chunk, Request
from trimtab.engine.lookup import Counts, Speculation
from trimtab.engine.worker import Slot, Stepper


def properties_of(
    speculation: Speculation | None,
    draft: Path | None,
    arithmetic: Mapping[str, str],
    threads: int | None,
    cache_gb: int,
) -> dict[str, Any]:
    """The pipeline's own properties; ``draft`` is an IR folder, which computes as the target does.

    The draft gets a cache of its own, as large as the target's, which else would share its own with it.
    """
    if speculation is None:
        return {}
    if draft is None:
        return {"prompt_lookup": True}
    import openvino_genai as genai

    scheduler = genai.SchedulerConfig()
    scheduler.cache_size = cache_gb
    hints: dict[str, Any] = dict(arithmetic) | ({} if threads is None else {"INFERENCE_NUM_THREADS": threads})
    hints["scheduler_config"] = scheduler
    return {"draft_model": genai.draft_model(str(draft), "CPU", **hints)}


def configure(config: Any, speculation: Speculation | None) -> None:
    """Say in a request's GenerationConfig what a speculating pipeline must be told for every request."""
    if speculation is None:
        return
    config.num_assistant_tokens = speculation.tokens
    if speculation.way == "lookup":
        config.max_ngram_size = speculation.ngram


def guessed_at(speculation: Speculation, request: Request, *, echo: bool) -> bool:
    """Whether the pipeline's guesses leave this request's answer as it is.

    Look-up verifies drawn and constrained tokens with the very draws and masks of the plain way, so it takes all. With
    a draft, 2026.4.1 draws other tokens for the same seed, and fails a step where the prefix cache is on as well.
    """
    return speculation.way == "lookup" or (request.sampling.temperature == 0 and not echo)


class SpeculatingStepper:
    """Two steppers in one: the fast for what may be guessed at, the plain, opened when first needed, for the rest.

    With a draft, one prompt joins a step: where a step's token budget splits a prompt, the 2026.4.1 pipeline lets
    draft and target fall out of step and answers wrongly, so the budget must hold a whole prompt and gets only one.
    """

    def __init__(
        self,
        fast: Stepper,
        plain: Callable[[], Stepper],
        speculation: Speculation,
        is_fast: Callable[[Request], bool],
    ) -> None:
        self.capacity = fast.capacity
        self.counts = Counts()
        self._fast, self._open_plain, self._is_fast = fast, plain, is_fast
        self._tokens, self._one_by_one = speculation.tokens, speculation.way == "draft"
        self._joining: deque[Slot] = deque()
        self._plain: Stepper | None = None
        self._where: dict[Slot, Stepper] = {}
        self._begun: set[Slot] = set()

    def admit(self, slot: Slot) -> Chunk | None:
        stepper = self._fast
        if not self._is_fast(slot.request):
            self.counts.apart += 1
            stepper = self._plain = self._plain or self._open_plain()
        elif self._one_by_one:
            self._joining.append(slot)
            return None
        chunk = stepper.admit(slot)
        self._where[slot] = stepper
        return chunk

    def step(self) -> Iterable[tuple[Slot, Chunk]]:
        """Advance each stepper that has a request."""
        failed = self._join()
        running = list(dict.fromkeys(self._where.values()))
        told = [(stepper, pair) for stepper in running for pair in stepper.step()]
        for stepper, (slot, chunk) in told:
            if stepper is self._fast and len(chunk.token_ids) > 0:
                self._count(slot, chunk)
            if chunk.finish is not None:
                self._forget(slot)
        return failed + [pair for _, pair in told]

    def _join(self) -> list[tuple[Slot, Chunk]]:
        """Hand the next waiting request to the fast stepper; one that cannot run fails alone."""
        if not self._joining:
            return []
        slot = self._joining.popleft()
        try:
            self._fast.admit(slot)
        except Exception as error:
            return [(slot, Chunk((), (), "error", str(error) or type(error).__name__))]
        self._where[slot] = self._fast
        return []

    def drop(self, slot: Slot) -> None:
        if slot in self._joining:
            self._joining.remove(slot)
            return
        self._where[slot].drop(slot)
        self._forget(slot)

    def reset(self) -> None:
        self._where, self._begun = {}, set()
        self._joining.clear()
        for stepper in (self._fast, self._plain):
            if stepper is not None:
                stepper.reset()

    def close(self) -> None:
        self._where = {}
        for stepper in (self._fast, self._plain):
            if stepper is not None:
                stepper.close()

    def _forget(self, slot: Slot) -> None:
        self._where.pop(slot, None)
        self._begun.discard(slot)

    def _count(self, slot: Slot, chunk: Chunk) -> None:
        """The pipeline tells no proposals by request: each turn fills ``tokens`` rows, padding
        included. A slot's first chunk is its prompt's, for which nothing was guessed."""
        if slot not in self._begun:
            self._begun.add(slot)
            return
        emitted = len(chunk.token_ids)
        self.counts.turns += 1
        self.counts.emitted += emitted
        self.counts.accepted += emitted - 1
        self.counts.proposed += self._tokens
        self.counts.verified += self._tokens + 1
