"""The engine that is always there: transformers on its own thread, joined batches, shared prompt prefixes."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from trimtab.engine.core import Caps, Chunk, Finish, Request, Sampling
from trimtab.engine.forward import extend, score
from trimtab.engine.grammar import KINDS, DeadEnd, Grammars, Matcher, available
from trimtab.engine.kv import Batch, Row, check_cacheable
from trimtab.engine.limits import check_scored, room
from trimtab.engine.memory import give_back
from trimtab.engine.pick import generator_of, pick
from trimtab.engine.prefixes import Prefixes
from trimtab.engine.worker import Slot, Worker
from trimtab.model import load, weights_digest
from trimtab.records import UserError

_NO_LIMIT = 1 << 30
_DTYPES = {"bf16": "bfloat16", "f32": "float32"}


class TorchEngine:
    """An Engine over transformers: its log-probs are the trainer's, its scores exact.

    ``dtype`` as ``model.load`` takes it, or bf16 or f32 for short; ``threads`` for torch (default: as they are);
    ``capacity`` requests run at once; up to ``prefix_mb`` MB of prompts' keys and values are kept for prompts that
    begin alike. Raises UserError where ``folder`` is no model and for int8 and int4, Unsupported for recurrent layers.
    """

    def __init__(
        self,
        folder: Path,
        *,
        dtype: str = "float32",
        threads: int | None = None,
        capacity: int = 16,
        prefix_mb: int = 256,
    ) -> None:
        if dtype in ("int8", "int4"):
            raise UserError(
                f"the torch engine cannot serve {dtype} weights",
                field="serving.precision",
                expected="bf16 | f32",
                fix="Choose one of these, or serving.engine: openvino",
            )
        model: Any = load(folder, dtype=_DTYPES.get(dtype, dtype))
        check_cacheable(model)
        self.weights = weights_digest(folder)
        context = int(getattr(model.config.get_text_config(decoder=True), "max_position_embeddings", None) or _NO_LIMIT)
        self.caps = Caps(
            "torch",
            continuous=True,
            exact_to_trainer=dtype in ("f32", "float32", "float64"),
            context=context,
            scoped_cache=True,
            constrains=KINDS if available() else frozenset(),
            precision=next((name for name, full in _DTYPES.items() if dtype in (name, full)), ""),
        )
        self._grammars = Grammars(folder, int(model.get_input_embeddings().weight.shape[0]))
        self._stepper = _TorchStepper(model, context, capacity, Prefixes(prefix_mb << 20), self._grammars)
        self._worker = Worker(self._stepper, "torch-engine")
        if threads is not None:
            # OpenMP keeps the count per thread that asks, so the thread that computes must ask.
            self._worker.call(lambda: torch.set_num_threads(threads))

    def submit(self, request: Request, on_chunk: Callable[[Chunk], None]) -> Slot:
        """Queue a request. A constraint is compiled here, in the caller's thread: a second for a tokenizer's first.

        Raises UserError where the constraint is wrong, Unsupported where llguidance is not installed.
        """
        if request.constraint is not None:
            self._grammars.matcher(request.constraint)
        return self._worker.submit(request, on_chunk)

    def score(self, prompt_ids: Sequence[int], completion_ids: Sequence[int]) -> list[float]:
        """Log-prob (nats) of each completion token given all before it. Raises UserError on an empty prompt."""
        return self.score_many([(prompt_ids, completion_ids)])[0]

    def score_many(self, pairs: Sequence[tuple[Sequence[int], Sequence[int]]]) -> list[list[float]]:
        """``score`` of each ``(prompt_ids, completion_ids)``; requests in flight go on between two of them."""
        return [self._worker.call(lambda pair=pair: self._stepper.score(*pair)) for pair in pairs]  # type: ignore[misc]

    def close(self) -> None:
        """Cancel what runs, join the thread and free the weights."""
        self._worker.close()


@dataclass(slots=True)
class _Active:
    """A running request: the token to feed next, and how many it may still generate."""

    slot: Slot
    generator: torch.Generator
    left: int
    matcher: Matcher | None = None
    token: int = -1


class _TorchStepper:
    def __init__(self, model: Any, context: int, capacity: int, prefixes: Prefixes, grammars: Grammars) -> None:
        self.capacity = capacity
        self._model = model
        self._context = context
        self._vocabulary = int(model.get_input_embeddings().weight.shape[0])
        self._prefixes, self._grammars = prefixes, grammars
        self._active: list[_Active] = []
        self._batch: Batch | None = None
        self._joining: list[Row] = []

    @torch.inference_mode()
    def admit(self, slot: Slot) -> Chunk | None:
        request = slot.request
        left = room(request, context=self._context, vocabulary=self._vocabulary)
        ids, scope = request.prompt_ids, request.cache_scope
        row, logits = extend(self._model, self._prefixes.find(ids, scope), ids, keep=1)
        self._prefixes.keep(ids, row, scope)
        matcher = None if request.constraint is None else self._grammars.matcher(request.constraint)
        active = _Active(slot, generator_of(request.sampling), left, matcher)
        chunk = self._take(active, logits[0])
        if chunk.finish is None:
            self._active.append(active)
            self._joining.append(row)
        return chunk

    @torch.inference_mode()
    def step(self) -> Iterable[tuple[Slot, Chunk]]:
        batch = self._joined()
        output = self._model(
            input_ids=torch.tensor([[active.token] for active in self._active]),
            past_key_values=batch.cache,
            use_cache=True,
            logits_to_keep=1,
            **batch.next_inputs(),
        )
        chunks = [(active.slot, self._take(active, output.logits[b, -1])) for b, active in enumerate(self._active)]
        self._leave({slot for slot, chunk in chunks if chunk.finish is not None})
        return chunks

    def drop(self, slot: Slot) -> None:
        self._leave({slot})

    def reset(self) -> None:
        self._active, self._batch, self._joining = [], None, []
        self._prefixes.clear()

    def close(self) -> None:
        self.reset()
        self._model = None
        give_back()

    @torch.inference_mode()
    def score(self, prompt_ids: Sequence[int], completion_ids: Sequence[int]) -> list[float]:
        if not completion_ids:
            return []
        check_scored(prompt_ids, completion_ids, context=self._context, vocabulary=self._vocabulary)
        row, logprobs = score(self._model, self._prefixes.find(prompt_ids), prompt_ids, completion_ids)
        self._prefixes.keep(prompt_ids, row.first(len(prompt_ids)))
        return logprobs

    def _take(self, active: _Active, logits_V: torch.Tensor) -> Chunk:
        sampling = active.slot.request.sampling
        try:
            allowed_V = None if active.matcher is None else active.matcher.allow(logits_V, sampling.stop_ids)
            active.token, logprob = pick(logits_V, sampling, active.generator, allowed_V)
            whole = _is_whole(active, sampling)
        except DeadEnd as error:  # this request's own grammar; the others go on
            return Chunk((), (), "error", str(error))
        active.left -= 1
        finish: Finish | None = None
        if active.token in sampling.stop_ids or whole:
            finish = "stop"
        elif active.left == 0:
            finish = "length"
        return Chunk((active.token,), (logprob,), finish)

    def _joined(self) -> Batch:
        """The batch with those that joined since the last step."""
        if self._joining or self._batch is None:
            rows = self._batch.rows() if self._batch is not None else []
            self._batch = Batch([*rows, *self._joining])
            self._joining = []
        return self._batch

    def _leave(self, slots: set[Slot]) -> None:
        """Take the rows of ``slots`` out of the batch."""
        if not slots:
            return
        rows = [*(self._batch.rows() if self._batch is not None else []), *self._joining]
        stay = [i for i, active in enumerate(self._active) if active.slot not in slots]
        self._active = [self._active[i] for i in stay]
        self._batch, self._joining = None, [rows[i] for i in stay]


def _is_whole(active: _Active, sampling: Sampling) -> bool:
    """Follow the constraint to a token; whether nothing can come after it, where no stop id would say so."""
    if active.matcher is None or active.token in sampling.stop_ids:
        return False
    active.matcher.take(active.token)
    return active.matcher.over and not sampling.stop_ids
