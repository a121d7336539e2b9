"""The engine that is always there: transformers on its own thread, joined batches, shared prompt prefixes."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import torch

from trimtab.engine.adapters import Adapter, Adapters, held, scope_of
from trimtab.engine.core import Caps, Chunk, Finish, Request, Sampling, Unsupported
from trimtab.engine.forward import extend, score
from trimtab.engine.grammar import KINDS, DeadEnd, Grammars, Matcher, available
from trimtab.engine.kv import Batch, Row, check_cacheable
from trimtab.engine.limits import check_scored, room
from trimtab.engine.lookup import Counts, Lookup, Speculation, accept
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
    begin alike. ``speculation``: only greedy requests without a constraint are guessed at; the others take one token a
    forward in the same batch. Raises UserError where ``folder`` is no model and for int8 and int4, Unsupported for
    recurrent layers and for a draft model.
    """

    def __init__(
        self,
        folder: Path,
        *,
        dtype: str = "float32",
        threads: int | None = None,
        capacity: int = 16,
        prefix_mb: int = 256,
        speculation: Speculation | None = None,
    ) -> None:
        if speculation is not None and speculation.way != "lookup":
            raise Unsupported("the torch engine guesses by look-up only, not by a draft model", "speculation")
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
            speculates="" if speculation is None else speculation.way,
            precision=next((name for name, full in _DTYPES.items() if dtype in (name, full)), ""),
        )
        self._grammars = Grammars(folder, int(model.get_input_embeddings().weight.shape[0]))
        self._adapters = Adapters(model)
        self._stepper = _TorchStepper(
            model, context, capacity, Prefixes(prefix_mb << 20), self._grammars, self._adapters, speculation
        )
        self.counts = self._stepper.counts
        self._worker = Worker(self._stepper, "torch-engine")
        if threads is not None:
            # OpenMP keeps the count per thread that asks, so the thread that computes must ask.
            self._worker.call(lambda: torch.set_num_threads(threads))

    def submit(self, request: Request, on_chunk: Callable[[Chunk], None]) -> Slot:
        """Queue a request. A constraint is compiled here, in the caller's thread: a second for a tokenizer's first.

        Raises UserError where the constraint is wrong, Unsupported where llguidance is not installed or the request's
        adapter is not served.
        """
        request = self._adapters.hold(request)
        if request.constraint is not None:
            self._grammars.matcher(request.constraint)
        return self._worker.submit(request, on_chunk)

    def score(self, prompt_ids: Sequence[int], completion_ids: Sequence[int], adapter: str = "") -> list[float]:
        """Log-prob (nats) of each completion token given all before it. Raises UserError on an empty prompt."""
        return self.score_many([(prompt_ids, completion_ids)], adapter)[0]

    def score_many(self, pairs: Sequence[tuple[Sequence[int], Sequence[int]]], adapter: str = "") -> list[list[float]]:
        """``score`` of each ``(prompt_ids, completion_ids)``; requests in flight go on between two of them.

        Raises Unsupported where ``adapter`` is not served.
        """
        lora = self._adapters.get(adapter)
        return [self._worker.call(partial(self._stepper.score, *pair, lora)) for pair in pairs]

    def add_adapter(self, name: str, folder: Path) -> str:
        """Serve the LoRA adapter in ``folder`` as ``name`` beside the base, while requests run; its digest.

        Raises UserError where it is no plain LoRA of this model, or ``name`` had other weights before.
        """
        adapter = self._adapters.read(name, folder)
        self._worker.call(lambda: self._adapters.add(adapter))
        self.caps = replace(self.caps, adapters=self._adapters.names)
        return adapter.digest

    def remove_adapter(self, name: str) -> None:
        """Refuse new requests for ``name``; those under way end with its weights. Raises UserError where it is none."""
        self._worker.call(lambda: self._adapters.remove(name))
        self.caps = replace(self.caps, adapters=self._adapters.names)

    def on_turn(self, told: Callable[[], None]) -> None:
        """``told`` is called from the engine's thread whenever the chunks of a step have been handed out."""
        self._worker.on_turn(told)

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
    lookup: Lookup | None = None

    def propose(self, most: int) -> list[int]:
        """Guesses for the next step, none for a request that is not guessed at; never past its last token."""
        return [] if self.lookup is None else self.lookup.propose(min(most, self.left - 1))


class _TorchStepper:
    def __init__(
        self,
        model: Any,
        context: int,
        capacity: int,
        prefixes: Prefixes,
        grammars: Grammars,
        adapters: Adapters,
        speculation: Speculation | None = None,
    ) -> None:
        self.capacity = capacity
        self.counts = Counts()
        self._adapters, self._speculation = adapters, speculation
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
        lora = held(request)
        ids, scope = request.prompt_ids, scope_of(request.cache_scope, lora)
        with self._adapters.rows([lora]):
            row, logits = extend(self._model, self._prefixes.find(ids, scope), ids, keep=1)
        self._prefixes.keep(ids, row, scope)
        matcher = None if request.constraint is None else self._grammars.matcher(request.constraint)
        active = _Active(slot, generator_of(request.sampling), left, matcher, lookup=self._lookup(request))
        chunk = self._take(active, logits[0])
        if chunk.finish is None:
            self._active.append(active)
            self._joining.append(row)
        return chunk

    @torch.inference_mode()
    def step(self) -> Iterable[tuple[Slot, Chunk]]:
        batch = self._joined()
        most = 0 if self._speculation is None else self._speculation.tokens
        guesses = [active.propose(most) for active in self._active]
        tokens = 1 + max(map(len, guesses))
        with self._adapters.rows([held(active.slot.request) for active in self._active]):
            output = self._model(
                input_ids=torch.tensor(
                    [[a.token, *guess, *[a.token] * (tokens - 1 - len(guess))] for a, guess in self._with(guesses)]
                ),
                past_key_values=batch.cache,
                use_cache=True,
                logits_to_keep=tokens,
                **batch.next_inputs(tokens),
            )
        chunks = [
            (active.slot, accept(guess, partial(self._take_at, active, output.logits[b])))
            for b, (active, guess) in enumerate(self._with(guesses))
        ]
        if tokens > 1:
            batch.keep([max(1, len(chunk.token_ids)) for _, chunk in chunks], tokens)
        self._count(guesses, [chunk for _, chunk in chunks], tokens)
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
        self._adapters.forget()
        give_back()

    @torch.inference_mode()
    def score(
        self, prompt_ids: Sequence[int], completion_ids: Sequence[int], lora: Adapter | None = None
    ) -> list[float]:
        if not completion_ids:
            return []
        check_scored(prompt_ids, completion_ids, context=self._context, vocabulary=self._vocabulary)
        scope = scope_of("", lora)
        with self._adapters.rows([lora]):
            row, logprobs = score(self._model, self._prefixes.find(prompt_ids, scope), prompt_ids, completion_ids)
        self._prefixes.keep(prompt_ids, row.first(len(prompt_ids)), scope)
        return logprobs

    def _lookup(self, request: Request) -> Lookup | None:
        """What guesses for this request: only where its next token is the model's own first choice."""
        if self._speculation is None:
            return None
        if request.sampling.temperature > 0 or request.constraint is not None:
            self.counts.apart += 1
            return None
        return Lookup(request.prompt_ids, self._speculation.ngram)

    def _with(self, guesses: list[list[int]]) -> Iterable[tuple[_Active, list[int]]]:
        return zip(self._active, guesses, strict=True)

    def _count(self, guesses: list[list[int]], chunks: list[Chunk], tokens: int) -> None:
        self.counts.turns += len(chunks)
        self.counts.emitted += sum(len(chunk.token_ids) for chunk in chunks)
        self.counts.proposed += sum(map(len, guesses))
        self.counts.accepted += sum(max(0, len(chunk.token_ids) - 1) for chunk in chunks)
        self.counts.verified += tokens * len(chunks)

    def _take_at(self, active: _Active, logits_TV: torch.Tensor, t: int) -> Chunk:
        return self._take(active, logits_TV[t])

    def _take(self, active: _Active, logits_V: torch.Tensor) -> Chunk:
        sampling = active.slot.request.sampling
        try:
            allowed_V = None if active.matcher is None else active.matcher.allow(logits_V, sampling.stop_ids)
            active.token, logprob = pick(logits_V, sampling, active.generator, allowed_V)
            whole = _is_whole(active, sampling)
            if active.lookup is not None:
                active.lookup.add(active.token)
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
